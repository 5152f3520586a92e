// What the queue engine decided, told in both languages.

import { expect, test } from "vitest";
import { explained as sample } from "../mock/sample.ts";
import { explained, tallied, whyWaits } from "../src/explain.ts";
import { en } from "../src/language/en.ts";
import { zh } from "../src/language/zh.ts";

const names = { operator: (id: string) => `<${id}>`, queue: (id: string) => `[${id}]` };

test("every decision is told in Chinese, and what is not known in the words of the server", () => {
  const answer = sample();
  const unknown = { at: new Date().toISOString(), output: "something_new", text: "told in the words of the server" };
  const story = { ...answer.story, events: [...answer.story.events, unknown] };
  const { verdict, lines } = explained({ ...answer, story }, zh, names);
  expect(verdict).toBe("在 [housing] 等待 19 秒。未及时接听：全忙。");
  expect(lines.map((line) => line.text)).toEqual([
    "进入队列 [housing]，预计等待 14 秒",
    "无人可分配：118 人通话中，9 人话后处理，2 人示忙",
    "要求放宽到第 1 步：等得够久",
    "分配给 <1001>：空闲最久（1 人就绪，117 人通话中）",
    "<1001> 接听（振铃 3 秒）",
    "未及时接听：全忙。",
    "接通 <1001>（席位 8001）",
    "told in the words of the server",
  ]);
  expect(lines[1]?.details).toEqual(["示忙: <1004>，<1011>"]);
});

test("of a call whose log is gone the record tells whether it was answered in time", () => {
  const visit = (outcome: string, within_service_level: boolean | null) => ({
    queue: "housing",
    outcome,
    wait_ms: 9_000,
    left_at: outcome === "" ? null : new Date().toISOString(),
    within_service_level,
  });
  const told = (...lines: ReturnType<typeof visit>[]) =>
    explained({ story: { record: { lines }, events: [], incomplete: true } }, en, names).verdict;
  const waited = "Waited 9 s in the line [housing]. ";
  expect(told(visit("answered", true))).toBe(`${waited}That was in time.`);
  expect(told(visit("answered", false))).toBe(`${waited}That was not in time.`);
  expect(told(visit("answered", true), visit("abandoned", false))).toBe(`${waited}${waited}That was not in time.`);
  expect(told(visit("moved", null), visit("answered", true))).toBe(`${waited}That was in time.`);
  expect(told(visit("short_abandoned", false))).toBe(waited);
  expect(told(visit("answered", true), visit("", null))).toBe(`${waited}Waits still in the line [housing]. `);
  expect(told()).toBe(null);
  // Nobody counts how long an operator waited beside a talk, though the engine called it late.
  const late = { at: new Date().toISOString(), output: "late", cause: "all_busy" };
  const withdrawn = { record: { lines: [visit("withdrawn", null)] }, events: [late] };
  expect(explained({ story: withdrawn }, en, names).verdict).toBe(waited);
  const of = (lines: ReturnType<typeof visit>[]) =>
    explained({ story: { record: { lines }, events: [] } }, en, names).lines.map((line) => line.text);
  expect(of([visit("answered", true)])).toEqual(["The log of that day is gone (it is kept for eight days)."]);
  expect(of([])).toEqual(["It joined no line."]);
});

test("the ready who did not take a call before are told of as that, not as ready", () => {
  const decided = { at: new Date().toISOString(), output: "decided", tally: { ready: 2, busy: 1 }, excluded: 1 };
  const { lines } = explained({ story: { events: [decided] } }, en, names);
  expect(lines.map((line) => line.text)).toEqual([
    "Nobody could be asked: 1 did not take this call before, 1 ready, 1 busy",
  ]);
});

test("what happened beside the decisions stands among them in its order", () => {
  const at = (second: number) => new Date(Date.parse("2026-11-26T02:00:00Z") + second * 1000).toISOString();
  const events = [
    { at: at(1), output: "joined", queue: "citizen" },
    { at: at(5), output: "connected", operator: "1001", seat: "8001" },
    { at: at(20), output: "ended", talk_ms: 15_000 },
  ];
  const course = [
    { at: at(0), text: "arrived", details: [] },
    { at: at(8), text: "on hold", details: [] },
    { at: at(41), text: "over", details: [] },
  ];
  const told = explained({ story: { events } }, en, names, course).lines.map((line) => line.text);
  expect(told).toEqual([
    "arrived",
    "Joined the line [citizen]",
    "Connected to <1001> at seat 8001",
    "on hold",
    "The talk ended after 15 s",
    "over",
  ]);
});

test("an older answer without a story is told line by line", () => {
  expect(explained({ lines: ["a", "b"] }, en, names).lines.map((line) => line.text)).toEqual(["a", "b"]);
});

test("why somebody waits is told in the language of the page; other words stay as they are", () => {
  const text = "nobody could be asked: 2 busy, 1 in wrap-up, 3 not ready";
  expect(whyWaits(text, zh.explain)).toBe("2 人通话中，1 人话后处理，3 人示忙");
  expect(whyWaits(text, en.explain)).toBe("2 busy, 1 in wrap-up, 3 not ready");
  const refused = "nobody could be asked: 1 did not take this call before, 2 busy";
  expect(whyWaits(refused, zh.explain)).toBe("1 人刚才没接这个来电，2 人通话中");
  expect(whyWaits(refused, en.explain)).toBe("1 did not take this call before, 2 busy");
  expect(whyWaits("nobody could be asked: nobody", zh.explain)).toBe("没有人有这项技能");
  expect([whyWaits("something else", zh.explain), whyWaits(null, zh.explain)]).toEqual(["something else", null]);
  expect(tallied({}, en.explain)).toBe("nobody has the skills");
});
