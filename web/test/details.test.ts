import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { details, detailsWith } from "../src/language/details-zh.ts";

/** What the server says, as it stands in its source. */
function told(file: string, pattern: RegExp): string[] {
  const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), "utf8");
  return [...source.matchAll(pattern)].map(([, text = ""]) => text);
}

test("why there is no recording, or why it ends early, has words in Chinese", () => {
  const all = [
    ...told("records/words.rs", /(?:NOT_NOTICED|LEFT_OUTSIDE): &str =\s*"([^"]+)"/g),
    ...told("app/recordings.rs", /const CUT: &str = "([^"]+)"/g),
    ...told("media/recorder/mod.rs", /refused\("([^"]+)"\)/g),
    ...told("tape/writing.rs", /FileTooLarge, "([^"]+)"/g),
  ];
  expect(all.length).toBeGreaterThanOrEqual(8);
  expect(all.filter((text) => !(text in details))).toEqual([]);
  for (const text of ["No space left on device (os error 28)", `${all[2]}: not a WAV file`])
    expect(detailsWith.some(([known]) => known.test(text))).toBe(true);
});

test("why an order is not done has words in Chinese", () => {
  const all = told("call/order.rs", /NotDone::\w+ =>\s*(?:\{\s*)?"([^"]+)"/g);
  expect(all).toContain("this queue is closed");
  expect(all.filter((text) => !(text in details))).toEqual([]);
});
