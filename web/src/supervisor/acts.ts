// What a supervisor asks of the house.

import { computed, signal } from "@preact/signals";
import { get, post, remove, segment } from "../api";
import { calls } from "../board";
import { linesOf } from "../lines";
import { attempt } from "../parts/toast";
import { session } from "../people";
import type { CallNow, Level, Mode } from "../words";

const orders = (call: string, body: unknown) => attempt(() => post(`/calls/${segment(call)}/orders`, body));

export const supervise = (call: string, mode: Mode) => orders(call, { order: "supervise", mode });
export const leave = (call: string) => orders(call, { order: "leave_supervision" });
export const takeOver = (call: string) => orders(call, { order: "take_over" });
export const move = (call: string, queue: string) => attempt(() => post(`/calls/${segment(call)}/move`, { queue }));

export const setReady = (operator: string) => attempt(() => post(`/operators/${segment(operator)}/ready`));
export const setNotReady = (operator: string, reason: string) =>
  attempt(() => post(`/operators/${segment(operator)}/not-ready`, { reason }));
export const setOut = (operator: string) => attempt(() => post(`/operators/${segment(operator)}/sign-out`));

export const flip = (schedule: string, to: string, note: string) =>
  attempt(() => post(`/schedules/${segment(schedule)}/switch`, { to, note }));

export const publish = (text: string, level: Level) => attempt(() => post("/notices", { text, level }));
export const takeDown = (notice: string) => attempt(() => remove(`/notices/${segment(notice)}`));

/** The call in which I am, and how. */
export const supervised = computed<{ call: CallNow; mode: Mode } | null>(() => {
  const mine = session.value?.person.id;
  for (const call of calls.value.values()) {
    const found = call.supervised_by.find((one) => one.operator === mine);
    if (found) return { call, mode: found.mode };
  }
  return null;
});

export const explained = signal<{ call: string; lines: string[] | null } | null>(null);

export async function explain(call: string): Promise<void> {
  explained.value = { call, lines: null };
  const done = await attempt(async () => {
    const answer = await get(`/calls/${segment(call)}/explain`);
    if (explained.value?.call === call) explained.value = { call, lines: linesOf(answer) };
  });
  if (!done) explained.value = null;
}
