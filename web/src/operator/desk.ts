// What an operator can do now, and how it is asked for. The house says what is; this only reads the board.

import { computed, signal } from "@preact/signals";
import { get, post, segment } from "../api";
import { calls, operators } from "../board";
import { words } from "../language";
import { attempt, say } from "../parts/toast";
import { session } from "../people";
import * as phones from "../phone/phone";
import type { CallNow, CallRecord, Directory, OperatorNow, Order, Stage, Today, Whom } from "../words";

export const { phone } = phones;

export const me = computed<OperatorNow | null>(() => operators.value.get(session.value?.person.id ?? "") ?? null);

/** The call on this desk: the one that is mine, or the one for which my phone rings. */
export const call = computed<CallNow | null>(() => {
  const [mine, ringing] = [me.value, phone.value.session?.call];
  const found = calls.value.get(mine?.call ?? "") ?? calls.value.get(ringing ?? "");
  if (found) return found;
  if (!mine) return null;
  for (const one of calls.value.values()) if (one.operator === mine.id) return one;
  return null;
});

export const directory = signal<Directory>({ operators: [], queues: [], emergencies: [], reasons: [] });
export const contacts = signal<{ of: string; list: CallRecord[] } | null>(null);
export const today = signal<Today | null>(null);
export const callbacks = signal<CallRecord[]>([]);

/** Stages in which caller and operator are together. */
const TOGETHER: Stage[] = ["talking", "holding", "consulting", "conference"];

export const desk = computed(() => {
  const [operator, current, sip] = [me.value, call.value, phone.value.session];
  const mine = current !== null && operator !== null && current.operator === operator.id;
  const stage = current?.stage ?? null;
  const together = mine && stage !== null && TOGETHER.includes(stage);
  const talks = sip?.stage === "talking" || sip?.stage === "answering";
  return {
    mine,
    together,
    answer: sip?.stage === "ringing",
    hangUp: sip !== null || together,
    mute: sip?.stage === "talking",
    keypad: sip?.stage === "talking",
    hold: together && (stage === "talking" || stage === "holding"),
    held: stage === "holding",
    consult: together && (stage === "talking" || stage === "holding"),
    transfer: together,
    back: together && (stage === "consulting" || stage === "conference"),
    complete: together && (stage === "consulting" || stage === "conference"),
    threeWay: together && stage === "consulting",
    emergency: together && directory.value.emergencies.length > 0,
    note: mine || operator?.state === "wrap_up",
    reclaim: mine && (together || stage === "lost") && !talks && sip === null,
    ready: operator !== null && operator.state !== "ready" && operator.state !== "offered",
    notReady: operator !== null && operator.state !== "signed_out",
    wrapUp: operator?.state === "wrap_up",
  };
});

const mePath = () => `/operators/${segment(me.value?.id ?? session.value?.person.id ?? "")}`;

export const ready = () => attempt(() => post(`${mePath()}/ready`));
export const notReady = (reason: string) => attempt(() => post(`${mePath()}/not-ready`, { reason }));
export const finish = () => attempt(() => post(`${mePath()}/wrap-up/end`));
export const extend = () => attempt(() => post(`${mePath()}/wrap-up/extend`, { ms: 30_000 }));

export function order(what: Order, id = call.value?.id): Promise<boolean> {
  if (!id) return Promise.resolve(false);
  return attempt(() => post(`/calls/${segment(id)}/orders`, what));
}

export const hold = () => order({ order: desk.value.held ? "resume" : "hold" });
export const consult = (to: Whom) => order({ order: "consult", to });
export const transfer = (to: Whom) => order({ order: "transfer", to });

export function emergency(index: number): void {
  const target = directory.value.emergencies[index];
  if (target && desk.value.emergency) void order({ order: "hand_off", target: target.id });
}

export function hangUp(): void {
  if (phone.value.session) phones.hangUp();
  else if (desk.value.together) void order({ order: "hang_up" });
}

// The call to which a note belongs outlasts it: one writes in wrap-up too.
export const noted = signal<{ call: string; text: string; saved: string } | null>(null);

export async function saveNote(): Promise<void> {
  const note = noted.value;
  if (!note || note.text === note.saved) return;
  if (await order({ order: "note", text: note.text }, note.call)) {
    noted.value = noted.value?.call === note.call ? { ...noted.value, saved: note.text } : noted.value;
    say(words.value.operator.noteSaved);
  }
}

export async function readDirectory(): Promise<void> {
  directory.value = await get<Directory>("/directory");
}

export async function readToday(): Promise<void> {
  const [mine, back] = await Promise.allSettled([
    get<Today>(`${mePath()}/today`),
    get<CallRecord[] | { callbacks: CallRecord[] }>(`${mePath()}/callbacks`),
  ]);
  if (mine.status === "fulfilled") today.value = mine.value;
  if (back.status === "fulfilled")
    callbacks.value = Array.isArray(back.value) ? back.value : (back.value.callbacks ?? []);
}

export async function readContacts(id: string): Promise<void> {
  if (contacts.value?.of === id) return;
  contacts.value = { of: id, list: [] };
  try {
    const found = await get<CallRecord[] | { records: CallRecord[] }>(`/calls/${segment(id)}/caller`);
    const list = Array.isArray(found) ? found : (found.records ?? []);
    if (contacts.value?.of === id) contacts.value = { of: id, list };
  } catch {
    // Shown as none; the call matters more.
  }
}
