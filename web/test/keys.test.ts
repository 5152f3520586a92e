import { expect, test } from "vitest";
import { actOf, actsWith, KEYS, label, nameOf, type Pressed, Writing } from "../src/keys.ts";
import { en } from "../src/language/en.ts";
import { zh } from "../src/language/zh.ts";

const press = (key: string, code: string, more: Partial<Pressed> = {}): Pressed => ({
  key,
  code,
  shiftKey: false,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  ...more,
});

test("each key does one thing, and each has its words in both languages", () => {
  const keys = Object.values(KEYS);
  expect(new Set(keys).size).toBe(keys.length);
  for (const act of Object.keys(KEYS) as (keyof typeof KEYS)[]) {
    expect(zh.key[act]).toBeTruthy();
    expect(en.key[act]).toBeTruthy();
  }
});

test("letters work in upper case, in another layout, and with a Chinese input method", () => {
  expect(actOf(press("a", "KeyA"))).toBe("answer");
  expect(actOf(press("A", "KeyA"))).toBe("answer");
  expect(actOf(press("h", "KeyJ"))).toBe("hold");
  expect(actOf(press("Process", "KeyM"))).toBe("mute");
  expect(actOf(press("？", "Slash", { shiftKey: true }))).toBe("help");
});

test("an emergency needs the shift key, whatever sign the layout has there", () => {
  expect(actOf(press("!", "Digit1", { shiftKey: true }))).toBe("emergency1");
  expect(actOf(press("¥", "Digit4", { shiftKey: true }))).toBe("emergency4");
  expect(actOf(press("1", "Digit1"))).toBeNull();
});

test("only emergencies that there are have a key", () => {
  const emergencies = (many: number) => actsWith(many).filter((act) => act.startsWith("emergency"));
  expect(emergencies(1)).toEqual(["emergency1"]);
  expect(emergencies(0)).toEqual([]);
  expect(emergencies(9)).toHaveLength(4);
  expect(actsWith(0)).toHaveLength(Object.keys(KEYS).length - 4);
});

test("what belongs to the browser or is being composed is left alone", () => {
  expect(nameOf(press("r", "KeyR", { ctrlKey: true }))).toBeNull();
  expect(nameOf(press("h", "KeyH", { metaKey: true }))).toBeNull();
  expect(nameOf(press("a", "KeyA", { isComposing: true }))).toBeNull();
  expect(actOf(press("F5", "F5"))).toBeNull();
});

test("buttons show their keys", () => {
  expect([label("a"), label("shift+1"), label("?")]).toEqual(["A", "⇧1", "?"]);
});

test("what is written on when the field is gone is no key, until one pauses, points or leaves", () => {
  const writing = new Writing();
  expect(writing.takes("a", 0, "outside")).toBe(false);
  expect(writing.takes("l", 100, "lines")).toBe(true);
  expect(writing.takes("Enter", 200, "lines")).toBe(true);
  // The field goes away.
  expect(writing.takes("a", 400, "outside")).toBe(true);
  expect(writing.takes("m", 1_300, "outside")).toBe(true);
  expect(writing.takes("p", 2_301, "outside")).toBe(false);
  for (const out of ["Escape", "Tab", "Enter"]) {
    expect(writing.takes("x", 3_000, "field")).toBe(true);
    expect(writing.takes(out, 3_100, "field")).toBe(true);
    expect(writing.takes("a", 3_200, "outside"), out).toBe(false);
  }
  writing.takes("x", 4_000, "field");
  writing.end();
  expect(writing.takes("a", 4_100, "outside")).toBe(false);
});
