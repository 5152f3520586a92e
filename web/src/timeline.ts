// What a record tells, in the order in which it happened.

import type { CallRecord, Mode } from "./words";

/** Steps of a talk beside those of the whole call. */
type Kind =
  | (typeof KINDS)[number]
  | "menus"
  | "connected_at"
  | "ended_at"
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
  | "emergency_answered"
  | "emergency_confirmed"
  | "emergency_over"
  | "left_to"
  | "release_asked"
  | "released"
  | "not_released"
  | "returned"
  | "supervised"
  | "supervised_over"
  | "held"
  | "caller_held"
  | "resumed"
  | "direct"
  | "direct_over"
  | "sent_on"
  | "dialled_beside"
  | "sent_on_answered"
  | "sent_on_in_vain"
  | "lost"
  | "back"
  | "paused"
  | "recorded_on"
  | "operator_left"
  | "survey"
  | "message";

const KINDS = ["arrived_at", "answered_at"] as const;

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
  /** What the caller answered when they were asked how it was. */
  score?: number;
  by?: string;
  /** Who had the caller before a supervisor took them over. */
  from?: string;
  /** What sent the caller on, `menu` or `line`, and over which trunk. */
  sent_by?: string;
  trunk?: string;
  /** The nodes of the menus that were gone through, the keys that counted there, and what was typed, by name. */
  path?: string[];
  keys?: string;
  typed?: Record<string, string>;
  /** What a call came to that joined no line. */
  came?: string;
  /** Why the line was not released, and the status of SIP with which the carrier refused. */
  why?: string;
  sip_status?: number;
}

/** Of what happened in the same moment, what came first. */
const ORDER: Step["kind"][] = ["arrived_at", "answered_at", "menus", "queued_at", "moved", "offered"];
const LAST: Step["kind"][] = [
  "connected_at",
  "operator_left",
  "survey",
  "message",
  "release_asked",
  "released",
  "not_released",
  "ended_at",
];
function rank({ kind }: Step): number {
  const [first, last] = [ORDER.indexOf(kind), LAST.indexOf(kind)];
  if (first >= 0) return first;
  return last >= 0 ? ORDER.length + 1 + last : ORDER.length;
}

/** Two times of one moment are no further apart. */
const SAME_MS = 1000;

interface Entry {
  at?: string;
  answered_at?: string | null;
  confirmed_at?: string | null;
  conference_at?: string | null;
  left_at?: string | null;
  ended_at?: string | null;
  back_at?: string | null;
  kind?: string;
  operator?: string;
  by?: string;
  from?: string;
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

/** Whenever somebody took the caller over out of a line. */
function connected(record: CallRecord): Step[] {
  const first = record.connected_at;
  const steps: Step[] = (record.lines ?? [])
    .filter((visit) => visit.outcome === "answered" && visit.left_at)
    .map(({ left_at, operator }) => ({ at: left_at ?? "", kind: "connected_at", ...(operator ? { operator } : {}) }));
  // Where a menu led to a seat that is told with it.
  const isTold = (record.sent_on ?? []).some((one) => one.answered_at === first);
  if (typeof first !== "string" || isTold) return steps;
  // `operator` of the record is who had it last; connected it was to the one who answered first.
  const who = answered(record) ?? record.operator;
  const known = steps.find((step) => Math.abs(Date.parse(step.at) - Date.parse(first)) < SAME_MS);
  if (!known) steps.push({ at: first, kind: "connected_at", ...(who ? { operator: who } : {}) });
  else if (who && !known.operator) known.operator = who;
  return steps;
}

/** When the recording was paused, and when it went on. */
function pauses({ recording }: CallRecord): Step[] {
  const began = Date.parse(recording?.began_at ?? "");
  if (Number.isNaN(began)) return [];
  const steps: Step[] = [];
  let is = false;
  for (const { at_ms, paused = false } of recording?.index ?? []) {
    if (paused !== is)
      steps.push({ at: new Date(began + at_ms).toISOString(), kind: paused ? "paused" : "recorded_on" });
    is = paused;
  }
  return steps;
}

/** What became of the caller when no operator had them any more. */
function afterwards(record: CallRecord): Step[] {
  const steps: Step[] = [];
  const { operator, ended_by, ended_at, survey_at, message_at, survey } = record;
  if (survey_at) {
    steps.push({ at: survey_at, kind: "operator_left", ...(operator ? { operator } : {}) });
    steps.push({ at: survey_at, kind: "survey", ...(typeof survey === "number" ? { score: survey } : {}) });
  }
  if (message_at) steps.push({ at: message_at, kind: "message" });
  steps.push(...released(record));
  // Who ended the talk did so when the survey began; who ended the survey nobody wrote down.
  // Whom the caller was put through to outside stands where the operator stood.
  const second = (record.sent_on ?? []).some((one) => one.by === "operator");
  const outside = (second && !operator) || ["transferred_out", "overflowed"].includes(record.outcome);
  const by = ended_by === "operator" && outside ? "far" : ended_by;
  const came = joinedNone(record) ? { came: record.outcome } : {};
  if (ended_at) steps.push({ at: ended_at, kind: "ended_at", ...came, ...(by && !survey_at ? { by } : {}) });
  return steps;
}

const joinedNone = ({ lines = [] }: CallRecord) => lines.length === 0;

/** The menus have no times of their own. Keys that were pressed in a line are among those of the call. */
function menus(record: CallRecord): Step[] {
  const { menu_path: path = [], choices: keys, digits: typed, answered_at, arrived_at } = record;
  if (path.length === 0) return [];
  const pressed = keys && joinedNone(record) ? { keys } : {};
  return [{ at: answered_at ?? arrived_at, kind: "menus", path, ...pressed, ...(typed ? { typed } : {}) }];
}

/**
 * A menu or a rule of a line led the caller to a number or a seat, or an operator dialled it beside a talk. How the talk
 * there ended is told as of any other, and so it is that an operator waited for no answer.
 */
function sentOn({ sent_on = [] }: CallRecord): Step[] {
  return sent_on.flatMap(({ at, by, to, trunk, operator, answered_at, ended_at, outcome }) => {
    const how: Pick<Step, "kind" | "sent_by"> =
      by === "operator" ? { kind: "dialled_beside" } : { kind: "sent_on", sent_by: by };
    const steps: Step[] = [{ at, to, ...how, ...(trunk ? { trunk } : {}) }];
    if (answered_at) {
      const who: Pick<Step, "kind" | "operator" | "to"> = operator
        ? { kind: "connected_at", operator }
        : { kind: "sent_on_answered", to };
      steps.push({ at: answered_at, ...who });
    } else if (ended_at && outcome !== "restarted" && !(by === "operator" && outcome === "ended")) {
      steps.push({ at: ended_at, kind: "sent_on_in_vain", to, outcome });
    }
    return steps;
  });
}

/** The carrier was asked to put the caller and whom they were put through to together without us. */
function released({ release }: CallRecord): Step[] {
  if (!release) return [];
  const { at, ended_at, outcome, sip_status } = release;
  const steps: Step[] = NOT_ASKED.includes(outcome) ? [] : [{ at, kind: "release_asked" }];
  // That somebody hung up, or the house was cut off, is told by the end of the call.
  if (!ended_at || ["ended", "restarted"].includes(outcome)) return steps;
  if (outcome === "released") steps.push({ at: ended_at, kind: "released" });
  else steps.push({ at: ended_at, kind: "not_released", why: outcome, ...(sip_status ? { sip_status } : {}) });
  return steps;
}

/** What was known without asking the carrier. */
const NOT_ASKED = ["not_known", "untrusted", "one_encrypted"];

const entriesOf = (record: CallRecord, list: string) => (Array.isArray(record[list]) ? (record[list] as Entry[]) : []);

/** Nobody was reached, or they did not take the matter. */
const IN_VAIN = ["busy", "refused", "no_answer", "failed", "unconfirmed"];

/** Why a caller whom an operator had joined a line at that moment; null: they did not come back. */
function returned(record: CallRecord, joined: string): Pick<Step, "operator" | "to" | "outcome"> | null {
  const ended = (one: Entry) => one.ended_at === joined && IN_VAIN.includes(one.outcome ?? "");
  const unanswered = (one: Entry) => one.kind === "blind" || one.kind === "semi_attended";
  const sent = entriesOf(record, "transfers").findLast((one) => unanswered(one) && one.ended_at === joined);
  if (sent && !ended(sent)) return null;
  const vain = sent ?? entriesOf(record, "handoff").findLast(ended);
  if (vain) {
    const { by: operator, outcome = "", to = vain.target } = vain;
    return { outcome, ...(operator ? { operator } : {}), ...(to ? { to } : {}) };
  }
  // It was waited for a while whether the phone comes back.
  const answers = (record.lines ?? []).map((visit) => (visit.outcome === "answered" && visit.left_at) || "");
  const talk = answers.filter((at) => at && Date.parse(at) <= Date.parse(joined)).at(-1);
  const lost = entriesOf(record, "lost").findLast(
    (one) => !one.back_at && Date.parse(one.at ?? "") <= Date.parse(joined),
  );
  if (!talk || !lost || Date.parse(lost.at ?? "") < Date.parse(talk)) return null;
  return lost.operator ? { operator: lost.operator } : {};
}

export function timeline(record: CallRecord): Step[] {
  const steps: Step[] = [...menus(record), ...connected(record), ...sentOn(record), ...pauses(record)];
  steps.push(...afterwards(record));
  for (const kind of KINDS) {
    const at = record[kind];
    if (typeof at === "string") steps.push({ at, kind });
  }
  // The record's own `queued_at` is of the first visit, its `queue` of the last.
  let moved: string | null = null;
  for (const { joined_at, left_at, queue, outcome } of record.lines ?? []) {
    const back = returned(record, joined_at);
    if (moved) steps.push({ at: moved, kind: "moved", queue });
    else steps.push({ at: joined_at, queue, ...(back ? { ...back, kind: "returned" } : { kind: "queued_at" }) });
    moved = outcome === "moved" ? (left_at ?? null) : null;
  }
  const entries = (list: string) => entriesOf(record, list);
  const tell = (at: string | null | undefined, kind: Kind, one: Entry, what: (keyof Step & keyof Entry)[] = []) => {
    if (typeof at !== "string") return;
    const [operator, to] = [one.operator ?? one.by, one.to ?? one.target];
    const more = Object.fromEntries(what.filter((key) => one[key] !== undefined).map((key) => [key, one[key]]));
    steps.push({ ...more, at, kind, ...(operator ? { operator } : {}), ...(to ? { to } : {}) });
  };
  for (const one of entries("offers")) tell(one.at, "offered", one, ["seat", "outcome", "ms"]);
  for (const one of entries("transfers")) transfer(one, tell);
  for (const one of entries("handoff")) {
    tell(one.at, "handed_off", one, one.ended_at ? [] : ["outcome"]);
    tell(one.answered_at, "emergency_answered", one);
    tell(one.left_at, "left_to", one);
    tell(one.confirmed_at, "emergency_confirmed", one);
    tell(one.ended_at, "emergency_over", one, ["outcome"]);
  }
  for (const one of entries("supervised")) {
    tell(one.at, "supervised", one, ["mode"]);
    tell(one.ended_at, "supervised_over", one, ["mode"]);
  }
  for (const { by, ...one } of entries("holds")) {
    tell(one.at, by === "caller" ? "caller_held" : "held", one);
    if (one.ended_at !== record.ended_at) tell(one.ended_at, "resumed", one);
  }
  for (const one of entries("direct")) {
    tell(one.at, "direct", one);
    if (one.ended_at !== record.ended_at) tell(one.ended_at, "direct_over", one);
  }
  for (const one of entries("lost")) {
    tell(one.at, "lost", one, ["seat"]);
    tell(one.back_at, "back", one, ["seat"]);
  }
  return steps.sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || rank(a) - rank(b));
}

/**
 * A consultation has a beginning, an answer and an end, and only its end is a transfer. `operator` is who was rung: they
 * have the caller from the transfer on, or from the answer where nobody was consulted.
 */
function transfer(
  { operator: rung, ...one }: Entry,
  tell: (at: string | null | undefined, kind: Kind, one: Entry, what?: (keyof Step & keyof Entry)[]) => void,
): void {
  if (one.kind === "taken_over") return tell(one.at, "taken_over", { ...one, to: undefined }, ["from"]);
  const theirs = rung ? { operator: rung } : one.to ? { to: one.to } : {};
  if (one.kind === "blind") {
    tell(one.at, "transferred", one, ["outcome"]);
    return tell(one.answered_at, "connected_at", theirs);
  }
  const done = one.outcome === "transferred";
  tell(one.at, "consulted", one);
  // Who still rang when the caller was left to them answered the caller.
  if (one.kind !== "semi_attended") tell(one.answered_at, "consult_answered", one);
  tell(one.conference_at, "conference", one);
  tell(one.ended_at, done ? "transferred" : "consult_over", one, ["outcome"]);
  if (done) tell(one.ended_at, "connected_at", theirs);
}
