// The operator's page against the pretended house: what one does there, by the keyboard alone, and what is known of a caller.

import { describe, expect, test } from "vitest";
import { waitState } from "./browser.ts";
import { asked, eachSignsIn, orders, page, ready, served, talk } from "./desk.ts";

eachSignsIn();

describe("the keyboard alone", () => {
  test("not ready with a reason, ready, and every key is shown", async () => {
    await ready();
    await page.keyboard.press("n");
    await page.waitForSelector("dialog [data-reason]");
    await page.keyboard.press("2");
    await waitState(page, "not_ready");
    expect(asked("POST /operators/1001/not-ready").at(-1)).toEqual({ reason: "meal" });
    await page.keyboard.press("?");
    expect(await page.locator(".key-list kbd").count()).toBeGreaterThan(20);
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
  });

  test("hold and resume, mute, note, consult, three-way, and back", async () => {
    const call = await talk();
    await page.keyboard.press("h");
    await waitState(page, "holding");
    await page.keyboard.press("h");
    await waitState(page, "talking");
    await page.keyboard.press("m");
    await page.waitForSelector('[data-act="mute"][aria-pressed="true"]');
    await page.keyboard.press("m");
    await page.keyboard.press("o");
    // Keys that are written do nothing else.
    await page.keyboard.type("hax r");
    await page.keyboard.press("Escape");
    await expect.poll(() => served.house.calls.get(call)?.notes?.[0]?.text).toBe("hax r");
    expect(served.house.calls.get(call)?.stage).toBe("talking");

    await page.keyboard.press("c");
    await page.waitForSelector("dialog .targets");
    await page.keyboard.type("1006");
    await page.keyboard.press("Enter");
    await page.waitForSelector('[data-act="threeWay"]:not([disabled])');
    await page.keyboard.press("j");
    await page.waitForSelector('[data-stage="conference"]');
    await page.keyboard.press("b");
    await page.waitForSelector('[data-stage="talking"]');
    expect(orders()).toEqual(["hold", "resume", "note", "consult", "conference", "return"]);
    expect(served.house.asked.find((one) => (one.body as { order?: string }).order === "consult")?.body).toEqual({
      order: "consult",
      to: { operator: "1006" },
    });
  });

  test("a queue is consulted as it says, and the first of the list is a person", async () => {
    await talk();
    await page.keyboard.press("c");
    await page.waitForSelector("dialog .targets");
    expect(await page.getAttribute('dialog [aria-selected="true"]', "data-target")).toMatch(/^operator /);
    await page.keyboard.type("housing");
    await page.waitForSelector('dialog [aria-selected="true"][data-target="queue housing"]');
    await page.keyboard.press("Enter");
    await page.waitForSelector('[data-act="threeWay"]:not([disabled])');
    expect(served.house.asked.at(-1)?.body).toEqual({ order: "consult", to: { queue: "housing" } });
    await waitState(page, "talking");
  });

  test("a blind transfer to a queue, found with the arrows", async () => {
    await talk();
    await page.keyboard.press("t");
    await page.waitForSelector("dialog .targets");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await waitState(page, "wrap_up");
    expect(served.house.asked.at(-1)?.body).toEqual({ order: "transfer", to: { queue: "housing" } });
  });

  test("the recording is paused and goes on, and the page says so", async () => {
    await talk();
    await page.keyboard.press("p");
    await page.waitForSelector('.situation:has-text("录音已暂停")');
    await page.keyboard.press("p");
    await page.waitForSelector('.situation:has-text("录音已暂停")', { state: "detached" });
    expect(orders().slice(-2)).toEqual(["pause_recording", "resume_recording"]);
  });

  test("what is not recorded yet, or never, is told so, and its key is there where it does something", async () => {
    const call = await talk();
    const told = (is: string) => page.waitForSelector(`[data-field="recording"][data-value="${is}"]`);
    await told("on");
    served.house.call(call, { recording: "soon" });
    await told("soon");
    await page.waitForSelector('.situation:has-text("还没有开始录音")');
    expect(await page.locator('[data-act="recording"] kbd').count()).toBe(1);
    served.house.call(call, { recording: null });
    await told("off");
    expect(await page.locator('[data-act="recording"]').count()).toBe(0);
    const before = orders().length;
    await page.keyboard.press("p");
    served.house.call(call, { recording: "paused" });
    await told("paused");
    expect(await page.locator('[data-act="recording"] kbd').count()).toBe(1);
    expect(orders().length).toBe(before);
  });

  test("whom a colleague consults sees whose call it is, whether the caller hears them, and the notes; then it is theirs", async () => {
    await ready();
    const consulting = { to: "operator 1001", whom: { operator: "1001" }, operator: "1001", stage: "ringing" as const, caller_hears: false };
    const others = { operator: "1006", seat: "8006", connected_at: new Date().toISOString(), stage: "consulting" as const, rung: [] };
    const call = served.house.ring("1001", "13900007777");
    served.house.call(call, { ...others, consulting, notes: [{ by: "1006", at: new Date().toISOString(), text: "暖气不热" }] });
    served.house.operator("1001", { state: "outbound", part: { call, act: "consulted", stage: "ringing", operator: "1006" } });
    await page.waitForSelector('.situation:has-text("您的电话在振铃")');
    await page.waitForSelector('[data-field="state"]:has-text("振铃")');
    await page.waitForSelector('[data-note="1006"]:has-text("暖气不热")');
    await page.waitForSelector('.caller:has-text("139 0000 7777")');
    await page.keyboard.press("a");
    await page.waitForSelector('[data-act="mute"]');
    // What belongs to the call is the colleague's.
    for (const act of ["hold", "consult", "transfer", "complete", "recording", "emergency1"]) {
      expect(await page.locator(`[data-act="${act}"]`).count(), act).toBe(0);
    }
    expect(await page.locator("#note").count()).toBe(0);
    for (const key of ["h", "g", "t", "p", "Shift+Digit1"]) await page.keyboard.press(key);
    expect(orders()).toEqual([]);
    served.house.call(call, { ...others, stage: "conference", consulting: { ...consulting, stage: "talking", caller_hears: true } });
    served.house.operator("1001", { state: "outbound", part: { call, act: "conference", stage: "talking", operator: "1006" } });
    await page.waitForSelector('.situation:has-text("市民能听到您")');
    const consulted = { ...consulting, stage: "talking" as const };
    served.house.call(call, { ...others, stage: "conference", caller_gone: true, emergency: { target: "110", stage: "talking" }, consulting: consulted });
    const colleague = served.house.operators.get("1006")?.name;
    await page.waitForSelector(`.situation:has-text("来电人已挂断；您与 ${colleague}、应急部门仍在通话。")`);
    await page.waitForSelector(`[data-field="hint"]:has-text("来电人已挂断；您与 ${colleague}、应急部门仍在通话。")`);
    expect(await page.textContent("main")).not.toMatch(/听音乐|市民能听到您/);
    served.house.call(call, { caller_gone: false, emergency: null });
    served.house.call(call, { ...others, operator: "1001", seat: "8001", stage: "talking", consulting: null });
    served.house.operator("1001", { state: "talking", call, part: null });
    await page.waitForSelector('[data-act="hold"]:not([disabled])');
    await page.waitForSelector("#note");
    served.house.noted(call, "chen", "领导关注");
    await page.waitForSelector('[data-note="chen"] .soft:has-text("陈主任")');
    served.house.noted(call, "1006", "暖气不热，已上门");
    await page.waitForSelector('[data-note="1006"]:has-text("已上门")');
  });

  test("colleagues who are in the call of another are told of by what they do there", async () => {
    // So few are there that all of them are shown.
    for (const { id } of served.house.operators.values())
      if (!["1001", "1004", "1006"].includes(id)) served.house.operator(id, { state: "signed_out", seat: null });
    served.house.operator("1006", { state: "outbound", part: { call: "x", act: "listen", stage: "ringing", operator: "1004" } });
    const name = served.house.operators.get("1004")?.name ?? "";
    await page.waitForSelector(`.lines .chip:has-text("振铃中，将监听 ${name}")`);
    served.house.operator("1006", { state: "outbound", part: { call: "x", act: "listen", stage: "talking", operator: "1004" } });
    await page.waitForSelector(`.lines .chip:text-is("监听 ${name}")`);
    served.house.operator("1006", { state: "outbound", part: { call: "x", act: "consulted", stage: "talking", operator: "1004" } });
    await page.waitForSelector(`.lines .chip:text-is("被咨询：${name}")`);
  });

  test("who consults is told of as that, to themselves and to colleagues; not as on hold", async () => {
    const call = await talk();
    await page.keyboard.press("c");
    await page.waitForSelector("dialog .targets");
    await page.keyboard.type("1006");
    await page.keyboard.press("Enter");
    served.house.operator("1001", { state: "holding", call });
    const name = served.house.operators.get("1006")?.name;
    await page.waitForSelector('[data-field="state"]:text-is("咨询")');
    await page.waitForSelector(`[data-field="hint"]:text-is("正在与 ${name} 通话，市民在听音乐")`);
    for (const { id } of served.house.operators.values())
      if (!["1001", "1004", "1006"].includes(id)) served.house.operator(id, { state: "signed_out", seat: null });
    served.house.operator("1004", { state: "holding", call: "x" });
    await page.waitForSelector('.lines .chip:text-is("保持中")');
    // The call of a colleague is not shown to her: the house says whom he consults in it.
    const consults = { to: "operator 1006", whom: { operator: "1006" }, operator: "1006", stage: "talking" as const, caller_hears: false };
    served.house.operator("1004", { state: "talking", call: "x", consults });
    await page.waitForSelector(`.lines .chip:text-is("咨询 ${name}")`);
    const outside = { ...consults, to: "01065128888", whom: { number: "01065128888" }, operator: null };
    served.house.operator("1004", { state: "holding", call: "x", consults: outside });
    await page.waitForSelector('.lines .chip:text-is("咨询 010 6512 8888")');
    served.house.operator("1004", { state: "talking", call: "x", consults: { ...outside, caller_hears: true } });
    await page.waitForSelector('.lines .chip:text-is("三方：010 6512 8888")');
    await page.keyboard.press("t");
    await page.waitForSelector('dialog [data-target="operator 1004"] .chip:text-is("三方：010 6512 8888")');
  });

  test("that a consultation is over is said to who did not end it", async () => {
    const call = await talk();
    const name = served.house.operators.get("1006")?.name;
    const consult = async () => {
      await page.keyboard.press("c");
      await page.waitForSelector("dialog .targets");
      await page.keyboard.type("1006");
      await page.keyboard.press("Enter");
      await page.waitForSelector('[data-act="back"]:not([disabled])');
    };
    const consulting = { to: "operator 1006", whom: { operator: "1006" }, operator: "1006", stage: "ringing" as const, caller_hears: false };
    served.house.call(call, { stage: "consulting", consulting });
    await page.waitForSelector('[data-act="back"]:not([disabled])');
    served.house.call(call, { stage: "talking", consulting: null });
    await page.waitForSelector(`.toasts :text-is("${name} 没有接听：您已回到市民。")`);
    served.house.call(call, { stage: "consulting", consulting });
    await page.waitForSelector('[data-act="back"]:not([disabled])');
    served.house.call(call, { stage: "talking", consulting: null, unreached: "busy" });
    await page.waitForSelector(`.toasts :text-is("${name} 占线：您已回到市民。")`);
    served.house.call(call, { unreached: null });
    await consult();
    await page.waitForSelector('[data-act="threeWay"]:not([disabled])');
    served.house.call(call, { stage: "talking", consulting: null });
    await page.waitForSelector(`.toasts :text-is("${name} 已退出：您已回到市民。")`);
    await consult();
    await page.keyboard.press("b");
    await page.waitForSelector('[data-act="consult"]:not([disabled])');
    expect((await page.locator(".toasts").textContent())?.match(/回到市民/g)?.length ?? 0).toBeLessThanOrEqual(3);
    await consult();
    served.house.over(call);
    await page.waitForSelector('.toasts :text-is("咨询已结束，市民也已不在您这里。")');
  });

  test("the clocks of the state and of the call are one, and count the talk with me", async () => {
    const call = await talk();
    const clocks = async () => {
      const fields = ['[data-field="state-clock"]', ".call > .row > .strong"];
      const [state, card] = await page.evaluate((all) => all.map((one) => document.querySelector(one)?.textContent ?? ""), fields);
      expect(state).toBe(card);
      const [m = 0, s = 0] = (card ?? "").split(":").map(Number);
      return m * 60 + s;
    };
    await expect.poll(clocks, { timeout: 10_000 }).toBeGreaterThanOrEqual(3);
    // The page is loaded anew: for the house the state is a new one, the talk is not.
    served.house.call(call, { since: new Date().toISOString() });
    served.house.operator("1001", { state: "talking", call });
    await page.waitForTimeout(300);
    expect(await clocks()).toBeGreaterThanOrEqual(3);
    // They were with others, and came back to the same operator.
    const before = new Date(Date.now() - 3_000_000).toISOString();
    served.house.call(call, { connected_at: before, operator_since: new Date().toISOString() });
    await expect.poll(clocks).toBeLessThan(3);
    // A hold is counted by itself.
    await page.waitForTimeout(2_000);
    await page.keyboard.press("h");
    await waitState(page, "holding");
    expect(await clocks()).toBeLessThan(2);
  });

  test("a caller whom no colleague sends has no sender, and one who is sent has", async () => {
    const call = served.house.ring("1001", "13900007777");
    served.house.call(call, { stage: "onward", rung: ["1001"] });
    const rung = (operator: string | null) =>
      served.house.operator("1001", { state: "outbound", part: { call, act: "rung", stage: "ringing", operator } });
    rung(null);
    await page.waitForSelector('.situation:has-text("直接打到您的席位")');
    await page.waitForSelector('.state-words:has-text("直接打到您的席位")');
    rung("1004");
    await page.waitForSelector(`.situation:has-text("${served.house.operators.get("1004")?.name} 把这位市民转给您")`);
  });

  test("one key for the ambulance", async () => {
    await talk();
    await page.click('[data-act="emergency3"]', { clickCount: 2, delay: 60 });
    await page.waitForSelector('.situation[data-state="urgent"]');
    await page.keyboard.press("Shift+Digit3");
    await page.keyboard.press("Shift+Digit3");
    await page.waitForSelector('.situation:has-text("正在呼叫 120")');
    expect(asked(`POST /calls/${served.house.operators.get("1001")?.call}/orders`)).toEqual([{ order: "hand_off", target: "120" }]);
  });

  test("who is busy at once can be called again at once, and each time it is told", async () => {
    const call = await talk();
    let ordered = 0;
    await page.route("**/orders", (route) => {
      ordered += 1;
      served.house.call(call, { emergency_failed: { target: "120", at: `2026-11-26T08:00:0${ordered}+08:00` } });
      return route.fulfill({ status: 202, json: { audit: ordered } });
    });
    for (const time of [1, 2]) {
      await page.keyboard.press("Shift+Digit3");
      await page.waitForSelector('.toasts :text-matches("已呼叫 120，对方未受理")');
      await expect.poll(() => ordered).toBe(time);
      await page.evaluate(() => {
        const now = Date.now;
        Date.now = () => now() + 2_000;
      });
    }
    await page.unroute("**/orders");
  });

  test("in an emergency it is told how to leave it, and what only fails is not offered", async () => {
    const call = await talk();
    await page.keyboard.press("Shift+Digit1");
    await page.waitForSelector('.situation:has-text("正在呼叫 110")');
    await page.waitForSelector('.situation:has-text("您挂断后，市民等 110 接听；没有接通就排到队首。再按 ⇧1，110 退出")');
    const offered = () => page.locator(".actions button:not([disabled])").evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset.act));
    served.house.call(call, { stage: "conference", emergency: { target: "110", stage: "talking" } });
    await page.waitForSelector('.situation:has-text("110 已接通")');
    expect(await offered()).toEqual(["mute", "hold", "keypad", "hangUp"]);
    expect(await page.textContent('[data-act="hangUp"]')).toContain("交给 110");
    await page.waitForSelector('.situation:has-text("您挂断后，市民留给 110。再按 ⇧1")');
    // With 110 alone, while the caller hears music, and back.
    await page.keyboard.press("h");
    await page.waitForSelector('[data-act="hold"][aria-pressed="true"]:not([disabled])');
    await page.keyboard.press("h");
    await page.waitForSelector('[data-act="hold"][aria-pressed="false"]:not([disabled])');
    expect(orders().slice(-2)).toEqual(["hold", "resume"]);
    served.house.call(call, { stage: "conference" });
    await page.waitForSelector('[data-act="emergency1"][aria-pressed="true"]:has-text("请其退出")');
    // Pressed once more on purpose, two seconds later, and not as the second half of one press.
    await page.evaluate(() => {
      const now = Date.now;
      Date.now = () => now() + 2_000;
    });
    await page.keyboard.press("Shift+Digit1");
    await page.waitForSelector('.toasts :text-is("110 已退出，您继续与市民通话。")');
    expect(orders().slice(-4)).toEqual(["hand_off", "hold", "resume", "hand_off"]);
    served.house.call(call, { stage: "conference", emergency: { target: "110", stage: "confirmed" } });
    await page.waitForSelector('.situation:has-text("110 已确认受理")');
    await page.waitForSelector('[data-act="emergency1"][disabled]');
    expect(await page.textContent(".situations")).not.toContain("再按");
    const before = orders().length;
    await page.keyboard.press("Shift+Digit1");
    await page.keyboard.press("g");
    await page.keyboard.press("b");
    expect(orders().length).toBe(before);
  });

  test("why a consultation is over is said to the consulted, once", async () => {
    const name = served.house.operators.get("1004")?.name ?? "";
    const over = (how: "returned" | "theirs" | "caller_gone" | "taken_over") =>
      served.house.operator("1001", { state: "ready", part_over: { call: "x", how, operator: "1004", at: `${how}` } });
    over("returned");
    await page.waitForSelector(`.toasts :text-is("咨询结束：${name} 已回到市民。")`);
    over("theirs");
    await page.waitForSelector(`.toasts :text-is("${name} 把市民转给您：市民现在与您通话。")`);
    over("caller_gone");
    await page.waitForSelector(`.toasts :text-is("咨询结束：${name} 的来电人已挂断。")`);
    served.house.operator("1001", { state: "not_ready", reason: "break" });
    await page.waitForSelector('[data-field="state"][data-value="not_ready"]');
    expect((await page.locator(".toasts").textContent())?.match(/已挂断/g)?.length ?? 0).toBe(1);
    await page.reload();
    await page.waitForSelector('[data-field="state"][data-value="not_ready"]');
    expect(await page.locator(".toasts").textContent()).toBe("");
  });

  test("whoever has a caller who came back is told of it, from the first ring on: whose transfer it was, and what became of it", async () => {
    await ready();
    const name = served.house.operators.get("1006")?.name ?? "";
    const returned = { why: "busy" as const, by: "1001", to: "operator 1006", operator: "1006", at: new Date().toISOString() };
    const call = served.house.ring("1001", undefined, { returned });
    await page.waitForSelector(`.situation:text-is("您把这位市民转给 ${name}：占线。市民又回来了。")`);
    await page.keyboard.press("a");
    await waitState(page, "talking");
    await page.waitForSelector(`.situation:text-is("您把这位市民转给 ${name}：占线。市民又回来了。")`);
    const other = served.house.operators.get("1004")?.name ?? "";
    served.house.call(call, { returned: { ...returned, why: "no_answer", by: "1004", to: "01065128888", operator: null } });
    await page.waitForSelector(`.situation:text-is("${other} 把这位市民转给 010 6512 8888：无人接听。市民又回来了。")`);
    served.house.call(call, { returned: { why: "lost", by: "1004", at: returned.at } });
    await page.waitForSelector(`.situation:text-is("与这位市民通话时 ${other} 的电话中断。市民又回来了。")`);
  });

  test("whoever has a caller next is told whom was called in vain", async () => {
    const call = await talk();
    served.house.call(call, { emergency_failed: { target: "110", at: new Date().toISOString() } });
    await page.waitForSelector('.situation[data-state="urgent"]:has-text("110，对方未受理")');
    // What goes on is told alone.
    served.house.call(call, { stage: "conference", emergency: { target: "120", stage: "ringing" } });
    await page.waitForSelector('.situation:has-text("正在呼叫 120")');
    expect(await page.textContent(".situations")).not.toContain("未受理");
  });

  test("that the caller has gone is told everywhere, and the muted are told that nobody hears them", async () => {
    const call = await talk();
    served.house.call(call, { stage: "conference", emergency: { target: "110", stage: "talking" } });
    await page.waitForSelector('.chip[data-state="conference"]:text-is("三方")');
    await page.keyboard.press("m");
    await page.waitForSelector('.situation:has-text("没有人听到您")');
    await page.waitForSelector('.state-words:has-text("没有人听到您")');
    expect(await page.textContent("main")).not.toMatch(/市民听不到您|都能听到|能听到您/);
    await page.keyboard.press("m");
    served.house.call(call, { caller_gone: true });
    await page.waitForSelector('.chip[data-state="conference"]:text-is("来电人已挂断")');
    await page.waitForSelector('.state-words:has-text("来电人已挂断；您与应急部门仍在通话")');
    // With a colleague beside them there is no caller to go back to either, and no three-way.
    const consulting = { to: "operator 1006", whom: { operator: "1006" }, operator: "1006", stage: "talking" as const, caller_hears: false };
    served.house.call(call, { consulting });
    const name = served.house.operators.get("1006")?.name;
    await page.waitForSelector(`.state-words:has-text("来电人已挂断；您与 ${name}、应急部门仍在通话")`);
    await waitState(page, "talking");
    await page.waitForSelector('[data-field="state"]:text-is("通话中")');
    expect(await page.locator('[data-act="back"], [data-act="threeWay"], [data-act="complete"]').count()).toBe(0);
    served.house.call(call, { caller_gone: false, consulting: { ...consulting, caller_hears: true } });
    await page.waitForSelector('.situation:has-text("四方通话中")');
    served.house.call(call, { caller_gone: true, consulting: null });
    await page.waitForSelector('.state-words:has-text("来电人已挂断；您与应急部门仍在通话")');
    expect(await page.textContent("main")).not.toMatch(/三方|市民留给/);
    expect(await page.textContent('[data-act="hangUp"]')).toContain("挂断");
    expect(await page.locator(".emergencies button:not([disabled])").count()).toBe(0);
  });

  test("wrap-up counts down, is made longer and finished", async () => {
    await talk();
    await page.keyboard.press("x");
    await waitState(page, "wrap_up");
    const left = async () => {
      const [m = 0, s = 0] = ((await page.textContent('[data-field="state-clock"]')) ?? "").split(":").map(Number);
      return m * 60 + s;
    };
    const before = await left();
    expect(before).toBeGreaterThan(20);
    await page.keyboard.press("Shift+W");
    await expect.poll(left).toBeGreaterThan(before + 20);
    await page.keyboard.press("w");
    await waitState(page, "ready");
  });

  test.each([
    [null, "结束后自动就绪。"],
    ["meal", "结束后示忙：用餐。"],
    ["signed_in", "结束后示忙，按 R 才就绪。"],
    ["signed_out", "结束后签出。"],
  ])("what comes after wrap-up is told once, and as it will be: %s", async (next, told) => {
    const call = await talk();
    served.house.operator("1001", { state: "talking", call, next });
    await page.waitForSelector(`.state-words:has-text("${next ? `${told} ` : ""}市民能听到您。")`);
    served.house.over(call);
    served.house.operator("1001", { state: "wrap_up", call: null, next, until: new Date(Date.now() + 30_000).toISOString() });
    await page.waitForSelector(`[data-field="hint"]:text-is("${told}")`);
    expect(await page.locator('[data-field="next"]').count()).toBe(0);
    expect(await page.locator('[data-act="ready"]:has-text("之后")').count()).toBe(0);
  });

  test("the talk that was on another page has its note here in wrap-up, not the talk before it", async () => {
    await talk("13900001111");
    await page.keyboard.press("x");
    await waitState(page, "wrap_up");
    await page.waitForSelector('.caller:has-text("139 0000 1111")');
    await page.goto(`${served.url}/api/v1/session`);
    const call = served.house.ring("1001", "13900002222");
    served.house.call(call, { stage: "talking", connected_at: new Date().toISOString() });
    served.house.over(call);
    await page.goto(`${served.url}/operator`);
    await page.waitForSelector('.caller:has-text("139 0000 2222")');
    await page.waitForSelector("#note");
    await page.keyboard.press("o");
    await page.keyboard.type("lamp");
    await expect.poll(() => asked(`POST /calls/${call}/orders`), { timeout: 5_000 }).toContainEqual({ order: "note", text: "lamp" });
  });

  test("a note is written in wrap-up too, also after a reload, and saves itself", async () => {
    const call = await talk("13900002222");
    await page.keyboard.press("o");
    await page.keyboard.type("lamp");
    const noted = () => asked(`POST /calls/${call}/orders`).filter((one) => (one as { order: string }).order === "note");
    await expect.poll(noted, { timeout: 5_000 }).toContainEqual({ order: "note", text: "lamp" });
    await page.keyboard.press("Escape");
    await page.keyboard.press("x");
    await waitState(page, "wrap_up");
    await page.waitForSelector('.caller:has-text("139 0000 2222")');
    await page.reload();
    await page.waitForSelector("#note");
    expect(await page.inputValue("#note")).toBe("lamp");
    await page.keyboard.press("o");
    await page.keyboard.type(" 12");
    await page.waitForSelector('[data-field="note-state"]:has-text("已保存")');
    expect(noted().at(-1)).toEqual({ order: "note", text: "lamp 12" });
    // Who writes without a pause is not left unsaved for long either.
    await page.keyboard.type("3");
    await page.evaluate(() => {
      const now = Date.now;
      Date.now = () => now() + 5_000;
    });
    await page.keyboard.type("4");
    await expect.poll(() => noted().at(-1), { timeout: 1_300 }).toEqual({ order: "note", text: "lamp 1234" });
  });

  test("a dialog keeps the focus, and gives it back", async () => {
    await talk();
    await page.focus('[data-act="hold"]');
    await page.keyboard.press("k");
    await page.waitForSelector(".pad");
    for (let i = 0; i < 20; i++) {
      await page.keyboard.press("Tab");
      const inside = await page.evaluate(() => document.activeElement === document.body || document.activeElement?.closest("dialog") !== null);
      expect(inside).toBe(true);
    }
    // The pretended house has no sound to send a key with: that is said, and not pretended.
    await page.keyboard.press("5");
    await page.waitForSelector('dialog [role="status"]:has-text("没有发出")');
    expect((await page.textContent('[data-field="pressed"]'))?.trim()).toBe("");
    await page.keyboard.press("Escape");
    await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset.act)).toBe("hold");
  });
});

describe("what is known of a caller", () => {
  test("what they chose in the menus is called by its name, in the language of the page", async () => {
    const call = await talk();
    served.house.call(call, { category: "heating" });
    await page.waitForSelector('dl.facts dd:text-is("供暖")');
    await page.click('header button:text-is("English")');
    await page.waitForSelector('dl.facts dd:text-is("Heating")');
    // What nobody named is called by its id.
    served.house.call(call, { category: "lamps" });
    await page.waitForSelector('dl.facts dd:text-is("lamps")');
  });

  test("how often they called, and what could not be read is not told as nothing", async () => {
    const [first, second] = served.house.records;
    Object.assign(second ?? {}, { callback_of: first?.call_id, outcome: "answered" });
    const call = await talk();
    await page.waitForSelector(`[data-call="${call}"] .history li:has-text("回呼: ")`);
    expect(await page.locator(".history li", { hasText: "回呼" }).count()).toBe(1);
    expect(await page.textContent('[data-field="visits"]')).toBe("联系过 3 次以上");
    served.house.over(call);
    await page.route("**/caller", (route) => route.abort());
    await ready();
    served.house.ring("1001", "anonymous");
    await page.waitForSelector('[data-stage="ringing"] .caller:has-text("未显示号码")');
    await page.waitForSelector('[data-stage="ringing"] p:has-text("查不到以前的联系")');
    expect(await page.locator('[data-field="visits"]').count()).toBe(0);
  });
});
