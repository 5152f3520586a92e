// How operators are told of in lists and on walls: the order of their states, who works first, and what they do.

import { operators } from "./board";
import { words } from "./language";
import type { OperatorNow, OperatorState } from "./words";

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
  return state === "outbound" && part ? t.doing[part.act](nameOf(part.operator)) : t.state[state];
}
