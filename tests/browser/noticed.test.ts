// The operator's page against the pretended house: what happens to it. A lost connection, a reload in a call, another tab,
// and faults in words.

import type { Page } from "playwright-core";
import { afterEach, describe, expect, test } from "vitest";
import { Person, signIn, waitState } from "./browser.ts";
import { asked, eachSignsIn, orders, page, person, ready, served, talk } from "./desk.ts";

eachSignsIn();
// The next test has the same browser.
afterEach(() => person.context.setOffline(false));

describe("what is noticed", () => {
  test("a call rings in the title of another tab, and not any more when the caller is gone", async () => {
    await ready();
    const call = served.house.ring("1001", "13900001111");
    await expect.poll(() => page.title()).toContain("139 0000 1111");
    served.house.over(call);
    await waitState(page, "not_ready");
    await expect.poll(() => page.title()).not.toContain("139");
    expect(await page.textContent('[data-field="reason"]')).toContain("振铃未接");
  });

  test("a lost connection is told in a bar; what happened meanwhile is there when it is back", async () => {
    const call = await talk();
    await page.context().setOffline(true);
    served.house.cut();
    await page.waitForSelector('[data-bar="connection"]');
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
    await waitState(page, "holding");
    await expect.poll(() => asked(`POST /calls/${call}/orders`), { timeout: 5_000 }).toEqual([{ order: "hand_off", target: "110" }]);
  });

  test("a server that began anew is read anew", async () => {
    await ready();
    served.house.cut(true);
    served.house.operator("1001", { state: "not_ready", reason: "training" });
    await waitState(page, "not_ready");
  });

  test("answered twice at once it is answered once, and the microphone goes on", async () => {
    await page.evaluate(() => {
      const former = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      const made: MediaStreamTrack[] = [];
      Object.assign(window, { made });
      navigator.mediaDevices.getUserMedia = async (wanted) => {
        await new Promise((done) => setTimeout(done, 300));
        const stream = await former(wanted);
        made.push(...stream.getTracks());
        return stream;
      };
    });
    await ready();
    const call = served.house.ring("1001");
    await page.waitForSelector(`[data-call="${call}"][data-stage="ringing"]`);
    await page.keyboard.press("a");
    await page.keyboard.press("a");
    await waitState(page, "talking");
    const made = () => page.evaluate(() => (window as unknown as { made: MediaStreamTrack[] }).made.map((one) => one.readyState));
    expect(await made()).toEqual(["live"]);
    served.house.over(call);
    await waitState(page, "wrap_up");
    await expect.poll(made).toEqual(["ended"]);
  });

  test("whoever is signed out of the seat is not rung at it any more, and takes it again", async () => {
    await ready();
    served.house.operator("1001", { state: "signed_out", seat: null });
    await page.waitForSelector('[data-fault="seat_left"]');
    await page.waitForSelector('[data-field="phone"][data-value="off"]');
    await page.keyboard.press("r");
    await waitState(page, "not_ready");
    await page.waitForSelector('[data-field="phone"][data-value="registered"]');
    await page.waitForSelector('[data-fault="seat_left"]', { state: "detached" });
    // They signed in at another seat: the key that the fault names is there, and does that.
    served.house.operator("1001", { state: "ready", seat: "8030" });
    await page.waitForSelector('[data-fault="seat_left"]');
    await page.waitForSelector('[data-act="ready"]:has-text("签入")');
    await page.keyboard.press("r");
    await waitState(page, "not_ready");
    expect(asked("PUT /session/seat")).toEqual([{ seat: "8001" }, { seat: "8001" }]);
  });

  test("what lasts a moment when a call ends is not told", async () => {
    const call = await talk();
    await page.waitForSelector('[data-act="mute"]:not([disabled])');
    await page.evaluate(() => {
      const seen = new Set<string>();
      const look = () => {
        seen.add(document.querySelector('[data-field="hint"]')?.textContent ?? "");
        if (document.querySelector('[data-act="reclaim"]')) seen.add("reclaim");
      };
      Object.assign(window, { seen });
      new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
    });
    // The phone is told before the board.
    served.house.phones.end(call);
    await page.waitForTimeout(300);
    served.house.over(call);
    await waitState(page, "wrap_up");
    const seen = await page.evaluate(() => [...(window as unknown as { seen: Set<string> }).seen]);
    expect(seen.join()).toContain("就绪");
    expect(seen.join()).not.toMatch(/没有声音|reclaim/);
  });

  test("who asked to be signed out and still writes is left to write, and nothing of it is lost", async () => {
    const call = await talk();
    await page.route("**/api/v1/operators/1001/sign-out", (route) => route.fulfill({ status: 200, json: {} }));
    await page.keyboard.press("q");
    await page.waitForSelector('dialog:has-text("不会被挂断")');
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.keyboard.press("o");
    await page.keyboard.type("lamp");
    served.house.over(call);
    served.house.operator("1001", { state: "signed_out", seat: null, call: null });
    await page.waitForSelector('[data-field="hint"]:has-text("备注写完并保存后离开本页")');
    await page.keyboard.type(" post");
    expect(await page.locator('[data-fault="seat_left"]').count()).toBe(0);
    const left = page.waitForURL(/signin/);
    await page.keyboard.press("Escape");
    await left;
    expect(asked(`POST /calls/${call}/orders`).at(-1)).toEqual({ order: "note", text: "lamp post" });
    const whats = served.house.asked.map((one) => one.what);
    expect(whats.lastIndexOf(`POST /calls/${call}/orders`)).toBeLessThan(whats.indexOf("DELETE /session"));
  });

  test("who writes on while signing out waits for the note is signed in, and keeps the phone", async () => {
    const call = await talk();
    await page.keyboard.press("o");
    let go = () => {};
    const held = new Promise<void>((done) => {
      go = done;
    });
    await page.route(`**/api/v1/calls/${call}/orders`, async (route) => {
      await held;
      await route.continue();
    });
    await page.keyboard.type("lamp");
    served.house.over(call);
    await waitState(page, "wrap_up");
    await page.keyboard.press("Escape");
    await page.keyboard.press("q");
    await page.press("dialog[open] [data-first]", "Enter");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.focus("#note");
    await page.keyboard.type("s");
    expect(await page.inputValue("#note")).toBe("lamps");
    go();
    await expect.poll(() => asked(`POST /calls/${call}/orders`).at(-1), { timeout: 5_000 }).toEqual({ order: "note", text: "lamps" });
    await page.waitForTimeout(300);
    expect(await page.getAttribute('[data-field="phone"]', "data-value")).toBe("registered");
    expect(served.house.asked.map((one) => one.what)).not.toContain("DELETE /session");
  });

  test("signing out in a call cuts nobody off", async () => {
    await talk();
    await page.keyboard.press("q");
    await page.waitForSelector('dialog:has-text("不会被挂断")');
    await page.keyboard.press("Enter");
    await expect.poll(() => asked("POST /operators/1001/sign-out").length).toBe(1);
    await page.waitForURL(/signin/);
    expect(served.house.asked.map((one) => one.what)).toContain("DELETE /session");
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

  test("as soon as the house says that a call is over the page is in wrap-up and nothing else, whatever the phone thinks", async () => {
    const call = await talk();
    await page.keyboard.press("o");
    await page.keyboard.type("lamp");
    await page.keyboard.press("Escape");
    await page.waitForSelector('[data-act="mute"]:not([disabled])');
    // The house began anew: nobody tells the phone.
    served.house.phones.forget();
    served.house.calls.delete(call);
    served.house.operator("1001", { state: "wrap_up", call: null, until: new Date(Date.now() + 60_000).toISOString() });
    served.house.cut(true);
    await page.waitForSelector('.call .chip[data-state="wrap_up"]', { timeout: 2_500 });
    await page.waitForSelector("#note", { timeout: 2_000 });
    expect(await page.locator('[data-call], [data-act="mute"], [data-act="hangUp"], [data-fault]').count()).toBe(0);
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

  test("whoever writes writes on when the caller hangs up, and when wrap-up is over and the next one rings", async () => {
    const call = await talk();
    await page.keyboard.press("o");
    await page.keyboard.type("lamp at the ");
    served.house.over(call);
    await waitState(page, "wrap_up");
    // Each of these letters is a key elsewhere.
    await page.keyboard.type("crossing, ");
    served.house.operator("1001", { state: "ready", call: null, wraps_up: null, until: null });
    await waitState(page, "ready");
    await page.keyboard.type("not war");
    const next = served.house.ring("1001", "13900003333");
    await page.waitForSelector(`[data-call="${next}"][data-stage="ringing"]`);
    await page.keyboard.type("m taxi");
    expect(await page.inputValue("#note")).toBe("lamp at the crossing, not warm taxi");
    const saved = () => asked(`POST /calls/${call}/orders`).at(-1);
    await page.keyboard.press("Escape");
    await expect.poll(saved, { timeout: 5_000 }).toEqual({ order: "note", text: "lamp at the crossing, not warm taxi" });
    expect(await page.locator("dialog[open]").count()).toBe(0);
    await page.keyboard.press("a");
    await page.waitForSelector('[data-act="mute"]:not([disabled])');
    expect(await page.inputValue("#note")).toBe("");
  });

  test("a note in which nobody writes gives the keys back when a call rings; who writes keeps it, and is told which keys answer", async () => {
    const call = await talk();
    await page.keyboard.press("o");
    await page.keyboard.type("lamp");
    served.house.over(call);
    await waitState(page, "wrap_up");
    // What could not be saved stays to be read.
    const path = `**/api/v1/calls/${call}/orders`;
    await page.route(path, (route) => route.fulfill({ status: 503, json: {} }));
    // What a page that loses its focus tells the field, which is the active one all the same.
    const focus = (what: "focus" | "blur") =>
      page.evaluate((is) => document.getElementById("note")?.dispatchEvent(new FocusEvent(is)), what);
    await focus("blur");
    await page.waitForSelector(".note .bad-text");
    served.house.operator("1001", { state: "ready", call: null, wraps_up: null, until: null });
    await waitState(page, "ready");
    const next = served.house.ring("1001", "13900003333");
    await page.waitForSelector(`[data-call="${next}"][data-stage="ringing"]`);
    // The page gets its focus back while it rings: that is not writing, and the keys answer at once.
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("note");
    await focus("focus");
    expect(await page.evaluate(() => document.activeElement?.id)).not.toBe("note");
    await page.focus("#note");
    // They write: the keys are those of the field, and it is told how it is answered all the same.
    const answer = (more: string) => page.locator(`[data-call="${next}"][data-stage="ringing"] [data-act="answer"]${more}`);
    const rings = async () => {
      await page.keyboard.type("a");
      return answer(':has(kbd:text-is("Esc"))').count();
    };
    await expect.poll(rings).toBe(1);
    // Nothing is typed for three seconds. Who had not noticed what the keys are now writes on, and refuses nobody.
    const left = page.evaluate(
      () =>
        new Promise((done) => {
          const press = () => {
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "x", code: "KeyX", bubbles: true }));
            done(document.activeElement?.id);
          };
          document.getElementById("note")?.addEventListener("blur", () => setTimeout(press), { once: true });
        }),
    );
    expect(await left).toBe("note");
    await answer(':not(:has(kbd:text-is("Esc")))').waitFor();
    const text = await page.inputValue("#note");
    expect(text).toMatch(/^lampa+$/);
    await page.unroute(path);
    await page.keyboard.press("a");
    await page.waitForSelector('[data-act="mute"]:not([disabled])');
    await expect.poll(() => asked(`POST /calls/${call}/orders`).at(-1)).toEqual({ order: "note", text });
  });

  test("whose caller goes on with others is told so, and not when the caller was here again and hung up", async () => {
    const call = await talk();
    const former = served.house.calls.get(call);
    if (!former) throw new Error("no call");
    served.house.elsewhere.add(call);
    // Until it is known nothing is told.
    let go = () => {};
    const held = new Promise<void>((done) => {
      go = done;
    });
    await page.route(`**/api/v1/calls/${call}`, async (route) => {
      await held;
      await route.continue();
    });
    const asked = page.waitForRequest(`**/api/v1/calls/${call}`);
    served.house.over(call);
    await asked;
    expect(await page.locator('[data-field="went"]').count()).toBe(0);
    go();
    const went = page.locator('[data-field="went"]');
    await went.waitFor();
    expect(await went.textContent()).toBe("在别处继续");
    served.house.elsewhere.delete(call);
    served.house.calls.set(call, former);
    served.house.call(call, { stage: "talking", connected_at: new Date().toISOString() });
    served.house.operator("1001", { state: "talking", call, wraps_up: null, until: null });
    await page.waitForSelector(`[data-call="${call}"]`);
    served.house.over(call);
    await page.waitForSelector('[data-field="went"]:text-is("刚结束")');
    await page.waitForTimeout(3_000);
    expect(await page.textContent('[data-field="went"]')).toBe("刚结束");
  });

  test("what is still written of the talk before belongs to it, when the next one is answered already", async () => {
    const call = await talk();
    await page.keyboard.press("o");
    await page.keyboard.type("lamp");
    served.house.over(call);
    await waitState(page, "wrap_up");
    const next = served.house.ring("1001", "13900003333");
    served.house.call(next, { stage: "talking", operator: "1001", connected_at: new Date().toISOString() });
    served.house.operator("1001", { state: "talking", call: next });
    await page.waitForSelector(`[data-call="${next}"][data-stage="talking"], [data-call="${next}"][data-stage="ringing"]`);
    await page.keyboard.type(" post");
    expect(await page.inputValue("#note")).toBe("lamp post");
    await page.keyboard.press("Escape");
    await expect.poll(() => asked(`POST /calls/${call}/orders`).at(-1), { timeout: 5_000 }).toEqual({ order: "note", text: "lamp post" });
    expect(asked(`POST /calls/${next}/orders`)).toEqual([]);
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

  test("a notice of a supervisor is shown at once", async () => {
    served.house.notices.set("n9", { id: "n9", text: "Flood in the east", level: "urgent", by: "mei", at: new Date().toISOString() });
    served.house.tell("notice", served.house.notices.get("n9"));
    await page.waitForSelector('[data-bar="notice"][data-state="urgent"]:has-text("Flood in the east")');
  });
});

test("a microphone that is not allowed is told of in words, and the call goes on ringing", async () => {
  const forbidden = await Person.sit({ forbidden: true });
  try {
    await forbidden.context.clearPermissions();
    const other = await forbidden.open(`${served.url}/signin`);
    await other.addInitScript(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
    });
    await signIn(other, "1001", "right", "8001");
    await other.waitForSelector('[data-field="phone"][data-value="registered"]');
    await other.keyboard.press("r");
    await waitState(other, "ready");
    const call = served.house.ring("1001");
    await other.waitForSelector(`[data-call="${call}"][data-stage="ringing"]`);
    await other.keyboard.press("a");
    await other.waitForSelector('[data-fault="mic_denied"]');
    await other.waitForSelector(`[data-call="${call}"][data-stage="ringing"]`);
  } finally {
    await forbidden.leave();
  }
});

test("a wrong password is said, and nobody is signed in", async () => {
  await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE" }));
  await page.goto(`${served.url}/operator`);
  await page.waitForURL(/signin/);
  await page.fill('input[name="name"]', "1001");
  await page.fill('input[name="password"]', "wrong");
  await page.press('input[name="password"]', "Enter");
  await page.waitForSelector('[role="alert"]:has-text("不正确")');
});
