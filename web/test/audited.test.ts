import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { actInWords } from "../src/admin/audited.ts";
import { acts as english, orders as ordersInEnglish } from "../src/language/acts-en.ts";
import { acts as chinese, orders as ordersInChinese } from "../src/language/acts-zh.ts";

test.each([
  ['POST /queues/citizen/switch {"to":"closed"}', "开关队列 citizen"],
  ['POST /operators/1002/not-ready {"reason":"meal"}', "将 1002 设为示忙"],
  ['POST /calls/1m8c/orders {"order": "hang_up"}', "操作通话: 挂断"],
  ["GET /records.csv?queue=english", "导出话单 CSV"],
  ["GET /records/1m8c/recording", "听录音"],
  ["GET /records/1m8c/recording/peaks?points=800", "看录音波形"],
  ["POST /session mei", "登录"],
  ["hotline password 1001", "设置密码（命令行）"],
  ['hotline reload {"note":"x"}', "重新载入配置（命令行）"],
  ["POST /sessions", null],
])("%s", (what, told) => {
  expect(actInWords(what, chinese, ordersInChinese)).toBe(told);
});

test("every command of the API has words in both languages, and no word is of none", () => {
  const doors = readFileSync(new URL("../../src/http/roles.rs", import.meta.url), "utf8");
  const all = [...doors.matchAll(/\("(GET|POST|PUT|DELETE)", "([^"]+)"/g)].map(
    ([, method, path]) => `${method} ${path}`,
  );
  const commands = all.filter((door) => !door.startsWith("GET "));
  expect(commands.length).toBeGreaterThan(15);
  for (const acts of [english, chinese]) {
    expect(commands.filter((command) => !(command in acts))).toEqual([]);
    const requests = Object.keys(acts).filter((act) => !act.startsWith("hotline "));
    expect(requests.filter((request) => !all.includes(request))).toEqual([]);
  }
  expect(Object.keys(english)).toEqual(Object.keys(chinese));
  expect(Object.keys(ordersInEnglish)).toEqual(Object.keys(ordersInChinese));
});
