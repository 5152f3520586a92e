// How operators are told of in lists and on walls: the order of their states, who works first, and what they do.

import { calls, operators, queues } from "./board";
import { number } from "./format";
import { words } from "./language";
import { target } from "./parts/steps";
import type { Act, CallNow, Consulting, Mode, OperatorNow, OperatorState, Part, Returned } from "./words";

export const STATES: OperatorState[] = [
  "ready",
  "offered",
  "talking",
  "holding",
  "outbound",
  "reserved",
  "wrap_up",
  "not_ready",
  "unreachable",
  "signed_out",
];

export const nameOf = (id: string | null | undefined) => operators.value.get(id ?? "")?.name || id || "–";

/** Whom one consults: a colleague, a queue, a seat where nobody sits, or a number. */
export function consulted({ operator, whom, to }: Consulting): string {
  if (operator) return nameOf(operator);
  if (!whom) return number(to.replace(/^\S+ /, ""));
  if ("queue" in whom) return queues.value.get(whom.queue)?.name || whom.queue;
  return "number" in whom ? number(whom.number) : to.replace(/^\S+ /, "");
}

/** What operators do, as they are counted: the state, or what they do in the call of another, or have others do in theirs. */
export type Kind = OperatorState | "consulting" | Exclude<Act, "rung">;

/** In the order of lists. */
export const KINDS: Kind[] = STATES.flatMap((state): Kind[] => {
  if (state === "holding") return [state, "consulting", "conference"];
  return state === "outbound" ? ["consulted", "listen", "whisper", "barge", state] : [state];
});

export function kindOf({ state, part, consults }: OperatorNow): Kind {
  if (state === "outbound" && part) return part.stage === "ringing" || part.act === "rung" ? "offered" : part.act;
  if (!consults) return state;
  return consults.caller_hears ? "conference" : "consulting";
}

export function kindName(kind: Kind): string {
  const { act, stage, state } = words.value;
  if (kind === "consulting") return stage.consulting;
  return kind in act ? act[kind as Act] : state[kind as OperatorState];
}

/** The colour of a kind: that of the state, where it has none of its own. */
export const tintOf = (kind: Kind) =>
  kind === "consulted" || kind === "listen" || kind === "whisper" || kind === "barge" ? "outbound" : kind;

/** Their state; of those who are in the call of another, or have others in theirs, what they do there. */
export function doing({ state, part, consults }: OperatorNow): string {
  const t = words.value;
  if (state === "outbound" && part) return inWords(part, t.doing, t.doingSoon);
  if (!consults) return t.state[state];
  return (consults.caller_hears ? t.doing.conference : t.doing.consulting)(consulted(consults));
}

/** What they do there, told to themselves. */
export function partOf(part: Part): string {
  const t = words.value;
  const of = part.stage === "talking" ? calls.value.get(part.call) : undefined;
  if (of?.caller_gone && isConsulted(part)) return t.partGone(nameOf(part.operator));
  return of && part.act === "barge" ? heardInBarge(of) : inWords(part, t.part, t.partSoon);
}

const isConsulted = ({ act }: Part) => act === "consulted" || act === "conference";

/** Who hears a supervisor who speaks in a call: whoever is put aside hears music. */
export function heardInBarge(of: CallNow): string {
  const t = words.value;
  const who = nameOf(of.operator);
  if (of.caller_gone) return t.barge.gone(who);
  switch (of.stage) {
    case "holding":
      return t.barge.held(who);
    case "consulting":
      return of.consulting?.stage === "talking" ? t.barge.consulting(who, consulted(of.consulting)) : t.barge.held(who);
    case "conference":
      return t.barge.all;
    case "lost":
      return t.barge.lost(who);
    default:
      return of.emergency && of.emergency.stage !== "ringing" ? t.barge.all : t.part.barge(who);
  }
}

/** By whom they hear is said of such a part: of the muted it is not true. */
export const isHeard = ({ act }: Part) => act === "conference" || act === "whisper" || act === "barge";

/** Why a caller is back in a line, told to `me`. */
export function cameBack({ why, by, to, operator }: Returned, me?: string): string {
  const t = words.value.returned;
  if (why === "lost") return by === me ? t.lostMine : t.lost(nameOf(by));
  const queue = (id: string) => queues.value.get(id)?.name || id;
  const whom = operator ? nameOf(operator) : target(to ?? "", { operator: nameOf, queue });
  return by === me ? t.mine(whom, t.why[why]) : t.theirs(nameOf(by), whom, t.why[why]);
}

type Said<Key extends string> = Record<Key, (who: string) => string>;

/** What they are still rung for they do not do yet; and not everybody who rings is sent by a colleague. */
function inWords(
  { act, stage, operator }: Part,
  now: Said<Part["act"]> & { direct: string },
  soon: Said<"consulted" | Mode>,
): string {
  if (act === "rung" && !operator) return now.direct;
  const rings = stage === "ringing" && act !== "rung" && act !== "conference";
  return (rings ? soon[act] : now[act])(nameOf(operator));
}
