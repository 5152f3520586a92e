// What the API says, as it says it: times are RFC 3339, durations milliseconds. Nothing here knows a page.

export type Role = "operator" | "supervisor" | "admin" | "wall";

export interface Session {
  person: { id: string; name: string; roles: Role[]; language?: string | null };
  seat?: string | null;
  csrf: string;
  /** That of the house. */
  time_zone?: string | null;
}

/** A name in each language of the pages. */
export interface Names {
  zh: string;
  en: string;
}

export interface QueueNow {
  id: string;
  name: string;
  names?: Names;
  open: boolean;
  waiting: number;
  longest_since?: string | null;
  callbacks?: number;
  expected_wait_ms?: number | null;
  ready: number;
  talking: number;
  offered: number;
  answered: number;
  answered_within: number;
  abandoned: number;
  service_level?: number | null;
  service_level_15min?: number | null;
  answer_within_ms?: number;
  /** The one that it goes by. */
  schedule?: string | null;
  /** `auto`: by its schedule, its hours, or always open. */
  switch?: "open" | "closed" | "auto";
  until?: string | null;
  by?: string | null;
  note?: string | null;
}

export type OperatorState =
  | "signed_out"
  | "not_ready"
  | "ready"
  | "offered"
  | "reserved"
  | "talking"
  | "holding"
  | "wrap_up"
  | "outbound"
  | "unreachable";

export interface OperatorNow {
  id: string;
  name: string;
  seat?: string | null;
  state: OperatorState;
  reason?: string | null;
  since: string;
  /** When wrap-up or the offer ends. */
  until?: string | null;
  next?: string | null;
  call?: string | null;
  /** In wrap-up: the call after which it is. */
  wraps_up?: string | null;
  /** What they do in the call of another. */
  part?: Part | null;
  /** How they came to be consulted no longer, though they did not hang up. */
  part_over?: PartOver | null;
  /** Whom they consult, or have in a conference, beside their caller. */
  consults?: Consulting | null;
  queue?: string | null;
  browser?: boolean;
  supervisor?: boolean;
  answered: number;
  talk_ms: number;
}

export type Stage =
  | "menu"
  | "waiting"
  | "ringing"
  | "talking"
  | "holding"
  | "consulting"
  | "conference"
  | "lost"
  | "survey"
  | "message"
  | "onward"
  | "callback"
  | "ending";

export type Mode = "listen" | "whisper" | "barge";
export type Act = "rung" | "consulted" | "conference" | Mode;

/** What an operator does in the call of another. */
export interface Part {
  call: string;
  act: Act;
  /** Their phone may still ring for it. */
  stage: "ringing" | "talking";
  /** None where no operator sends the caller who rings. */
  operator?: string | null;
}

/** The end of a consultation, told to the consulted. */
export interface PartOver {
  call: string;
  /** `theirs`: the caller was left to them. */
  how: "returned" | "theirs" | "caller_gone" | "taken_over" | "cut";
  /** Who had consulted them. */
  operator: string;
  at: string;
}

/** Why a caller whom an operator had is in a line again, or was before this talk. */
export interface Returned {
  /** `lost`: the phone of who had them; else what became of the transfer. */
  why: "busy" | "refused" | "no_answer" | "failed" | "lost";
  /** Who had the caller. */
  by: string;
  /** Whom they were sent to: `operator 1002`, `queue english`, a number. */
  to?: string | null;
  /** Who sits there. */
  operator?: string | null;
  at: string;
}

/** What somebody noted, and when they wrote it last. */
export interface Note {
  by: string;
  /** Of who is no operator. */
  name?: string | null;
  at?: string | null;
  text: string;
}

export interface Consulting {
  /** In words; `whom` says the same for programs. */
  to: string;
  whom: Whom;
  /** Who sits where it rings. */
  operator?: string | null;
  stage: "ringing" | "talking";
  caller_hears: boolean;
}

export interface Emergency {
  target: string;
  /** `confirmed`: they have taken the matter, and are not taken out any more. */
  stage: "ringing" | "talking" | "confirmed";
  /** When they were called. */
  since?: string;
}

export interface CallNow {
  id: string;
  stage: Stage;
  since: string;
  from?: string | null;
  to: string;
  language?: string | null;
  choices?: string | null;
  queue?: string | null;
  arrived_at: string;
  queued_at?: string | null;
  connected_at?: string | null;
  /** Since when they wait in the line in which they are, or waited in the last one. */
  line_since?: string | null;
  /** How long they waited there; absent while they wait. */
  line_wait_ms?: number | null;
  operator?: string | null;
  /** Since when they have the caller. */
  operator_since?: string | null;
  /** All whose phones ring for it. */
  rung?: string[];
  seat?: string | null;
  place?: number | null;
  why?: string | null;
  consulting?: Consulting | null;
  /** `ringing`: their phone still rings for it. */
  supervised_by: { operator: string; mode: Mode; stage?: "ringing" | "talking" }[];
  emergency?: Emergency | null;
  /** Who was called last, and did not take the matter. */
  emergency_failed?: { target: string; at: string } | null;
  /** Why whom the operator consulted last took no part. */
  unreached?: "busy" | "refused" | "no_answer" | "failed" | null;
  returned?: Returned | null;
  /** Operator and emergency service talk on. */
  caller_gone?: boolean;
  /** One for each author. */
  notes?: Note[];
  /** A node of the menus, or the queue. */
  category?: string | null;
  /** `soon`: it is not yet. Absent: it is not recorded. */
  recording?: "soon" | "on" | "paused" | null;
  digits?: Record<string, string>;
  callback_of?: string | null;
}

/** A citizen whom the house is to call back. */
export interface CallbackNow {
  id: string;
  queue: string;
  number: string;
  /** Since when their place in the line counts. */
  since: string;
  /** `later`: not before `next_at`. */
  stage: "waiting" | "later" | "dialling";
  next_at?: string | null;
  /** The present one included. */
  tries: number;
  most_tries: number;
  place?: number | null;
  operator?: string | null;
  expires_at: string;
}

export interface Quarter {
  at: string;
  minute?: number;
  offered: number;
  answered: number;
  answered_within: number;
  abandoned: number;
}

export interface Figures {
  offered: number;
  answered: number;
  answered_within: number;
  abandoned: number;
  waiting: number;
  longest_since?: string | null;
  service_level?: number | null;
  service_level_15min?: number | null;
  /** 0 to 1. */
  goal: number;
  answer_within_ms: number;
  talking?: number;
  calls?: number;
  quarters: Quarter[];
  /** On the board only, not in events. */
  yesterday?: Quarter[] | null;
  last_week?: Quarter[] | null;
  ledger: Record<string, number>;
  categories: { id: string; name: string; names?: Names; count: number }[];
}

export interface Alarm {
  id: string;
  kind: string;
  queue?: string | null;
  since: string;
  text: string;
  text_en?: string | null;
}

export type Level = "info" | "warning" | "urgent";

export interface Notice {
  id: string;
  text: string;
  level: Level;
  by: string;
  at: string;
  until?: string | null;
}

export interface ScheduleNow {
  id: string;
  name?: string;
  names?: Names;
  open: boolean;
  switch: "open" | "closed" | "auto";
  until?: string | null;
  by?: string | null;
  note?: string | null;
  queues?: string[];
}

export interface Board {
  offset: string;
  now: string;
  queues: QueueNow[];
  operators: OperatorNow[];
  calls: CallNow[];
  /** For supervisors and admins. */
  callbacks?: CallbackNow[];
  /** Operators see their own figures only. */
  today: Figures | null;
  alarms: Alarm[];
  notices: Notice[];
  schedules: ScheduleNow[];
}

export interface Told {
  offset: string;
  at: string;
  type: string;
  data: unknown;
}

export interface PhoneFacts {
  uri: string;
  websocket: string;
  seat: string;
  ice_servers: RTCIceServer[];
  display_name?: string | null;
}

export interface Directory {
  operators: { id: string; name: string; seat?: string | null; state?: OperatorState | null; supervisor?: boolean }[];
  queues: { id: string; name: string; names?: Names; open?: boolean; waiting?: number; ready?: number }[];
  emergencies: { id: string; name: string; names?: Names }[];
  reasons: string[];
  reason_names?: Record<string, Names>;
  skill_names?: Record<string, Names>;
  /** Of nodes of the menus: what calls are about. */
  choice_names?: Record<string, Names>;
  /** Of those who are no operators; for supervisors and admins. */
  people?: Record<string, string>;
}

export type Whom = { operator: string } | { seat: string } | { queue: string } | { number: string };

export type Order =
  | { order: "hold" | "resume" | "return" | "complete" | "conference" | "hang_up" | "reclaim" }
  | { order: "pause_recording" | "resume_recording" }
  | { order: "leave_supervision" | "take_over" }
  | { order: "consult" | "transfer"; to: Whom }
  | { order: "hand_off"; target?: string }
  | { order: "note"; text: string }
  | { order: "supervise"; mode: Mode };

export interface Recording {
  /** None: `why` says why. */
  file?: string | null;
  /** `at_ms` of the index counts from there. */
  began_at?: string | null;
  sha256?: string | null;
  length_ms?: number;
  /** Heard, but not on disk: it did not keep up. */
  lost_ms?: number;
  why?: string | null;
  deleted_at?: string | null;
  /** What is heard from when on. */
  index?: { at_ms: number; stage: string; operator?: string | null; paused?: boolean }[];
}

/** One visit to a line. */
export interface Visit {
  queue: string;
  /** Since when they wait; after a move since before it. */
  joined_at: string;
  outcome: string;
  wait_ms: number;
  left_at?: string | null;
  /** Who answered. */
  operator?: string | null;
}

/**
 * A menu (`menu`) or a rule of a line (`line`) sent the caller on to a number outside, or to a seat, or an operator
 * (`operator`) dialled them beside a talk.
 */
export interface SentOn {
  at: string;
  by: string;
  to: string;
  trunk?: string | null;
  /** Who sits at the seat. */
  operator?: string | null;
  answered_at?: string | null;
  ended_at?: string | null;
  outcome: string;
}

/** A call that is over; the record has more fields, all of which are shown. */
export interface CallRecord {
  call_id: string;
  from?: string | null;
  to?: string | null;
  arrived_at: string;
  answered_at?: string | null;
  queued_at?: string | null;
  connected_at?: string | null;
  ended_at?: string | null;
  queue?: string | null;
  operator?: string | null;
  seat?: string | null;
  language?: string | null;
  menu_path?: string[];
  choices?: string;
  digits?: Record<string, string>;
  outcome: string;
  ended_by?: string | null;
  /** When the operator had hung up and the caller was asked how it was. */
  survey_at?: string | null;
  /** When the caller was asked for a message. */
  message_at?: string | null;
  /** Where menus and the rules of lines sent the caller on. */
  sent_on?: SentOn[];
  /** The carrier was asked to put the caller and whom they were put through to together without us. */
  release?: { at: string; ended_at?: string | null; outcome: string; sip_status?: number | null } | null;
  /** In lines, all visits together. */
  wait_ms?: number | null;
  lines?: Visit[];
  talk_ms?: number | null;
  hold_ms?: number | null;
  within_service_level?: boolean | null;
  notes?: Note[];
  recording?: Recording | null;
  [more: string]: unknown;
}

export interface Today {
  answered: number;
  /** Talks that are over, those included that colleagues handed over. */
  handled?: number;
  talk_ms: number;
  hold_ms?: number;
  wrap_up_ms?: number;
  average_ms?: number | null;
  /** Talk, hold and wrap-up. */
  average_handle_ms?: number | null;
  service_level?: number | null;
  missed?: number;
}

export interface Configuration {
  version: number;
  files: Record<string, string>;
}

export interface Version {
  version: number;
  at?: string | null;
  author?: string | null;
  note?: string | null;
  changes?: string[];
}

export interface Difference {
  changes?: string[];
  lines?: string[];
}

export interface Checked {
  ok?: boolean;
  faults?: string[];
  warnings?: string[];
  report?: string;
  changes?: string[];
}

export interface Simulated {
  report?: string;
  /** How it was called on the server. */
  day?: string;
  configurations?: { added_operators?: number; added_seats?: number }[];
  figures?: Figure[];
  quarters?: { minute: number; before: Played; after: Played }[];
}

export interface Figure {
  name: string;
  /** A queue or a skill. */
  of?: string;
  unit: "count" | "share" | "seconds";
  first?: { mean: number } | null;
  second?: { mean: number } | null;
  difference?: { mean: number } | null;
}

export interface Played {
  offered?: number;
  service_level?: number | null;
  longest_wait_ms?: number | null;
}

export interface Audited {
  id: number;
  at: string;
  who: string;
  what: string;
  from?: string | null;
  result?: string | null;
}
