// Why a caller waited, told from what the queue engine decided. The server tells it in English too; a decision that is not
// known here is told in its words.

import type { Dictionary } from "./language/zh";
import { linesOf } from "./lines";

/** How many operators stand how. */
export type Tally = Record<string, number>;

export interface Happened {
  at: string;
  output: string;
  text?: string | null;
  queue?: string;
  from?: string | null;
  to?: string;
  operator?: string;
  seat?: string;
  outcome?: string;
  ms?: number;
  talk_ms?: number;
  why?: unknown;
  cause?: string;
  step?: number;
  number?: string;
  attempt?: number;
  result?: string;
  expected?: { median_ms: number; p80_ms: number } | null;
  chosen?: { operator: string; by: string; preferred?: boolean } | null;
  passed?: { contact: string; why: string } | null;
  tally?: Tally;
  /** Of the ready, so many did not take it before. */
  excluded?: number;
  candidates?: { operator: string; fit: string }[];
}

/** One visit to a line. */
export interface Visit {
  queue: string;
  outcome: string;
  wait_ms: number;
  left_at?: string | null;
  within_service_level?: boolean | null;
}

export interface Story {
  record?: { lines?: Visit[] };
  events: Happened[];
  passed_by?: { contact: string; at: string; operator?: string | null; why: string }[];
  incomplete?: boolean;
}

export interface Line {
  at: string | null;
  text: string;
  /** Who could not be asked, and why: told below. */
  details: string[];
}

/** What things are called on this page. */
export interface Names {
  operator(id: string): string;
  queue(id: string): string;
}

/** Of those who could not be asked so many are named. */
const NAMED = 8;

const word = (set: Record<string, string>, key: unknown) =>
  typeof key === "string" ? (set[key] ?? key.replaceAll("_", " ")) : JSON.stringify(key);

/** `2 busy, 1 not ready`, in words; nobody at all is told too. */
export function tallied(tally: Tally | undefined, t: Dictionary["explain"]): string {
  const parts = Object.entries(tally ?? {}).filter(([, many]) => many > 0);
  return parts.length === 0
    ? t.nobodyAtAll
    : parts.map(([state, many]) => t.many(word(t.fit, state), many)).join(t.and);
}

/** Of the ready those who did not take it before are told apart. */
function asked({ tally = {}, excluded = 0 }: Happened): Tally {
  return excluded === 0 ? tally : { excluded, ...tally, ready: Math.max(0, (tally.ready ?? 0) - excluded) };
}

/** The same from the one sentence that the board tells of a caller who waits. */
export function whyWaits(text: string | null | undefined, t: Dictionary["explain"]): string | null {
  const found = /^nobody could be asked: (.*)$/.exec(text ?? "");
  if (!found) return text ?? null;
  const known: Record<string, string> = { "in wrap-up": "wrap_up", "did not take this call before": "excluded" };
  const tally: Tally = {};
  for (const part of (found[1] ?? "").split(", ")) {
    const [, many, state] = /^(\d+) (.+)$/.exec(part) ?? [];
    if (many && state) tally[known[state] ?? state.replaceAll(" ", "_")] = Number(many);
  }
  return tallied(tally, t);
}

function left(why: unknown, t: Dictionary["explain"]): string {
  const key = (why as { key?: string } | null)?.key;
  return key === undefined ? word(t.left, why) : t.pressed(key);
}

function sentence(of: Happened, t: Dictionary["explain"], causes: Record<string, string>, names: Names): string | null {
  const who = names.operator(of.operator ?? "");
  const line = names.queue(of.queue ?? "");
  switch (of.output) {
    case "joined":
      return t.joined(line) + (of.expected ? t.foreseen(of.expected.median_ms) : "");
    case "refused":
      return t.refused(line, word(t.refusal, of.why));
    case "moved":
      return t.moved(names.queue(of.from ?? ""), names.queue(of.to ?? ""), left(of.why, t));
    case "relaxed":
      return t.relaxed(of.step ?? 0, word(t.relaxedBy, of.why));
    case "decided": {
      if (!of.chosen) return t.nobody(tallied(asked(of), t));
      const passed = of.passed ? t.passed(of.passed.contact, word(t.because, of.passed.why)) : "";
      const last = of.chosen.preferred ? t.preferred : "";
      return (
        t.asked(names.operator(of.chosen.operator), word(t.by, of.chosen.by) + last, tallied(of.tally, t)) + passed
      );
    }
    case "offer_ended":
      return t.rang(who, word(t.offer, of.outcome), of.ms ?? 0);
    case "connected":
      return t.connected(who, of.seat ?? "");
    case "handed_over":
      return t.handedOver(who, of.seat ?? "");
    case "ended":
      return t.ended(of.talk_ms ?? 0);
    case "left":
      return t.leftLine(line, left(of.why, t));
    case "late":
      return t.late(word(causes, of.cause));
    case "callback_renewed":
      return t.callbackRenewed(of.number ?? "");
    case "callback_taken":
      return t.callbackTaken(of.number ?? "");
    case "dial":
      return t.dialled(of.number ?? "", of.attempt ?? 1);
    default:
      return of.text ?? null;
  }
}

/** Those who could not be asked, by why. */
function details(of: Happened, t: Dictionary["explain"], names: Names): string[] {
  if (of.output !== "decided" || of.chosen) return [];
  const by = new Map<string, string[]>();
  for (const { operator, fit } of of.candidates ?? []) by.set(fit, [...(by.get(fit) ?? []), names.operator(operator)]);
  return [...by].map(([fit, list]) => {
    const more = list.length > NAMED ? ` +${list.length - NAMED}` : "";
    return `${word(t.fit, fit)}: ${list.slice(0, NAMED).join(t.and)}${more}`;
  });
}

function verdict(story: Story, t: Dictionary["explain"], causes: Record<string, string>, names: Names): string | null {
  const { record, events } = story;
  // A line from which it was moved is told of with the one in which the wait went on.
  const visits = (record?.lines ?? []).filter((visit) => visit.outcome !== "moved");
  if (visits.length === 0) return null;
  const waited = visits.map(({ queue, wait_ms, left_at }) =>
    left_at ? t.waited(names.queue(queue), wait_ms) : t.waits(names.queue(queue)),
  );
  // Nobody counts how long an operator waited beside a talk.
  if (visits.at(-1)?.outcome === "withdrawn") return waited.join("");
  const late = events.find((one) => one.output === "late");
  return waited.join("") + (late ? t.late(word(causes, late.cause)) : aim(visits, t));
}

/** Where the log tells no cause, it may be gone: what the record says of the visits that count. */
function aim(visits: Visit[], t: Dictionary["explain"]): string {
  const counted = visits.filter((visit) => visit.outcome !== "short_abandoned");
  if (counted.some((visit) => visit.within_service_level === false)) return t.notInTime;
  return counted.length > 0 && counted.every((visit) => visit.within_service_level === true) ? t.inTime : "";
}

/** What `GET /calls/{id}/explain` answers, in the language of the page; `course`: what else happened, in its order. */
export function explained(
  answer: unknown,
  words: Dictionary,
  names: Names,
  course: Line[] = [],
): { verdict: string | null; lines: Line[] } {
  const story = (answer as { story?: Story } | null)?.story;
  if (!Array.isArray(story?.events))
    return { verdict: null, lines: linesOf(answer).map((text) => ({ at: null, text, details: [] })) };
  const t = words.explain;
  const lines: Line[] = [];
  for (const of of story.events) {
    const text = sentence(of, t, words.cause, names);
    if (text) lines.push({ at: of.at, text, details: details(of, t, names) });
  }
  for (const passed of story.passed_by ?? []) {
    const text = t.passedBy(names.operator(passed.operator ?? ""), word(t.because, passed.why));
    lines.push({ at: passed.at, text, details: [] });
  }
  // Of one moment what happened comes before what was decided.
  lines.unshift(...course);
  lines.sort((a, b) => Date.parse(a.at ?? "") - Date.parse(b.at ?? ""));
  if (story.incomplete) lines.unshift({ at: null, text: t.incomplete, details: [] });
  const joined = (story.record?.lines ?? []).length > 0;
  if (story.events.length === 0) lines.push({ at: null, text: joined ? t.logGone : t.noLine, details: [] });
  return { verdict: verdict(story, t, words.cause, names), lines };
}
