// How operators are told of in lists and on walls: the order of their states, who works first, and what they do.

import { computed } from "@preact/signals";
import { calls, operators } from "./board";
import { number } from "./format";
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

/** Whom operators with a caller consult, as far as that is told: of those who are not seen to have a call, by those who
 * are consulted. */
const consulted = computed(() => {
  const found = new Map<string, { who: string; three: boolean }>();
  for (const { id, part } of operators.value.values())
    if (part?.operator && (part.act === "consulted" || part.act === "conference"))
      found.set(part.operator, { who: nameOf(id), three: part.act === "conference" });
  for (const { operator, consulting, stage } of calls.value.values()) {
    if (!operator || !consulting) continue;
    const who = consulting.operator ? nameOf(consulting.operator) : number(consulting.to.replace(/^\S+ /, ""));
    found.set(operator, { who, three: stage === "conference" });
  }
  return found;
});

/** Their state; of those who are in the call of another, or have others in theirs, what they do there. */
export function doing({ id, state, part }: OperatorNow): string {
  const t = words.value;
  if (state === "outbound" && part) return inWords(part, t.doing, t.doingSoon);
  const asks = state === "talking" || state === "holding" ? consulted.value.get(id) : undefined;
  if (asks) return (asks.three ? t.doing.conference : t.doing.consulting)(asks.who);
  return t.state[state];
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
