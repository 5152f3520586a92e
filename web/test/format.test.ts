import { beforeAll, expect, test, vi } from "vitest";
import { callerOf } from "../src/caller.ts";
import { laidOut, MINUTES } from "../src/day.ts";
import {
  clock,
  comes,
  coming,
  countdown,
  dateTime,
  dayAfter,
  liveIn,
  minuteAt,
  number,
  percent,
  today,
  when,
} from "../src/format.ts";
import { linesOf } from "../src/lines.ts";

beforeAll(() => {
  vi.stubGlobal("document", { documentElement: { lang: "zh-CN" } });
});

test.each([
  [0, "0:00"],
  [7_999, "0:07"],
  [760_000, "12:40"],
  [3_723_000, "1:02:03"],
  [-5, "0:00"],
])("%i ms on the clock are %s", (ms, text) => expect(clock(ms)).toBe(text));

test.each([
  [10_000, "0:10"],
  [9_001, "0:10"],
  [1, "0:01"],
  [0, "0:00"],
  [-900, "0:00"],
])("%i ms left are counted down as %s", (ms, text) => expect(countdown(ms)).toBe(text));

test("a share is rounded as the command does", () => {
  expect([percent(5 / 9), percent(0.5554), percent(2 / 3, 0.95)]).toEqual(["55.6%", "55.5%", "66.7%"]);
  expect([percent(0.9999, 0.95), percent(0.9999), percent(0.9996, 0.95)]).toEqual(["99.9%", "99.9%", "99.9%"]);
  // Without a goal beside it only what is exact has no point.
  expect([percent(0.9546, 0.95), percent(0.9496), percent(0.95)]).toEqual(["95.5%", "95.0%", "95%"]);
});

test("a share is never rounded up to its goal", () => {
  expect(percent(0.9499, 0.95)).toBe("94.9%");
  expect(percent(0.94999, 0.95)).toBe("94.9%");
  expect(percent(0.9996, 1)).toBe("99.9%");
  expect(percent(0.95, 0.95)).toBe("95.0%");
  expect([percent(0.95), percent(0.57), percent(0.29)]).toEqual(["95%", "57%", "29%"]);
  expect([percent(1), percent(0), percent(null), percent(Number.NaN)]).toEqual(["100%", "0%", "–", "–"]);
});

test("numbers are grouped as they are read", () => {
  expect(["13812345678", "01065123456", "053212345678", "12345", ""].map((one) => number(one))).toEqual([
    "138 1234 5678",
    "010 6512 3456",
    "0532 1234 5678",
    "12345",
    "–",
  ]);
});

test("a day has 96 quarters, those without calls are none, those to come are not there", () => {
  const quarter = { at: "", minute: 600, offered: 7, answered: 6, answered_within: 5, abandoned: 1 };
  const day = laidOut([quarter], (one) => one.offered, 615);
  expect(day).toHaveLength(MINUTES.length);
  expect(day[40]).toBe(7);
  expect(day[41]).toBe(0);
  expect(day[42]).toBeNull();
});

test("an explanation is read in whichever form it comes", () => {
  expect(linesOf({ lines: ["a", { at: "10:00", text: "b" }] })).toEqual(["a", "10:00 b"]);
  expect(linesOf("a\nb")).toEqual(["a", "b"]);
  expect(linesOf({ text: "a" })).toEqual(["a"]);
});

test("days are told as one speaks of them", () => {
  const t = { today: "today", yesterday: "yesterday", tomorrow: "tomorrow" };
  const now = new Date(2026, 10, 26, 9, 0);
  const at = (...parts: [number, number, number, number, number]) => when(new Date(...parts).toISOString(), t, now);
  expect(at(2026, 10, 26, 0, 0)).toBe("today 00:00");
  expect(at(2026, 10, 25, 23, 59)).toBe("yesterday 23:59");
  expect(at(2026, 10, 24, 8, 5)).toBe("2026-11-24 08:05");
  expect(at(2026, 10, 26, 23, 59)).toBe("today 23:59");
  expect(at(2026, 10, 27, 0, 38)).toBe("tomorrow 00:38");
  expect(at(2026, 10, 28, 8, 5)).toBe("2026-11-28 08:05");
  expect([when(null, t, now), when("nonsense", t, now)]).toEqual(["–", "–"]);
  const comes = (...parts: [number, number, number, number, number]) =>
    coming(new Date(...parts).toISOString(), t, now);
  expect([comes(2026, 10, 26, 23, 59), comes(2026, 10, 27, 0, 38)]).toEqual(["23:59", "tomorrow 00:38"]);
  expect(coming("nonsense", t, now)).toBe("–");
});

test("times and days are those of the house, wherever the browser is", () => {
  const now = new Date("2026-11-26T15:30:00Z");
  const t = { today: "today", yesterday: "yesterday", tomorrow: "tomorrow" };
  const seen = (zone: string) => {
    liveIn(zone);
    return [today(now), dateTime(now.toISOString()), when("2026-11-25T20:00:00Z", t, now), minuteAt(now)];
  };
  expect(seen("Asia/Tokyo")).toEqual(["2026-11-27", "2026-11-27 00:30:00", "yesterday 05:00", 30]);
  expect(seen("UTC")).toEqual(["2026-11-26", "2026-11-26 15:30:00", "yesterday 20:00", 930]);
  expect(seen("America/New_York")).toEqual(["2026-11-26", "2026-11-26 10:30:00", "yesterday 15:00", 630]);
  liveIn("Asia/Shanghai");
  expect([comes("23:31", now), comes("23:30", now), comes("x", now)]).toEqual([
    "2026-11-26T15:31:00.000Z",
    "2026-11-27T15:30:00.000Z",
    null,
  ]);
  // The night in which clocks are put back: 08:00 is an hour later than a day after 08:00.
  liveIn("Europe/Berlin");
  expect(comes("08:00", new Date("2026-10-24T06:00:00Z"))).toBe("2026-10-25T07:00:00.000Z");
  liveIn("Nowhere/Else");
  expect(minuteAt(new Date(2026, 10, 26, 9, 5))).toBe(545);
  liveIn(null);
  expect([dayAfter("2026-02-28", 1), dayAfter("2026-01-01", -1), dayAfter("20266-11-26", 0), dayAfter("", 0)]).toEqual([
    "2026-03-01",
    "2025-12-31",
    "",
    "",
  ]);
});

test("a caller who shows no number has none; of a callback it is who was dialled", () => {
  expect([callerOf({ from: "anonymous" }), callerOf({ from: "" }), callerOf({})]).toEqual([null, null, null]);
  expect(callerOf({ from: "12345", to: "13812345678", callback_of: "c1" })).toBe("13812345678");
  expect([number(null, "withheld"), number("", "withheld"), number(null)]).toEqual(["withheld", "withheld", "–"]);
});
