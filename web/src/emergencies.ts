// Emergencies that go on just now, the first of them first: what a supervisor and the hall must not miss.

import { computed, signal } from "@preact/signals";
import { calls } from "./board";
import { words } from "./language";
import type { CallNow, Directory, Emergency } from "./words";

/** Whom one can call, where the page has asked. */
export const targets = signal<Directory["emergencies"]>([]);

export type Running = CallNow & { emergency: Emergency };

export const emergencies = computed<Running[]>(() => {
  const list = [...calls.value.values()].filter((call): call is Running => Boolean(call.emergency));
  return list.sort((a, b) => sinceWhen(a).localeCompare(sinceWhen(b)) || a.id.localeCompare(b.id));
});

export const sinceWhen = (call: Running) => call.emergency.since ?? call.since;

/** `110 Police`, or the number alone. */
export function targetName(id: string): string {
  const name = targets.value.find((target) => target.id === id)?.name;
  return name && name !== id ? `${id} ${name}` : id;
}

/** How far it has come. */
export const stageOf = (call: Running) => words.value.emergency[call.emergency.stage];
