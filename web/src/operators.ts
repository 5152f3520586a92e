// How operators are told of in lists and on walls: the order of their states, who works first, and what they do.

import { operators } from "./board";
import { words } from "./language";
import type { Mode, OperatorNow, OperatorState, Part } from "./words";

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

/** Their state; of those who are in the call of another, what they do there. */
export function doing({ state, part }: OperatorNow): string {
  const t = words.value;
  return state === "outbound" && part ? inWords(part, t.doing, t.doingSoon) : t.state[state];
}

/** What they do there, told to themselves. */
export const partOf = (part: Part) => inWords(part, words.value.part, words.value.partSoon);

/** By whom they hear is said of such a part: of the muted it is not true. */
export const isHeard = ({ act }: Part) => act === "conference" || act === "whisper" || act === "barge";

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
