import { expect, test } from "vitest";
import { changeInWords } from "../src/admin/changes.ts";
import { changes } from "../src/language/changes-zh.ts";

test.each([
  ["queue citizen: wrap_up 10s → 20s", "队列 citizen：话后处理（wrap_up） 10s → 20s"],
  ["queue citizen: wrap_up_max 10s → 20s", "队列 citizen：话后处理上限（wrap_up_max） 10s → 20s"],
  ["queue citizen: callback ring 10s → 20s", "队列 citizen：回拨振铃（callback ring） 10s → 20s"],
  ["queue citizen: choose longest-idle → weighted", "队列 citizen：派单方式（choose） 最久空闲 → 按权重"],
  ["queue citizen: max_wait none → 5m", "队列 citizen：最长等待（max_wait） 无 → 5m"],
  ["queue citizen: if_full number 010 added", "队列 citizen：队满时（if_full） number 010 新增"],
  ["operator 1042 added", "话务员 1042 新增"],
  ["operator 1042: mandarin 3 → 5", "话务员 1042：mandarin 3 → 5"],
  ["operator 1042: english 3 removed", "话务员 1042：english 3 已删除"],
  ["operator 1042: supervisor false → true", "话务员 1042：班长（supervisor） 否 → 是"],
  ["seat 8001: secret changed", "席位 8001：密码（secret） 已更改"],
  ["prompt zh/greeting replaced", "录音 zh/greeting 已替换"],
  ["ice server 1: urls stun:a → stun:b", "ICE 服务器 1：urls stun:a → stun:b"],
  ["web.goal 95 → 90", "及时率目标（web.goal） 95 → 90"],
  ["web.session_idle 1h → 2h", "web.session_idle 1h → 2h"],
  [
    "queue town renamed: it is queue city now, and whoever waits there keeps the place",
    "队列 town 改名为 队列 city，正在排队的人位置不变",
  ],
  ["queue a removed: whoever waits there goes on in queue b", "队列 a 已删除，正在排队的人转到 队列 b"],
  ["something that nobody knows", "something that nobody knows"],
])("%s", (line, told) => {
  expect(changeInWords(line, changes)).toBe(told);
});

test("what the page does not translate stays as the house tells it", () => {
  expect(changeInWords("queue citizen: ring 10s → 20s", null)).toBe("queue citizen: ring 10s → 20s");
});
