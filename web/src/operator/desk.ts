// What an operator can do now, and how it is asked for. The house says what is; this only reads the board.

import { batch, computed, effect, signal, untracked } from "@preact/signals";
import { get, post, put, segment } from "../api";
import { calls, connection, operators } from "../board";
import { callerOf } from "../caller";
import { askDirectory } from "../directory";
import { words } from "../language";
import { consulted } from "../operators";
import { attempt, say } from "../parts/toast";
import { session, signOut } from "../people";
import * as phones from "../phone/phone";
import { after } from "../phone/state";
import type {
  CallNow,
  CallRecord,
  Directory,
  Note,
  OperatorNow,
  OperatorState,
  Order,
  Stage,
  Today,
  Whom,
} from "../words";

export const me = computed<OperatorNow | null>(() => operators.value.get(session.value?.person.id ?? "") ?? null);

/** Board and phone tell of the same over two connections: what one of them lacks for so long, in ms, is not there. */
const APART = 1_000;

/** States in which nobody talks. */
const IDLE: OperatorState[] = ["signed_out", "not_ready", "ready", "wrap_up", "unreachable"];

/** The phone, as far as the house knows its call: what is left of a talk that is over is not shown as one. */
export const phone = computed(() => {
  const [now, state] = [phones.phone.value, me.value?.state];
  const { session } = now;
  const talks = session?.call && session.stage !== "ringing" && !calls.value.has(session.call);
  return talks && state && IDLE.includes(state) ? after(now, { is: "over" }) : now;
});

/** The call on this desk: the one that is mine, the one for which my phone rings, or the one in which I am asked. */
export const call = computed<CallNow | null>(() => {
  const [mine, ringing] = [me.value, phone.value.session?.call];
  for (const id of [mine?.call, ringing, mine?.part?.call]) {
    const found = calls.value.get(id ?? "");
    if (found) return found;
  }
  if (!mine) return null;
  for (const one of calls.value.values()) if (one.operator === mine.id || isAsked(one, mine.id)) return one;
  return null;
});

const isAsked = (of: CallNow, id: string) => of.consulting?.operator === id;

export const directory = signal<Directory>({ operators: [], queues: [], emergencies: [], reasons: [] });
/** Of a call's caller. `list`: null while they are read, "unknown" if they could not be. */
export const contacts = signal<{ of: string; list: CallRecord[] | null | "unknown" } | null>(null);
export const today = signal<Today | null>(null);
export const callbacks = signal<CallRecord[]>([]);

/** A call of mine rings or goes on, and this page's phone has had no part in it for a while. */
export const apart = signal(false);

/** Stages in which caller and operator are together. */
const TOGETHER: Stage[] = ["talking", "holding", "consulting", "conference"];

export const desk = computed(() => {
  const [operator, current, { session: sip, link, faults }] = [me.value, call.value, phone.value];
  const mine = current !== null && operator !== null && current.operator === operator.id;
  const asked = current !== null && operator !== null && isAsked(current, operator.id);
  const stage = current?.stage ?? null;
  // While an emergency is handed off the house does nothing else with the caller.
  const free = !current?.emergency;
  const together = mine && stage !== null && TOGETHER.includes(stage);
  const takesPart = mine ? together || stage === "lost" : asked && current.consulting?.stage === "talking";
  const silent = sip === null && takesPart;
  const away = session.value?.seat && operator?.seat && operator.seat !== session.value.seat;
  const signIn = operator?.state === "signed_out" || Boolean(away && operator && IDLE.includes(operator.state));
  const deaf = faults.includes("no_sound") || faults.includes("ice_failed");
  return {
    mine,
    /** In the call of a colleague, who has the caller. */
    asked,
    together,
    answer: sip?.stage === "ringing",
    hangUp: sip !== null || together || asked,
    mute: sip?.stage === "talking",
    keypad: sip?.stage === "talking",
    /** Of three with an emergency service, those two go on without the caller; of three with a colleague nobody is left. */
    hold:
      together &&
      !current.caller_gone &&
      (stage === "talking" || stage === "holding" || (stage === "conference" && !free && !current.consulting)),
    held: stage === "holding",
    consult: together && free && (stage === "talking" || stage === "holding"),
    transfer: together && free,
    back:
      together &&
      !current.caller_gone &&
      (free || Boolean(current.consulting)) &&
      (stage === "consulting" || stage === "conference"),
    complete: together && free && (stage === "consulting" || stage === "conference"),
    threeWay: together && !current.caller_gone && stage === "consulting" && current.consulting?.stage === "talking",
    /** Who has confirmed stays, and without the caller nobody is left to be called for. */
    emergency:
      together &&
      directory.value.emergencies.length > 0 &&
      current.emergency?.stage !== "confirmed" &&
      !current.caller_gone,
    /** To whom the caller is left by hanging up. */
    leaves: together && current.emergency && !current.caller_gone ? current.emergency.target : null,
    /** What can be paused, before it has begun too, or goes on. */
    recording: together ? (current.recording ?? null) : null,
    note: mine || operator?.state === "wrap_up",
    /** After a reload the consulted phone rings elsewhere, that is nowhere. */
    rungElsewhere: sip === null && asked && current.consulting?.stage === "ringing",
    /** A call of mine goes on without this page's phone. */
    silent,
    /** Not while another tab has the phone: the house would ring it there. A session that stands is of no use where the
     * house says that the phone is lost, or nothing comes of it. */
    reclaim: link !== "elsewhere" && ((silent && apart.value) || (mine && (stage === "lost" || (together && deaf)))),
    ready: operator !== null && (signIn || operator.state !== "ready") && operator.state !== "offered",
    /** Before one is ready here. */
    signIn,
    notReady: operator !== null && operator.state !== "signed_out",
    wrapUp: operator?.state === "wrap_up",
  };
});

/** What is on its way between page and house, or page and caller, may not arrive: nothing is told of who hears whom. */
export const cut = computed(() => connection.value.state === "lost" || phone.value.link === "lost");

{
  const lacks = computed(() => {
    const there = me.value?.state === "offered" || desk.value.silent;
    return there && phone.value.session === null;
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    clearTimeout(timer);
    if (!lacks.value) apart.value = false;
    else
      timer = setTimeout(() => {
        apart.value = true;
      }, APART);
  });
}

/** Who does not hear the muted: the caller, where nobody else is there. */
export function mutedFor(of: CallNow | null): string {
  const t = words.value.operator;
  // That somebody listens is not told, nor by this.
  const heard = of?.supervised_by.some(({ mode }) => mode !== "listen");
  const alone = of?.stage === "talking" && desk.value.mine && !of.emergency && !heard;
  return alone ? t.muted : t.mutedAll;
}

/** How many are in it. */
export function conferenceOf(of: CallNow | null): string {
  const t = words.value.operator;
  const four = of?.consulting && of.emergency && of.emergency.stage !== "ringing";
  return four ? t.conferenceFour : t.conference;
}

/** With whom one talks on. */
export function goneFrom(of: CallNow): string {
  const t = words.value.operator;
  return of.consulting ? t.callerGoneWith(consulted(of.consulting)) : t.callerGone;
}

const mePath = () => `/operators/${segment(me.value?.id ?? session.value?.person.id ?? "")}`;

/** Whoever is signed out, or signed in at another seat, takes that of this page first; they are ready when they say so once more. */
export const ready = () =>
  attempt(async () => {
    if (desk.value.signIn && session.value?.seat) await put("/session/seat", { seat: session.value.seat });
    else await post(`${mePath()}/ready`);
    leaving.value = false;
  });
export const notReady = (reason: string) => attempt(() => post(`${mePath()}/not-ready`, { reason }));
/** The page is left when the present call is over. */
export const leaving = signal(false);
export const signOutAfter = () =>
  attempt(async () => {
    await post(`${mePath()}/sign-out`);
    leaving.value = true;
  });
export const finish = () => attempt(() => post(`${mePath()}/wrap-up/end`));
export const extend = () => attempt(() => post(`${mePath()}/wrap-up/extend`, { ms: 30_000 }));

/** What was asked for last. */
export const asked = signal<{ call: string; order: Order["order"] } | null>(null);

/** What is right also when it is done late: who is called in need, and what was written. */
const LATE: Order["order"][] = ["hand_off", "note"];

/** Who waits longer for the answer to an order, in ms, has not reached the house. */
export const ANSWERS = 5_000;

/** While the house is away nothing else is asked for: it would be done when nobody expects it any more. */
export function order(what: Order, id = call.value?.id): Promise<boolean> {
  if (!id) return Promise.resolve(false);
  asked.value = { call: id, order: what.order };
  const stale = () => connection.value.state === "lost" && !LATE.includes(what.order);
  if (stale()) {
    say(words.value.problem.away, true);
    return Promise.resolve(false);
  }
  return attempt(() => post(`/calls/${segment(id)}/orders`, what, { stale, patience: ANSWERS }));
}

export const hold = () => order({ order: desk.value.held ? "resume" : "hold" });
export const consult = (to: Whom) => order({ order: "consult", to });
export const transfer = (to: Whom) => order({ order: "transfer", to });

export const pauseRecording = () =>
  order({ order: desk.value.recording === "paused" ? "resume_recording" : "pause_recording" });

export function hangUp(): void {
  if (call.value) asked.value = { call: call.value.id, order: "hang_up" };
  if (phone.value.session) phones.hangUp();
  else if (desk.value.together || desk.value.asked) void order({ order: "hang_up" });
}

/** The talk that was the last on this desk: its note is written in wrap-up, also after a reload. */
export interface Last {
  id: string;
  from: string | null;
  queue: string | null;
}
const LAST = "hotline.last";

function keptLast(): Last | null {
  try {
    return JSON.parse(sessionStorage.getItem(LAST) ?? "null") as Last | null;
  } catch {
    return null;
  }
}

export const last = signal<Last | null>(keptLast());
/** A caller may come back to the same operator out of another line. */
const isLast = (of: CallNow) => last.peek()?.id === of.id && last.peek()?.queue === (of.queue ?? null);
effect(() => {
  const now = call.value;
  const talks = me.value?.state === "talking" || me.value?.state === "holding";
  if (!now?.connected_at || !talks || !desk.value.mine || isLast(now)) return;
  keepLast({ id: now.id, from: callerOf(now), queue: now.queue ?? null });
});

function keepLast(now: Last): void {
  last.value = now;
  try {
    sessionStorage.setItem(LAST, JSON.stringify(now));
  } catch {
    // After a reload the house is asked.
  }
}

/** In wrap-up: the talk after which it is, which may have been on another page. */
export const wrapsUp = computed<Last | null>(() => {
  if (me.value?.state !== "wrap_up") return null;
  const of = me.value.wraps_up;
  return of && last.value?.id !== of ? null : last.value;
});
effect(() => {
  const of = me.value?.state === "wrap_up" ? me.value.wraps_up : null;
  if (of && last.value?.id !== of) void readLast(of);
});

async function readLast(of: string): Promise<void> {
  const found = await get<{ record?: CallRecord }>(`/calls/${segment(of)}`).catch(() => null);
  if (me.peek()?.wraps_up !== of) return;
  if (found?.record) keepLast({ id: of, from: callerOf(found.record), queue: found.record.queue ?? null });
  else setTimeout(() => me.peek()?.wraps_up === of && void readLast(of), WRITTEN);
}

/** What the clocks of a call count from: of mine the talk with me, of a hold its own beginning, of another's my part. */
export function clockFrom(of: CallNow): string {
  const at = me.value;
  const mine = desk.value.mine;
  if (at && (mine ? at.state === "holding" : desk.value.asked || at.part?.call === of.id)) return at.since;
  return (mine && of.operator_since) || of.connected_at || of.since;
}

// The call to which a note belongs outlasts it: one writes in wrap-up too.
export interface Noted {
  call: string;
  text: string;
  saved: string;
  failed: boolean;
  /** Here: until then it is as it is saved from elsewhere. */
  written: boolean;
}
export const noted = signal<Noted | null>(null);
/** Somebody writes in the note: it stays, whatever becomes of the talk. */
export const writing = signal(false);

/** Who writes: until so long, in ms, after the last key. */
const WRITES = 3_000;
export const typing = signal(false);
let still: ReturnType<typeof setTimeout> | undefined;

/** The page was left with the focus in the note: it is given back without anybody going to the note. */
let awayFromNote = false;

/** The focus is in the note, or has left it; `page`: with that of the whole page. Whoever goes there means to write. */
export function turnTo(note: boolean, page = false): void {
  batch(() => {
    writing.value = note;
    types(note && !awayFromNote);
  });
  awayFromNote = !note && page;
  if (!note) void saveNote();
}

function types(now: boolean): void {
  clearTimeout(still);
  typing.value = now;
  if (now) still = setTimeout(() => types(false), WRITES);
}

/** Who stops writing for so long, in ms, has what was written saved; who does not, as often as `OFTEN` says. */
const PAUSE = 1_500;
const OFTEN = 5_000;
let pause: ReturnType<typeof setTimeout> | undefined;
let unsavedSince: number | null = null;

/** What I noted on a call before, and what others did. */
export const mineOf = (notes: Note[] | undefined) => notes?.find((note) => note.by === me.value?.id)?.text ?? "";
export const othersOf = (notes: Note[] | undefined) => (notes ?? []).filter((note) => note.by !== me.value?.id);
/** The talk that is over here: the notes of others, and what became of it. */
export const others = signal<{ of: string; notes: Note[]; went: Went } | null>(null);

/** It goes on with others, was cut, or a supervisor took it over. */
export type Went = "on" | "cut" | { taken: string } | null;

function wentOf(record: CallRecord | undefined, on: boolean): Went {
  const transfers = (record?.transfers ?? []) as { kind?: string; by?: string; from?: string }[];
  const last = transfers.at(-1);
  if (last?.kind === "taken_over" && last.from === me.value?.id && last.by) return { taken: last.by };
  return record?.outcome === "system_restart" ? "cut" : on ? "on" : null;
}

/** What is not saved yet of calls whose note is no longer shown. */
const former = new Map<string, string>();
/** One after the other: an earlier text does not overtake a later one. */
const sending = new Map<string, Promise<void>>();

/** Begins the note of a call; what was written for another is saved all the same. */
export function beginNote(of: string, text: string): void {
  const before = noted.peek();
  if (before?.call === of) return;
  if (before && before.text !== before.saved) {
    former.set(before.call, before.text);
    void send(before.call);
  }
  noted.value = { call: of, text: former.get(of) ?? text, saved: text, failed: false, written: false };
  former.delete(of);
  void send(of);
}

/** The record of a call that has just ended may be written so much later, in ms. */
const WRITTEN = 2_000;

/** The talk that is over, as the record has it: the note, and what became of it. Asked for until it is known. */
export async function readNote(of: string): Promise<void> {
  if (noted.peek()?.call === of && others.peek()?.of === of) return;
  const read = () => get<{ goes_on?: boolean; record?: CallRecord }>(`/calls/${segment(of)}`).catch(() => null);
  const again = (then: () => void, after = WRITTEN) => setTimeout(() => wrapsUp.peek()?.id === of && then(), after);
  const found = await read();
  if (wrapsUp.peek()?.id !== of) return;
  if (!found) {
    again(() => void readNote(of));
    return;
  }
  if (!writing.peek()) beginNote(of, mineOf(found.record?.notes));
  // What goes on is looked at again.
  const tell = ({ record, goes_on: on }: NonNullable<typeof found>, after: number) => {
    others.value = { of, notes: othersOf(record?.notes), went: wentOf(record, on === true) };
    if (!on) return;
    again(async () => {
      const later = await read();
      if (others.peek()?.of === of) tell(later ?? { goes_on: true, ...(record ? { record } : {}) }, after * 2);
    }, after);
  };
  tell(found, WRITTEN);
}

export function writeNote(text: string): void {
  const note = noted.peek();
  if (!note) return;
  noted.value = { ...note, text, written: true };
  types(true);
  clearTimeout(pause);
  const now = Date.now();
  unsavedSince ??= now;
  pause = setTimeout(() => void saveNote(), Math.min(PAUSE, Math.max(0, unsavedSince + OFTEN - now)));
}

export function saveNote(): Promise<void> {
  clearTimeout(pause);
  unsavedSince = null;
  const note = noted.peek();
  return note ? send(note.call) : Promise.resolve();
}

function send(of: string): Promise<void> {
  const underway = sending.get(of) ?? transmit(of).finally(() => sending.delete(of));
  sending.set(of, underway);
  return underway;
}

/** Also what is written meanwhile. */
async function transmit(of: string): Promise<void> {
  for (;;) {
    const shown = noted.peek();
    const text = shown?.call !== of ? former.get(of) : shown.text === shown.saved ? undefined : shown.text;
    if (text === undefined) return;
    const done = await order({ order: "note", text }, of);
    if (done && former.get(of) === text) former.delete(of);
    const now = noted.peek();
    if (now?.call === of) noted.value = { ...now, saved: done ? text : now.saved, failed: !done };
    if (!done) return;
  }
}

/** What was saved of it from elsewhere: another tab had the page. */
export function adoptNote(of: string, text: string): void {
  const note = noted.peek();
  if (note?.call !== of || note.written || note.text !== note.saved) return;
  noted.value = { ...note, text, saved: text };
}

/** This page is the one at which one works, from now on: what is saved is what is written on. */
export async function takeNote(): Promise<void> {
  const note = noted.peek();
  if (!note || note.text !== note.saved) return;
  noted.value = { ...note, written: false };
  const found = await get<{ record?: CallRecord }>(`/calls/${segment(note.call)}`).catch(() => null);
  if (found?.record) adoptNote(note.call, mineOf(found.record.notes));
}

/** A page is left when what was written is saved; for a house that does not take it no page waits longer, in ms. */
const SAVES = 10_000;

/** Signs out, unless somebody writes on. `true`: it has. */
export async function leave(): Promise<boolean> {
  const all = [saveNote(), ...[...former.keys()].map(send)];
  await Promise.race([Promise.all(all), new Promise((done) => setTimeout(done, SAVES))]);
  return !typing.peek() && attempt(signOut);
}

/** What was written while the house was not there is saved as soon as it is: once, and not again where it is refused. */
effect(() => {
  if (connection.value.state !== "live") return;
  untracked(() => {
    for (const of of former.keys()) void send(of);
    if (noted.value?.failed) void saveNote();
  });
});

export async function readDirectory(): Promise<void> {
  directory.value = await askDirectory();
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
  if (contacts.value?.of === id && contacts.value.list !== "unknown") return;
  contacts.value = { of: id, list: null };
  const found = await get<CallRecord[] | { records: CallRecord[] }>(`/calls/${segment(id)}/caller`).catch(() => null);
  if (contacts.value?.of !== id) return;
  // The call matters more: what could not be read is not asked for again and again.
  contacts.value = { of: id, list: found === null ? "unknown" : Array.isArray(found) ? found : (found.records ?? []) };
}
