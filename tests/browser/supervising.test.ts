// The supervisor's page against the pretended house.

import { beforeEach, describe, expect, test } from "vitest";
import { at, eachVisits, last, page, served } from "./visit.ts";

eachVisits();

describe("the supervisor's page", () => {
  beforeEach(async () => {
    await at("/supervisor", "1010", "8010");
    await page.waitForSelector('[data-table="operators"] tbody tr');
  });

  test("listens, whispers, and leaves", async () => {
    const row = page.locator('tr[data-operator]:has(button:text-is("监听"))').first();
    await row.getByRole("button", { name: "监听" }).click();
    await page.waitForSelector('[data-mode="listen"]');
    // Wherever one has scrolled to one sees that one listens.
    await page.locator("tr[data-operator]").last().scrollIntoViewIfNeeded();
    expect((await page.locator('[data-mode="listen"]').boundingBox())?.y).toBe(0);
    await page.click('[data-mode="listen"] button:text-is("耳语")');
    await page.waitForSelector('[data-mode="whisper"]:has-text("只有话务员听到您")');
    expect(last()?.body).toEqual({ order: "supervise", mode: "whisper" });
    await page.click('[data-mode="whisper"] button:has-text("退出通话")');
    await page.waitForSelector('[data-mode="whisper"]', { state: "detached" });
  });

  test("an emergency is told of above everything, in its operator's row, and in the title, until it is over", async () => {
    const [id, call] = [...served.house.calls].find(([, one]) => one.stage === "talking") ?? ["", null];
    const since = new Date(Date.now() - 43_000).toISOString();
    const line = page.locator(`[data-emergency="${id}"]`);
    const row = page.locator(`tr[data-operator="${call?.operator}"] [data-field="emergency"]`);
    const before = await page.title();
    served.house.call(id, { stage: "conference", emergency: { target: "110", stage: "ringing", since } });
    await line.locator(':text("正在呼叫")').waitFor();
    expect(await line.textContent()).toMatch(/紧急 110.*0:4\d/);
    expect(await line.textContent()).toContain(served.house.operators.get(call?.operator ?? "")?.name);
    expect(await row.textContent()).toMatch(/^110 0:4\d · 正在呼叫$/);
    const alarms = (title: string) => Number(/▲(\d+)/.exec(title)?.[1] ?? 0);
    expect(alarms(await page.title())).toBe(alarms(before) + 1);
    served.house.call(id, { emergency: { target: "110", stage: "talking", since } });
    await row.locator(':scope:has-text("已接通")').waitFor();
    served.house.call(id, { caller_gone: true, emergency: { target: "110", stage: "confirmed", since } });
    await line.locator(':scope:has-text("已受理")').waitFor();
    await line.locator(':scope:has-text("来电人已挂断")').waitFor();
    await page.click('header button:text-is("English")');
    await line.locator(':scope:has-text("has taken the matter")').waitFor();
    await page.click('header button:text-is("中文")');
    served.house.over(id);
    await line.waitFor({ state: "detached" });
    expect(await page.title()).toBe(before);
  });

  test("how long is told as what it is: how long it has been, how much is left, or that nobody knows", async () => {
    const lasts = (id: string) => page.locator(`tr[data-operator="${id}"] td.number`).first();
    const [one, other, third] = [...served.house.operators.keys()].slice(3, 6) as [string, string, string];
    served.house.operator(one, { state: "wrap_up", call: null, next: "signed_in", until: new Date(Date.now() + 20_000).toISOString() });
    served.house.operator(other, { state: "signed_out", seat: null, since: new Date(Date.now() - 51_000).toISOString() });
    served.house.operator(third, { state: "not_ready", reason: "meal" });
    await page.waitForSelector(`tr[data-operator="${other}"] .chip[data-state="signed_out"]`);
    await page.waitForSelector(`tr[data-operator="${third}"] .chip[data-state="not_ready"]`);
    expect(await lasts(one).textContent()).toMatch(/^0:[12]\d后结束$/);
    expect(await lasts(other).textContent()).toBe("–");
    expect(await lasts(third).textContent()).toMatch(/^0:0\d$/);
    await page.waitForSelector(`tr[data-operator="${one}"] .second:has-text("→ 示忙")`);
  });

  test("why a caller waits does not count who did not take this call before as ready", async () => {
    const waiting = [...served.house.calls.values()].find((call) => call.stage === "waiting");
    served.house.call(waiting?.id ?? "", { why: "nobody could be asked: 1 did not take this call before, 2 busy" });
    await page.waitForSelector(`tr[data-call="${waiting?.id}"] .why:text-is("1 人刚才没接这个来电，2 人通话中")`);
  });

  test("who takes over sees with whom she talks, and is not offered to listen to herself", async () => {
    const row = page.locator('tr[data-operator]:has(button:text-is("监听"))').first();
    const other = (await row.getAttribute("data-operator")) ?? "";
    const call = served.house.operators.get(other)?.call ?? "";
    await row.getByRole("button", { name: "监听" }).click();
    await page.click('[data-mode="listen"] button:text-is("接管")');
    const bar = page.locator('[data-mode="own"]');
    const number = (served.house.calls.get(call)?.from ?? "").replace(/^(...)(....)/, "$1 $2 ");
    await bar.locator(`[data-field="own"]:has-text("${number}")`).waitFor();
    await bar.locator('[data-field="own"]:has-text("市民能听到您")').waitFor();
    const mine = page.locator('tr[data-operator="1010"]');
    await mine.locator('.chip[data-state="talking"]').waitFor();
    expect(await mine.getByRole("button").count()).toBe(0);
    expect(await mine.locator('option[value="take"]').count()).toBe(0);
    await bar.getByRole("button", { name: "静音" }).click();
    await bar.locator('[data-field="own"]:has-text("您已静音")').waitFor();
    await bar.getByRole("button", { name: "保持" }).click();
    await bar.locator('[data-field="own"]:has-text("市民在听音乐")').waitFor();
    await bar.getByRole("button", { name: "取回" }).click();
    await expect.poll(() => served.house.calls.get(call)?.stage).toBe("talking");
    await bar.getByRole("button", { name: "挂断" }).click();
    await bar.waitFor({ state: "detached" });
    expect(served.house.calls.has(call)).toBe(false);
  });

  test("who hears a supervisor who barges in is told as it is: on hold and while a colleague is consulted the caller hears music", async () => {
    const [id, call] = [...served.house.calls].find(([, one]) => one.stage === "talking") ?? ["", null];
    const name = served.house.operators.get(call?.operator ?? "")?.name;
    const other = served.house.operators.get("1006")?.name;
    await page.locator(`tr[data-operator="${call?.operator}"]`).getByRole("button", { name: "强插" }).click();
    const bar = page.locator('[data-mode="barge"]');
    const told = (text: string) => bar.locator(`:scope:has-text("${text}")`).waitFor();
    await told(`${name} 和市民都能听到您。`);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("mine");
    served.house.call(id, { emergency: { target: "110", stage: "talking" } });
    await told("通话各方都能听到您。");
    served.house.call(id, { emergency: { target: "110", stage: "ringing" } });
    await told(`${name} 和市民都能听到您。`);
    served.house.call(id, { emergency: null });
    served.house.call(id, { stage: "holding" });
    await told(`${name} 能听到您；市民在听音乐。`);
    const consulting = { to: "operator 1006", whom: { operator: "1006" }, operator: "1006", stage: "talking" as const, caller_hears: false };
    served.house.call(id, { stage: "consulting", consulting });
    await told(`${name} 和 ${other} 能听到您；市民在听音乐。`);
    served.house.call(id, { stage: "conference", consulting: { ...consulting, caller_hears: true } });
    await told("通话各方都能听到您。");
  });

  test("a supervisor who is still rung is not told of as listening", async () => {
    const [id, call] = [...served.house.calls].find(([, one]) => one.stage === "talking") ?? ["", null];
    const row = page.locator(`tr[data-operator="${call?.operator}"]`);
    const name = served.house.operators.get("1006")?.name;
    served.house.call(id, { supervised_by: [{ operator: "1006", mode: "listen", stage: "ringing" }] });
    await row.locator(`.second:text-is("监听 ${name} (振铃)")`).waitFor();
    served.house.call(id, { supervised_by: [{ operator: "1006", mode: "listen", stage: "talking" }] });
    await row.locator(`.second:text-is("监听 ${name}")`).waitFor();
  });

  test("what operators do is counted by the words of their rows", async () => {
    const rows = page.locator('[data-table="operators"] tbody tr');
    const chip = (kind: string) => page.locator(`[data-kind="${kind}"]`);
    const name = served.house.operators.get("1006")?.name;
    const consults = { to: "operator 1006", whom: { operator: "1006" }, operator: "1006", stage: "talking" as const, caller_hears: false };
    served.house.operator("1004", { state: "holding", call: "x", consults });
    served.house.operator("1006", { state: "outbound", part: { call: "x", act: "consulted", stage: "talking", operator: "1004" } });
    expect(await chip("consulting").textContent()).toBe("咨询 1");
    expect(await chip("consulted").textContent()).toBe("被咨询 1");
    expect(await chip("outbound").count()).toBe(0);
    await chip("consulting").click();
    await rows.locator(`.chip:text-is("咨询 ${name}")`).waitFor();
    expect(await rows.count()).toBe(1);
    served.house.operator("1004", { state: "talking", call: "x", consults: { ...consults, caller_hears: true } });
    await chip("conference").filter({ hasText: "三方 1" }).waitFor();
    await page.click('header button:text-is("English")');
    await chip("conference").click();
    await rows.locator(`.chip:text-is("Three-way with ${name}")`).waitFor();
    await page.click('header button:text-is("中文")');
  });

  test("who waits once more is marked: after a transfer in vain, and most of all after an emergency", async () => {
    const [id] = [...served.house.calls].find(([, one]) => one.stage === "waiting") ?? [""];
    const row = page.locator(`[data-table="waiting"] tr[data-call="${id}"]`);
    const who = (operator: string) => served.house.operators.get(operator)?.name;
    const at = new Date().toISOString();
    served.house.call(id, { returned: { why: "refused", by: "1004", to: "operator 1006", operator: "1006", at } });
    await row.locator(`[data-field="returned"]:text-is("${who("1004")} 把这位市民转给 ${who("1006")}：被拒。市民又回来了。")`).waitFor();
    expect(await row.locator('[data-field="emergency_failed"]').count()).toBe(0);
    served.house.call(id, { returned: null, emergency_failed: { target: "110", at } });
    await row.locator('[data-field="emergency_failed"].bad-text:has-text("110 未受理")').waitFor();
    expect(await row.locator('[data-field="returned"]').count()).toBe(0);
  });

  test("whom a colleague consults answers, mutes and hangs up by keys, and is told how it ended", async () => {
    const call = "asked";
    served.house.operator("1010", { state: "outbound", part: { call, act: "consulted", stage: "ringing", operator: "1004" } });
    // As soon as the phone of the page is there.
    await expect.poll(() => served.house.phones.ring("8010", call, "13812345678")).toBe(true);
    await page.waitForSelector('[data-mode=""] [data-act="answer"]');
    await page.keyboard.press("a");
    await page.waitForSelector('[data-mode=""] [data-act="mute"]:not([disabled])');
    await page.keyboard.press("m");
    await page.waitForSelector('[data-mode=""] [data-act="mute"][aria-pressed="true"]');
    await page.keyboard.press("x");
    await page.waitForSelector('[data-mode=""]', { state: "detached" });
    const over = { call, how: "returned" as const, operator: "1004", at: "1" };
    served.house.operator("1010", { state: "ready", part: null, part_over: over });
    await page.waitForSelector(`.toasts :text-is("咨询结束：${served.house.operators.get("1004")?.name} 已回到市民。")`);
  });

  test("who waits to be called back is told of: how many a queue has, since when, and when it is tried next", async () => {
    await page.waitForSelector('tr[data-queue="citizen"] [data-field="callbacks"]:has-text("2 个待回呼")');
    const rows = page.locator('[data-table="callbacks"] tbody tr');
    expect(await rows.first().locator("th, td").allTextContents()).toEqual([
      "138 1111 2222", "综合诉求", expect.stringMatching(/^2[01]:\d\d$/), "–", expect.stringMatching(/^\d\d:\d\d 之后$/), "1 / 3", expect.stringMatching(/\d\d:\d\d$/),
    ]);
    expect(await rows.nth(1).textContent()).toContain("轮到即拨");
    served.house.callback("b2", { stage: "dialling", tries: 1, operator: "1004" });
    await page.waitForSelector(`tr[data-callback="b2"] .chip:has-text("正在拨打 ${served.house.operators.get("1004")?.name}")`);
    served.house.callback("b1", null);
    served.house.callback("b2", null);
    await page.waitForSelector('[data-table="callbacks"]', { state: "detached" });
  });

  test("sets a state, moves a caller, sees why", async () => {
    await page.locator("tr[data-operator]").first().locator("select").selectOption("not:meal");
    await expect.poll(() => last()?.body).toEqual({ reason: "meal" });
    const waiting = page.locator('[data-table="waiting"] tbody tr').first();
    const call = await waiting.getAttribute("data-call");
    await waiting.locator("select").selectOption("social");
    await expect.poll(() => served.house.calls.get(call ?? "")?.queue).toBe("social");
    await waiting.getByRole("button", { name: "说明" }).click();
    await page.waitForSelector('dialog .timeline li:has-text("无人可分配")');
    // What happened beside the decisions stands among them.
    const told = await page.locator("dialog .timeline li").allTextContents();
    const at = (text: string) => told.findIndex((line) => line.includes(text));
    expect([at("呼入"), at("系统应答"), at("进入队列")]).toEqual([0, 1, 2]);
    expect(at("恢复通话")).toBe(told.length - 1);
    expect(at("保持")).toBe(told.length - 2);
  });

  test("opens and closes, and tells everybody something", async () => {
    // One press closes nothing, nor do two.
    await page.focus('[data-schedule="hotline"] button:text-is("关闭")');
    await page.keyboard.press("Enter");
    await page.waitForSelector('dialog:has-text("新来电会听到")');
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog", { state: "detached" });
    expect(last()?.what).not.toContain("/switch");
    await page.click('[data-schedule="hotline"] button:text-is("关闭")');
    await page.click('dialog button.bad:text-is("关闭")');
    await page.waitForSelector('[data-schedule="hotline"] .chip:has-text("关闭")');
    await page.fill('[data-panel="notices"] textarea', "停水通知");
    await page.click('[data-panel="notices"] button[type="submit"]');
    await page.waitForSelector('[data-bar="notice"]:has-text("停水通知")');
    await page.click('[data-panel="notices"] li:has-text("停水通知") button');
    await page.waitForSelector('[data-bar="notice"]:has-text("停水通知")', { state: "detached" });
  });

  test("closes one queue until a time, whether it has a schedule or not", async () => {
    await page.click('tr[data-queue="social"] button');
    await page.fill("dialog .switch input:not([type])", "培训");
    await page.fill('dialog .switch input[type="time"]', "18:00");
    // One button closes the queue, and none but that: the other leads back.
    expect(await page.locator('dialog button:has-text("关闭")').count()).toBe(1);
    expect(await page.locator('dialog button:has-text("取消")').count()).toBe(1);
    await page.click('dialog .switch button:text-is("关闭队列")');
    await page.waitForSelector('tr[data-queue="social"] .chip:has-text("关闭")');
    await page.waitForSelector("dialog", { state: "detached" });
    expect(last()?.what).toBe("POST /queues/social/switch");
    expect(last()?.body).toMatchObject({ to: "closed", note: "培训", until: expect.stringMatching(/^\d{4}-.*Z$/) });
  });

  test("an alarm is there at once and goes when it is over", async () => {
    served.house.tell("alarm", { id: "x", kind: "nobody", queue: "english", since: new Date().toISOString(), text: "无人可接英语", text_en: "nobody for english" });
    await page.waitForSelector('[data-panel="alarms"]:has-text("无人可接英语")');
    await expect.poll(() => page.title()).toContain("▲2");
    served.house.tell("alarm", { id: "closing", kind: "closing", queue: null, since: new Date().toISOString(), text: "热线即将停止运行", text_en: "closing" });
    await page.waitForSelector('[data-bar="closing"]:text-is("热线即将停止运行")');
    served.house.tell("alarm_over", { id: "closing" });
    await page.waitForSelector('[data-bar="closing"]', { state: "detached" });
    served.house.tell("alarm_over", { id: "x" });
    await page.waitForSelector('[data-panel="alarms"]:has-text("无人可接英语")', { state: "detached" });
  });
});
