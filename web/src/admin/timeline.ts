// What a record tells, in the order in which it happened.

import type { CallRecord, Mode } from "../words";

const KINDS = ["arrived_at", "answered_at", "queued_at", "connected_at", "ended_at"] as const;
/** Lists of the record whose entries are steps of their own. */
const LISTS = {
  offers: "offered",
  transfers: "transferred",
  handoff: "handed_off",
  supervised: "supervised",
  lost: "lost",
} as const;

export interface Step {
  at: string;
  kind: (typeof KINDS)[number] | (typeof LISTS)[keyof typeof LISTS];
  operator?: string;
  seat?: string;
  to?: string;
  mode?: Mode;
  outcome?: string;
  ms?: number;
}

/** Of what happened in the same moment, what came first. */
const ORDER: Step["kind"][] = ["arrived_at", "answered_at", "queued_at", "offered", "connected_at"];
function rank({ kind }: Step): number {
  if (kind === "ended_at") return ORDER.length + 1;
  const found = ORDER.indexOf(kind);
  return found < 0 ? ORDER.length : found;
}

interface Entry {
  at?: string;
  operator?: string;
  by?: string;
  seat?: string;
  to?: string;
  target?: string;
  mode?: Mode;
  outcome?: string;
  ms?: number;
}

function answered(record: CallRecord): string | undefined {
  const offers = Array.isArray(record.offers) ? (record.offers as Entry[]) : [];
  return offers.find((offer) => offer.outcome === "answered")?.operator;
}

export function timeline(record: CallRecord): Step[] {
  const steps: Step[] = [];
  for (const kind of KINDS) {
    const at = record[kind];
    if (typeof at !== "string") continue;
    // `operator` is who had it last; connected it was to the one who answered first.
    const operator = kind === "connected_at" ? (answered(record) ?? record.operator) : null;
    steps.push({ at, kind, ...(operator ? { operator } : {}) });
  }
  for (const [list, kind] of Object.entries(LISTS) as [string, Step["kind"]][]) {
    const entries = record[list];
    for (const one of (Array.isArray(entries) ? entries : []) as Entry[]) {
      if (typeof one.at !== "string") continue;
      const [operator, to] = [one.operator ?? one.by, one.to ?? one.target];
      steps.push({
        at: one.at,
        kind,
        ...(operator ? { operator } : {}),
        ...(one.seat ? { seat: one.seat } : {}),
        ...(to ? { to } : {}),
        ...(one.mode ? { mode: one.mode } : {}),
        ...(one.outcome ? { outcome: one.outcome } : {}),
        ...(one.ms !== undefined ? { ms: one.ms } : {}),
      });
    }
  }
  return steps.sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || rank(a) - rank(b));
}
