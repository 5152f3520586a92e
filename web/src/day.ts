// A day by the quarter of an hour: quarters as the board tells them (only those in which anybody called), laid out in full.

import { minuteAt } from "./format";
import type { Quarter } from "./words";

export const MINUTES: number[] = Array.from({ length: 96 }, (_, i) => i * 15);

/** Minutes after midnight, here. */
export function minuteOf(quarter: Quarter): number {
  if (quarter.minute !== undefined) return quarter.minute;
  return minuteAt(new Date(quarter.at));
}

/** Of each quarter what `pick` says; none after `until`, nothing in quarters without calls. */
export function laidOut(
  quarters: Quarter[] | null | undefined,
  pick: (quarter: Quarter) => number,
  until = 1440,
): (number | null)[] {
  const found = new Map<number, number>();
  for (const quarter of quarters ?? []) {
    const minute = Math.floor(minuteOf(quarter) / 15) * 15;
    found.set(minute, (found.get(minute) ?? 0) + pick(quarter));
  }
  return MINUTES.map((minute) => (minute > until ? null : (found.get(minute) ?? 0)));
}
