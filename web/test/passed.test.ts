import { expect, test } from "vitest";
import { clock } from "../src/format.ts";
import { lasted } from "../src/passed.ts";

test.each([
  [-5, "0:00", "0 s"],
  [940, "0:00", "0.9 s"],
  [4_960, "0:04", "4.9 s"],
  [12_968, "0:12", "12 s"],
  [59_999, "0:59", "59 s"],
  [243_700, "4:03", "4 min 3 s"],
])("%i ms is the same on a clock and in a sentence", (ms, shown, told) => {
  expect([clock(ms), lasted(ms, "s", "min")]).toEqual([shown, told]);
});
