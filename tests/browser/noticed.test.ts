// The operator's page against the pretended house: what happens to it, what is written in it, and faults in words.

import { describe, expect, test } from "vitest";
import { Person, signIn, waitState } from "./browser.ts";
import { asked, eachSignsIn, page, ready, served, talk } from "./desk.ts";

eachSignsIn();

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

  test("a ring that the browser forbids is told of, and one that only ended at once is not", async () => {
    const rings = async (why: string) => {
      await page.evaluate((why) => {
        HTMLMediaElement.prototype.play = async () => {
          Object.assign(window, { played: why });
          throw new DOMException("no", why);
        };
      }, why);
      await ready();
      const call = served.house.ring("1001");
      await page.waitForFunction((why) => (window as unknown as { played?: string }).played === why, why);
      // What it says to that is shown with the next picture.
      await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
      const told = await page.locator('[data-fault="ring_muted"]').count();
      served.house.over(call);
      await waitState(page, "not_ready");
      return told;
    };
    expect([await rings("AbortError"), await rings("NotAllowedError")]).toEqual([0, 1]);
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
    // What cannot be saved stays to be read.
    const path = `**/api/v1/calls/${call}/orders`;
    await page.route(path, (route) => route.fulfill({ status: 503, json: {} }));
    await page.keyboard.press("o");
    await page.keyboard.type("lamp");
    served.house.over(call);
    await waitState(page, "wrap_up");
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
