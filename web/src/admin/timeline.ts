// What a record tells, in the order in which it happened.

import type { CallRecord } from "../words";

export interface Step {
  at: string;
  kind: "arrived_at" | "answered_at" | "queued_at" | "offered" | "connected_at" | "ended_at";
  /** To whom it was offered. */
  operator?: string;
  seat?: string;
  outcome?: string;
  ms?: number;
}

const KINDS = ["arrived_at", "answered_at", "queued_at", "connected_at", "ended_at"] as const;

export function timeline(record: CallRecord): Step[] {
  const steps: Step[] = [];
  for (const kind of KINDS) {
    const at = record[kind];
    if (typeof at === "string") steps.push({ at, kind });
  }
  const offers = Array.isArray(record.offers) ? record.offers : [];
  for (const offer of offers as Partial<Step>[]) {
    if (typeof offer.at === "string") steps.push({ ...offer, at: offer.at, kind: "offered" });
  }
  const order = ["arrived_at", "answered_at", "queued_at", "offered", "connected_at", "ended_at"];
  return steps.sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || order.indexOf(a.kind) - order.indexOf(b.kind));
}
