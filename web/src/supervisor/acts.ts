// What a supervisor asks of the house.

import { computed, signal } from "@preact/signals";
import { get, post, remove, segment } from "../api";
import { calls, operators } from "../board";
import { partOf } from "../operators";
import { attempt } from "../parts/toast";
import { session } from "../people";
import { phone } from "../phone/phone";
import type { Away } from "../phone/reclaiming";
import type { CallNow, Level, Mode } from "../words";

const orders = (call: string, body: unknown) => attempt(() => post(`/calls/${segment(call)}/orders`, body));

export const supervise = (call: string, mode: Mode) => orders(call, { order: "supervise", mode });
export const leave = (call: string) => orders(call, { order: "leave_supervision" });
export const takeOver = (call: string) => orders(call, { order: "take_over" });
/** Of a call of my own. */
export const hold = (call: string, held: boolean) => orders(call, { order: held ? "hold" : "resume" });
export const move = (call: string, queue: string) => attempt(() => post(`/calls/${segment(call)}/move`, { queue }));

export const setReady = (operator: string) => attempt(() => post(`/operators/${segment(operator)}/ready`));
export const setNotReady = (operator: string, reason: string) =>
  attempt(() => post(`/operators/${segment(operator)}/not-ready`, { reason }));
export const setOut = (operator: string) => attempt(() => post(`/operators/${segment(operator)}/sign-out`));

/** Opens, closes, or leaves to its rules what has been switched: a schedule, or one queue. */
export const flip = (what: "schedules" | "queues", id: string, to: string, note: string, until: string | null) =>
  attempt(() => post(`/${what}/${segment(id)}/switch`, { to, note, ...(until ? { until } : {}) }));

export const publish = (text: string, level: Level, until: string | null) =>
  attempt(() => post("/notices", { text, level, ...(until ? { until } : {}) }));
export const takeDown = (notice: string) => attempt(() => remove(`/notices/${segment(notice)}`));

/** The call that is mine as an operator's: taken over, or offered to me. */
export const own = computed<CallNow | null>(() => {
  const mine = session.value?.person.id;
  const at = operators.value.get(mine ?? "");
  if (!mine || !at) return null;
  const theirs = (call: CallNow) => call.operator === mine || (call.rung ?? []).includes(mine);
  const found = calls.value.get(at.call ?? "");
  return found && theirs(found) ? found : ([...calls.value.values()].find(theirs) ?? null);
});

/** The call in which I am, and how; `soon`: what I am still rung for, in words. */
export const supervised = computed<{ call: CallNow; mode: Mode; soon: string | null } | null>(() => {
  const mine = session.value?.person.id;
  const part = operators.value.get(mine ?? "")?.part;
  for (const call of calls.value.values()) {
    const found = call.supervised_by.find((one) => one.operator === mine);
    const rings = part?.call === call.id && part.stage === "ringing";
    if (found) return { call, mode: found.mode, soon: rings ? partOf(part) : null };
  }
  return null;
});

/** A call of mine whose sound is not on this page. */
export function away(): Away {
  const [mine, part] = [own.value, supervised.value];
  const call = mine ?? part?.call ?? null;
  const silent = call !== null && phone.value.session === null;
  // What is offered to me rings by itself.
  const talks = silent && (mine ? mine.operator === session.value?.person.id : part?.soon === null);
  return { call, talks, rings: silent && !talks && mine === null };
}
export const reclaim = (call: CallNow) => orders(call.id, { order: "reclaim" });

export const explained = signal<{ call: string; answer: unknown } | null>(null);

export async function explain(call: string): Promise<void> {
  explained.value = { call, answer: null };
  const done = await attempt(async () => {
    const answer = await get(`/calls/${segment(call)}/explain`);
    if (explained.value?.call === call) explained.value = { call, answer };
  });
  if (!done) explained.value = null;
}
