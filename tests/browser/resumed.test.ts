// The operator's page against the pretended house: a lost connection, a lost phone, a house that began anew, a reload in
// a call, another tab; nothing of the talk is lost by them.

import type { Page } from "playwright-core";
import { afterEach, describe, expect, test } from "vitest";
import { waitState } from "./browser.ts";
import { asked, eachSignsIn, orders, page, person, ready, served, talk } from "./desk.ts";

eachSignsIn();
// The next test has the same browser.
afterEach(() => person.context.setOffline(false));

describe("what was away is back", () => {
  test("a lost connection is told in a bar; what happened meanwhile is there when it is back", async () => {
    const call = await talk();
    const closing = { id: "closing", kind: "closing", queue: null, since: new Date().toISOString() };
    served.house.tell("alarm", { ...closing, text: "热线即将停止运行", text_en: "closing" });
    await page.waitForSelector('[data-bar="closing"]:text-is("热线即将停止运行")');
    await page.context().setOffline(true);
    served.house.cut();
    await page.waitForSelector('[data-bar="connection"]');
    // What it said of its end is no longer so.
    await page.waitForSelector('[data-bar="closing"]:has-text("已连不上")');
    served.house.tell("alarm_over", { id: "closing" });
    // Who is in need is not left to a connection that may come back.
    await page.keyboard.press("Shift+Digit1");
    const dial = page.locator('.toasts .wrong:has-text("请用别的电话拨打 110")');
    await dial.waitFor();
    // Who presses again, later, is told so again.
    await page.evaluate(() => {
      const now = Date.now;
      Date.now = () => now() + 4_500;
    });
    await page.keyboard.press("Shift+Digit1");
    await expect.poll(() => dial.count()).toBe(2);
    served.house.operator("1001", { state: "holding" });
    await page.context().setOffline(false);
    await page.waitForSelector('[data-bar="connection"]', { state: "detached", timeout: 20_000 });
    await page.waitForSelector('[data-bar="closing"]', { state: "detached" });
    await waitState(page, "holding");
    await expect.poll(() => asked(`POST /calls/${call}/orders`), { timeout: 5_000 }).toEqual([{ order: "hand_off", target: "110" }]);
  });

  test("a server that began anew is read anew", async () => {
    await ready();
    served.house.cut(true);
    served.house.operator("1001", { state: "not_ready", reason: "training" });
    await waitState(page, "not_ready");
  });

  test("a call that ended while the connection was lost is gone when it is back", async () => {
    const call = await talk();
    await page.context().setOffline(true);
    served.house.cut();
    await page.waitForSelector('[data-bar="connection"]');
    // The house does not tell of it: as if it had been in events that are gone.
    served.house.calls.delete(call);
    await page.context().setOffline(false);
    await page.waitForSelector('[data-call] dl.facts', { state: "detached", timeout: 20_000 });
  });

  test("a call that a house that began anew does not know is let go, and the next one rings", async () => {
    const call = await talk();
    await page.waitForSelector('[data-act="mute"]:not([disabled])');
    served.house.calls.delete(call);
    served.house.phones.forget();
    served.house.operator("1001", { state: "ready", call: null });
    served.house.cut(true);
    await page.waitForSelector(`[data-call="${call}"]`, { state: "detached", timeout: 20_000 });
    const next = served.house.ring("1001");
    await page.waitForSelector(`[data-call="${next}"][data-stage="ringing"]`);
  });

  test("a phone that lost its connection says so and comes back by itself", async () => {
    served.house.phones.cut();
    await page.waitForSelector('[data-fault="link_lost"]');
    await page.waitForSelector('[data-field="phone"][data-value="registered"]', { timeout: 20_000 });
    await page.waitForSelector('[data-fault="link_lost"]', { state: "detached" });
  });

  test("a phone that lost its connection in a call tells what the caller hears, and a key gets the call back", async () => {
    const call = await talk();
    await page.waitForSelector('[data-act="mute"]:not([disabled])');
    served.house.phones.cut();
    await page.waitForSelector('[data-field="hint"]:has-text("电话断线")');
    expect(await page.textContent("main")).not.toMatch(/市民能听到您|音质好|不会断/);
    // The house is there, and calls whom it is asked to call: nothing else is said.
    await page.keyboard.press("Shift+Digit1");
    await expect.poll(orders).toEqual(["hand_off"]);
    expect(await page.locator(".toasts .wrong").count()).toBe(0);
    served.house.call(call, { stage: "lost", emergency: null, since: new Date().toISOString() });
    await page.waitForSelector('[data-field="phone"][data-value="registered"]', { timeout: 20_000 });
    await page.waitForSelector('[data-act="reclaim"]');
    await page.keyboard.press("v");
    await expect.poll(orders).toEqual(["hand_off", "reclaim"]);
    served.house.call(call, { stage: "talking", since: new Date().toISOString() });
    await page.waitForSelector('[data-act="mute"]:not([disabled])', { timeout: 10_000 });
    expect(orders()).toEqual(["hand_off", "reclaim"]);
  });

  test("a call that the house offers anew is not refused for what is left of it here", async () => {
    const call = await talk();
    await page.waitForSelector('[data-act="mute"]:not([disabled])');
    served.house.phones.forget();
    served.house.call(call, { stage: "ringing", operator: "1001", connected_at: null });
    served.house.operator("1001", { state: "offered", call, until: new Date(Date.now() + 20_000).toISOString() });
    served.house.phones.ring("8001", call, "13812345678");
    await page.waitForSelector(`[data-call="${call}"][data-stage="ringing"]`);
    await page.keyboard.press("a");
    await page.waitForSelector('[data-act="mute"]:not([disabled])');
  });

  test("what is asked for while the house is away is not done by surprise later", async () => {
    await talk();
    await page.waitForSelector('[data-act="hold"]:not([disabled])');
    await page.context().setOffline(true);
    served.house.cut();
    await page.waitForSelector('[data-bar="connection"]');
    await page.keyboard.press("h");
    await page.waitForSelector('.toasts .wrong:has-text("没有执行")');
    await page.context().setOffline(false);
    await page.waitForSelector('[data-bar="connection"]', { state: "detached", timeout: 20_000 });
    await page.waitForSelector('[data-act="hold"]:not([disabled])');
    expect(orders()).toEqual([]);
  });

  test("a page that is reloaded in a call gets it back, and its note", async () => {
    const call = await talk();
    await page.keyboard.press("o");
    await page.keyboard.type("streetlamp");
    await page.keyboard.press("Escape");
    await expect.poll(() => served.house.calls.get(call)?.notes?.[0]?.text).toBe("streetlamp");
    await page.reload();
    await waitState(page, "talking");
    await page.waitForSelector('[data-act="mute"]:not([disabled])', { timeout: 20_000 });
    expect(orders().at(-1)).toBe("reclaim");
    expect(await page.inputValue("#note")).toBe("streetlamp");
  });

  test("what is written while the house is away is saved when it is back, also when the talk and wrap-up are over then", async () => {
    const call = await talk();
    await page.keyboard.press("o");
    await page.context().setOffline(true);
    served.house.cut();
    await page.waitForSelector('[data-bar="connection"]');
    await page.keyboard.type("lamp");
    await page.waitForSelector('.note .bad-text', { timeout: 10_000 });
    served.house.over(call);
    served.house.operator("1001", { state: "ready", call: null, wraps_up: null, until: null });
    await page.context().setOffline(false);
    await page.waitForSelector('[data-bar="connection"]', { state: "detached", timeout: 20_000 });
    await expect.poll(() => asked(`POST /calls/${call}/orders`).at(-1), { timeout: 10_000 }).toEqual({ order: "note", text: "lamp" });
  });

  test("whoever was muted is muted after a reload too, and told so; the next caller hears them", async () => {
    await page.context().addInitScript(() => {
      const former = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      const made: MediaStreamTrack[] = [];
      Object.assign(window, { made });
      navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await former(wanted);
        made.push(...stream.getTracks());
        return stream;
      };
    });
    await page.reload();
    await page.waitForSelector('[data-field="phone"][data-value="registered"]');
    const sent = () => page.evaluate(() => (window as unknown as { made: MediaStreamTrack[] }).made.map((one) => one.enabled));
    const call = await talk();
    await page.waitForSelector('[data-act="mute"]:not([disabled])');
    await page.keyboard.press("m");
    await page.waitForSelector('.situation:has-text("您已静音")');
    await page.reload();
    await page.waitForSelector('[data-act="mute"]:not([disabled])', { timeout: 20_000 });
    await page.waitForSelector('[data-act="mute"][aria-pressed="true"]');
    await page.waitForSelector('.state-words:has-text("您已静音")');
    expect(await sent()).toEqual([false]);
    await page.keyboard.press("m");
    await page.waitForSelector('.state-words:has-text("市民能听到您")');
    expect(await sent()).toEqual([true]);
    await page.keyboard.press("m");
    served.house.over(call);
    await waitState(page, "wrap_up");
    await page.keyboard.press("w");
    const next = served.house.ring("1001");
    await page.waitForSelector(`[data-call="${next}"][data-stage="ringing"]`);
    await page.keyboard.press("a");
    await page.waitForSelector('.state-words:has-text("市民能听到您")');
    expect((await sent()).at(-1)).toBe(true);
  });

  test("a page that is reloaded while a colleague consults it keeps its part in the call", async () => {
    await ready();
    const consulting = { to: "operator 1001", whom: { operator: "1001" }, operator: "1001", stage: "talking" as const, caller_hears: false };
    const call = served.house.ring("1001");
    served.house.call(call, { operator: "1006", seat: "8006", connected_at: new Date().toISOString(), stage: "consulting", rung: [], consulting });
    served.house.operator("1001", { state: "outbound", part: { call, act: "consulted", stage: "talking", operator: "1006" } });
    await page.waitForSelector('[data-act="answer"]');
    await page.keyboard.press("a");
    await page.waitForSelector('[data-act="mute"]');
    await page.reload();
    await page.waitForSelector('[data-act="mute"]', { timeout: 20_000 });
    expect(orders()).toEqual(["reclaim"]);
    // The phone is lost once more: the key is there.
    served.house.phones.end(call);
    await page.waitForSelector('[data-act="reclaim"]');
    await page.keyboard.press("v");
    await page.waitForSelector('[data-act="mute"]', { timeout: 20_000 });
    expect(orders()).toEqual(["reclaim", "reclaim"]);
  });

  test("a second tab gets the phone only when asked for it, and the first one tells so", async () => {
    const call = await talk();
    const reclaims = () => orders().filter((one) => one === "reclaim").length;
    await page.waitForSelector('[data-act="mute"]:not([disabled])');
    const second = await person.open(`${served.url}/operator`);
    const has = (tab: Page) => tab.waitForSelector('[data-act="mute"]:not([disabled])', { timeout: 20_000 });
    await second.waitForSelector('[data-bar="elsewhere"]:has-text("电话在另一个标签页")');
    await second.waitForSelector('.state-words:has-text("您在另一个标签页通话")');
    await second.waitForSelector('[data-field="phone"][data-value="elsewhere"]');
    expect(await second.textContent("main")).not.toMatch(/市民能听到您|电话就绪/);
    expect(await second.locator('[data-act="reclaim"]').count()).toBe(0);
    await has(page);
    expect(orders()).toEqual([]);

    // What is noted here is there when one goes on there, and nothing of it is overwritten.
    await second.waitForSelector("#note");
    await page.bringToFront();
    await page.keyboard.press("o");
    await page.keyboard.type("alpha");
    await page.keyboard.press("Escape");
    await second.waitForFunction(() => document.querySelector<HTMLTextAreaElement>("#note")?.value === "alpha");
    await second.click('[data-bar="elsewhere"] button');
    await has(second);
    await second.bringToFront();
    await second.keyboard.press("o");
    await second.keyboard.type(" beta");
    await second.keyboard.press("Escape");
    await expect.poll(() => served.house.calls.get(call)?.notes?.[0]?.text).toBe("alpha beta");
    expect(reclaims()).toBe(1);
    await page.waitForSelector('.state-words:has-text("您在另一个标签页通话")');
    expect(await page.textContent("main")).not.toMatch(/市民能听到您|电话就绪/);
    expect(await page.locator('[data-act="reclaim"]').count()).toBe(0);
    await page.waitForSelector('[data-field="phone"][data-value="elsewhere"]');

    // Back again, by key and by closing.
    await page.waitForTimeout(2_500);
    await page.click('[data-bar="elsewhere"] button');
    await has(page);
    await page.waitForFunction(() => document.querySelector<HTMLTextAreaElement>("#note")?.value === "alpha beta");
    await second.waitForSelector('.state-words:has-text("您在另一个标签页通话")');
    await second.waitForTimeout(2_500);
    await second.click('[data-bar="elsewhere"] button');
    await has(second);
    await second.close();
    await has(page);
    expect(reclaims()).toBe(4);
    expect(served.house.calls.get(call)?.stage).toBe("talking");
    expect(await page.locator('[data-bar="elsewhere"]').count()).toBe(0);
  });

  test("a page whose seat has another phone by now says that it rings and talks there", async () => {
    await ready();
    // Somebody registered at the seat after this page: its call rings there.
    const call = [...served.house.calls.values()].find((one) => one.stage === "waiting")?.id ?? "";
    served.house.call(call, { stage: "ringing", operator: "1001", seat: "8001" });
    served.house.operator("1001", { state: "offered", call, until: new Date(Date.now() + 20_000).toISOString() });
    await page.waitForSelector('[data-field="hint"]:has-text("另一台电话上振铃")', { timeout: 10_000 });
    served.house.call(call, { stage: "talking", connected_at: new Date().toISOString() });
    served.house.operator("1001", { state: "talking", call });
    await page.waitForSelector('[data-field="hint"]:has-text("这里没有声音")');
    expect(await page.textContent("main")).not.toContain("市民能听到您");
    await page.keyboard.press("v");
    await page.waitForSelector('[data-field="hint"]:text-is("市民能听到您。")');
    expect(orders()).toEqual(["reclaim"]);
  });

  test("a page that is reloaded is no second tab", async () => {
    for (let times = 0; times < 3; times++) {
      await page.reload();
      await page.waitForSelector('[data-field="phone"][data-value="registered"]');
      expect(await page.locator('[data-bar="elsewhere"]').count()).toBe(0);
    }
  });

  test("a page that is reloaded while its phone rings for a colleague is rung again", async () => {
    await ready();
    const consulting = { to: "operator 1001", whom: { operator: "1001" }, operator: "1001", stage: "ringing" as const, caller_hears: false };
    const call = served.house.ring("1001");
    served.house.call(call, { operator: "1006", seat: "8006", connected_at: new Date().toISOString(), stage: "consulting", rung: [], consulting });
    served.house.operator("1001", { state: "outbound", part: { call, act: "consulted", stage: "ringing", operator: "1006" } });
    await page.waitForSelector('[data-act="answer"]');
    expect(orders()).toEqual([]);
    await page.reload();
    await expect.poll(orders, { timeout: 20_000 }).toEqual(["reclaim"]);
  });
});
