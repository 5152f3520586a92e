// What a record tells, in the order in which it happened.

import type { CallRecord, Mode } from "../words";

/** Steps of a talk beside those of the whole call. */
type Kind =
  | (typeof KINDS)[number]
  | "queued_at"
  | "moved"
  | "offered"
  | "consulted"
  | "consult_answered"
  | "conference"
  | "consult_over"
  | "transferred"
  | "taken_over"
  | "handed_off"
  | "supervised"
  | "supervised_over"
  | "held"
  | "caller_held"
  | "resumed"
  | "lost"
  | "back";

const KINDS = ["arrived_at", "answered_at", "connected_at", "ended_at"] as const;

export interface Step {
  at: string;
  kind: Kind;
  operator?: string;
  seat?: string;
  queue?: string;
  to?: string;
  mode?: Mode;
  outcome?: string;
  ms?: number;
}

/** Of what happened in the same moment, what came first. */
const ORDER: Step["kind"][] = ["arrived_at", "answered_at", "queued_at", "moved", "offered", "connected_at"];
function rank({ kind }: Step): number {
  if (kind === "ended_at") return ORDER.length + 1;
  const found = ORDER.indexOf(kind);
  return found < 0 ? ORDER.length : found;
}

interface Entry {
  at?: string;
  answered_at?: string | null;
  conference_at?: string | null;
  ended_at?: string | null;
  back_at?: string | null;
  kind?: string;
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
  // The record's own `queued_at` is of the first visit, its `queue` of the last.
  let moved: string | null = null;
  for (const { joined_at, left_at, queue, outcome } of record.lines ?? []) {
    steps.push(moved ? { at: moved, kind: "moved", queue } : { at: joined_at, kind: "queued_at", queue });
    moved = outcome === "moved" ? (left_at ?? null) : null;
  }
  const entries = (list: string) => (Array.isArray(record[list]) ? (record[list] as Entry[]) : []);
  const tell = (at: string | null | undefined, kind: Kind, one: Entry, what: (keyof Step & keyof Entry)[] = []) => {
    if (typeof at !== "string") return;
    const [operator, to] = [one.operator ?? one.by, one.to ?? one.target];
    const more = Object.fromEntries(what.filter((key) => one[key] !== undefined).map((key) => [key, one[key]]));
    steps.push({ ...more, at, kind, ...(operator ? { operator } : {}), ...(to ? { to } : {}) });
  };
  for (const one of entries("offers")) tell(one.at, "offered", one, ["seat", "outcome", "ms"]);
  // `operator` of a transfer is who was rung; who turned to them is told.
  for (const { operator: _, ...one } of entries("transfers")) transfer(one, tell);
  for (const one of entries("handoff")) tell(one.at, "handed_off", one, ["outcome"]);
  for (const one of entries("supervised")) {
    tell(one.at, "supervised", one, ["mode"]);
    tell(one.ended_at, "supervised_over", one, ["mode"]);
  }
  for (const { by, ...one } of entries("holds")) {
    tell(one.at, by === "caller" ? "caller_held" : "held", one);
    if (one.ended_at !== record.ended_at) tell(one.ended_at, "resumed", one);
  }
  for (const one of entries("lost")) {
    tell(one.at, "lost", one, ["seat"]);
    tell(one.back_at, "back", one, ["seat"]);
  }
  return steps.sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || rank(a) - rank(b));
}

/** A consultation has a beginning, an answer and an end, and only its end is a transfer. */
function transfer(
  one: Entry,
  tell: (at: string | null | undefined, kind: Kind, one: Entry, what?: (keyof Step & keyof Entry)[]) => void,
): void {
  if (one.kind === "taken_over") return tell(one.at, "taken_over", one);
  if (one.kind === "blind") return tell(one.at, "transferred", one, ["outcome"]);
  tell(one.at, "consulted", one);
  tell(one.answered_at, "consult_answered", one);
  tell(one.conference_at, "conference", one);
  tell(one.ended_at, one.outcome === "transferred" ? "transferred" : "consult_over", one, ["outcome"]);
}
