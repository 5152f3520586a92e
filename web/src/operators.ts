// The order of operators' states, for lists and walls: who works first.

import type { OperatorState } from "./words";

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
