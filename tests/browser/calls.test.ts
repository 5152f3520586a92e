// The pages with the program itself: citizens call over SIP, operators answer in browsers, and each hears the other.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { build } from "vite";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Person, serious, signIn, waitState } from "./browser.ts";
import { Cable } from "./cable.ts";
import { House, PASSWORD, share, tone } from "./house.ts";

/** What each microphone hears, in Hz; citizens say 600. */
const CITIZEN = 600;
const ANNA = 1_000;
const BORIS = 1_400;
const CLARA = 1_800;

let house: House;
const people: Person[] = [];
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hotline-microphones-"));
  house = await House.open();
});
afterEach(async (context) => {
  for (const person of people.splice(0)) await person.leave();
  if (context.task.result?.state === "fail") console.log(house?.log());
});
afterAll(async () => {
  await house?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function sit(who: string, seat: string | undefined, hz: number, path = "/operator", at = house.url): Promise<Page> {
  const microphone = join(folder, `${hz}.wav`);
  writeFileSync(microphone, tone(hz, 20));
  const person = await Person.sit({ language: "en", microphone });
  people.push(person);
  await listenIn(person);
  const page = await person.open(`${at}/signin?to=${path}`);
  await signIn(page, who, PASSWORD, seat);
  if (seat && path === "/operator") {
    await page.waitForSelector('[data-field="phone"][data-value="registered"]');
  }
  return page;
}

/** Keeps the connections of the page where a test finds them. */
async function listenIn(person: Person): Promise<void> {
  await person.context.addInitScript(() => {
    const Former = window.RTCPeerConnection;
    const all: RTCPeerConnection[] = [];
    (window as unknown as { connections: RTCPeerConnection[] }).connections = all;
    window.RTCPeerConnection = class extends Former {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        all.push(this);
      }
    };
  });
}

/** Of the present talk: how much sound came in, and how much went out. */
const energy = (page: Page) =>
  page.evaluate(async () => {
    const { connections } = window as unknown as { connections: RTCPeerConnection[] };
    const sums = { heard: 0, said: 0 };
    const last = connections.at(-1);
    for (const report of (await last?.getStats())?.values() ?? []) {
      if (report.type === "inbound-rtp") sums.heard += report.totalAudioEnergy ?? 0;
      if (report.type === "media-source") sums.said += report.totalAudioEnergy ?? 0;
    }
    return sums;
  });

async function hears(page: Page): Promise<void> {
  const before = await energy(page);
  await expect.poll(async () => (await energy(page)).heard, { timeout: 15_000 }).toBeGreaterThan(before.heard + 0.01);
}

async function ready(page: Page): Promise<void> {
  await page.keyboard.press("r");
  await waitState(page, "ready");
}

async function answer(page: Page): Promise<string> {
  await page.waitForSelector('[data-stage="ringing"] .caller', { timeout: 30_000 });
  const call = (await page.getAttribute("[data-call]", "data-call")) ?? "";
  await page.keyboard.press("a");
  await waitState(page, "talking");
  return call;
}

async function away(page: Page): Promise<void> {
  await page.keyboard.press("n");
  await page.waitForSelector("dialog [data-reason]");
  await page.keyboard.press("1");
}

/** JsSIP as one script, as a page that is not ours would have it. */
async function jssip(): Promise<string> {
  const here = dirname(fileURLToPath(import.meta.url));
  const built = await build({
    root: here,
    logLevel: "silent",
    configFile: false,
    build: { write: false, lib: { entry: join(here, "node_modules/jssip/lib/JsSIP.js"), formats: ["iife"], name: "JsSIP" } },
  });
  const [output] = Array.isArray(built) ? built : [built];
  if (!output || !("output" in output)) throw new Error("JsSIP was not built");
  return output.output[0].code;
}

const heard = (recording: string, hz: number) => share(readFileSync(recording), hz);

test("an operator signs in, is rung, answers; both hear each other; hold, a key, wrap-up, and the record", async () => {
  const anna = await sit("1001", "8001", ANNA);
  await ready(anna);
  const citizen = house.call("first", ["--from", "13812345678"]);
  await anna.waitForSelector('[data-field="from"]:has-text("138 1234 5678")', { timeout: 30_000 });
  expect(await serious(anna)).toEqual([]);
  await answer(anna);
  await hears(anna);
  expect((await energy(anna)).said).toBeGreaterThan(0);
  await anna.keyboard.press("k");
  await anna.waitForSelector(".pad");
  await anna.keyboard.press("5");
  await expect.poll(() => anna.textContent('[data-field="pressed"]')).toContain("5");
  await anna.keyboard.press("Escape");
  await anna.waitForTimeout(3_000);
  await anna.keyboard.press("h");
  await waitState(anna, "holding");
  await anna.waitForTimeout(1_500);
  await anna.keyboard.press("h");
  await waitState(anna, "talking");
  await hears(anna);
  await anna.keyboard.press("o");
  await anna.keyboard.type("a lamp is broken");
  await anna.keyboard.press("Escape");
  await anna.waitForTimeout(500);
  await anna.keyboard.press("x");
  await waitState(anna, "wrap_up");
  await citizen.ended;
  expect(heard(citizen.recording, ANNA)).toBeGreaterThan(0.5);
  await expect.poll(() => house.records().at(-1)?.outcome, { timeout: 10_000 }).toBe("answered");
  // The call is over, and its note is still written.
  await anna.keyboard.press("o");
  await anna.keyboard.press("End");
  await anna.keyboard.type(" in the park");
  await anna.keyboard.press("Escape");
  const noted = () => house.records().at(-1)?.notes?.map((note) => `${note.by} ${note.text}`);
  await expect.poll(noted, { timeout: 10_000 }).toEqual(["1001 a lamp is broken in the park"]);
  const record = house.records().at(-1);
  expect(record).toMatchObject({ operator: "1001", seat: "8001", from: "13812345678" });
  expect(record?.hold_ms).toBeGreaterThan(1_000);
  await anna.keyboard.press("w");
  await waitState(anna, "ready");
  await away(anna);
});

test("a page that is reloaded in a call gets it back", async () => {
  const anna = await sit("1001", "8001", ANNA);
  await ready(anna);
  const citizen = house.call("reload");
  const call = await answer(anna);
  await hears(anna);
  await anna.reload();
  await waitState(anna, "talking");
  await anna.waitForSelector('[data-act="mute"]:not([disabled])', { timeout: 20_000 });
  expect(await anna.getAttribute("[data-call]", "data-call")).toBe(call);
  await hears(anna);
  citizen.hangUp();
  await citizen.ended;
  await waitState(anna, "wrap_up");
  await away(anna);
});

test("whoever muted themselves is not heard after a reload", async () => {
  const anna = await sit("1001", "8001", ANNA);
  await ready(anna);
  const citizen = house.call("muted");
  await answer(anna);
  await anna.waitForSelector('[data-act="mute"]:not([disabled])', { timeout: 20_000 });
  await anna.keyboard.press("m");
  await anna.waitForSelector('.state-words:has-text("You are muted")');
  await anna.reload();
  await anna.waitForSelector('.state-words:has-text("You are muted")', { timeout: 20_000 });
  await anna.waitForSelector('[data-act="mute"]:not([disabled])[aria-pressed="true"]', { timeout: 20_000 });
  await hears(anna);
  const silent = await energy(anna);
  await anna.waitForTimeout(2_000);
  expect((await energy(anna)).said - silent.said).toBeLessThan(0.001);
  await anna.keyboard.press("m");
  await expect.poll(async () => (await energy(anna)).said, { timeout: 10_000 }).toBeGreaterThan(silent.said + 0.01);
  citizen.hangUp();
  await citizen.ended;
  await waitState(anna, "wrap_up");
  await away(anna);
});

test("a second tab is heard only when it is asked to be, and then the first is not", async () => {
  const anna = await sit("1001", "8001", ANNA);
  await ready(anna);
  const citizen = house.call("tabs");
  await answer(anna);
  await hears(anna);
  const second = await anna.context().newPage();
  await second.goto(`${house.url}/operator`);
  await second.waitForSelector('[data-bar="elsewhere"]', { timeout: 15_000 });
  await anna.waitForTimeout(2_000);
  await hears(anna);
  expect((await energy(second)).heard).toBe(0);
  await second.click('[data-bar="elsewhere"] button');
  await second.waitForSelector('[data-act="mute"]:not([disabled])', { timeout: 20_000 });
  await hears(second);
  await anna.waitForSelector('.state-words:has-text("You talk in the other tab")', { timeout: 10_000 });
  expect(await anna.textContent("main")).not.toMatch(/The caller hears you|Phone ready/);
  // The first is gone for good, and nothing of it disturbs the second.
  await anna.waitForTimeout(4_000);
  await hears(second);
  await waitState(second, "talking");
  await second.close();
  await anna.waitForSelector('[data-act="mute"]:not([disabled])', { timeout: 20_000 });
  await hears(anna);
  citizen.hangUp();
  await citizen.ended;
  await waitState(anna, "wrap_up");
  await away(anna);
});

test("a page whose network is cut in a call for longer than a phone is waited for has it as soon as the network is back", async () => {
  const cable = await Cable.to(house.url);
  try {
    const anna = await sit("1001", "8001", ANNA, "/operator", cable.url);
    await ready(anna);
    const citizen = house.call("cut");
    const call = await answer(anna);
    await hears(anna);
    await cable.pull(8_000);
    await anna.waitForSelector('[data-field="phone"][data-value="registered"]', { timeout: 6_000 });
    await waitState(anna, "talking");
    expect(await anna.getAttribute("[data-call]", "data-call")).toBe(call);
    await hears(anna);
    citizen.hangUp();
    await citizen.ended;
    await waitState(anna, "wrap_up");
    const lost = () => house.records().at(-1)?.lost;
    await expect.poll(lost, { timeout: 10_000 }).toEqual([expect.objectContaining({ back_at: expect.any(String) })]);
    await away(anna);
  } finally {
    cable.close();
  }
});

/** What the page says of the call, in words. */
const situation = (page: Page, text: string) =>
  page.waitForSelector(`.situation:has-text("${text}")`, { timeout: 15_000 });

test("consultation, three-way, and a transfer to a second browser, which sees it all; the notes of both go with the call", async () => {
  const anna = await sit("1001", "8001", ANNA);
  const boris = await sit("1002", "8002", BORIS);
  const clara = await sit("1003", "8003", CLARA, "/supervisor");
  await ready(anna);
  const citizen = house.call("transfer", ["--from", "13866667777"]);
  const call = await answer(anna);
  await anna.keyboard.press("o");
  await anna.keyboard.type("a lamp");
  await anna.keyboard.press("Escape");
  await boris.keyboard.press("r");
  await waitState(boris, "ready");
  await anna.keyboard.press("c");
  await anna.waitForSelector("dialog .targets");
  await anna.keyboard.type("1002");
  await anna.keyboard.press("Enter");
  await boris.waitForSelector('[data-act="answer"]', { timeout: 30_000 });
  // From the first ring on: who asks, about whom, and that the citizen does not hear it.
  await boris.waitForSelector(`[data-call="${call}"] .caller:has-text("138 6666 7777")`);
  await boris.waitForSelector('[data-note="1001"]:has-text("a lamp")');
  await situation(boris, "Anna asks for you about this caller, your phone rings; the caller hears music, not you");
  await boris.keyboard.press("a");
  await anna.waitForSelector('[data-act="threeWay"]:not([disabled])', { timeout: 15_000 });
  await situation(boris, "Anna consults you about this caller; the caller hears music, not you");
  await boris.waitForSelector('[data-stage="consulting"] [data-field="visits"]');
  expect(await boris.locator('[data-act="hold"], [data-act="complete"], #note').count()).toBe(0);
  await clara.waitForSelector('tr[data-operator="1002"] .chip:has-text("consulted by Anna")', { timeout: 15_000 });
  await hears(boris);
  await anna.keyboard.press("j");
  await anna.waitForSelector('[data-stage="conference"]', { timeout: 15_000 });
  await situation(boris, "Three-way with Anna: the caller hears you");
  expect(await serious(boris)).toEqual([]);
  await anna.waitForTimeout(3_000);
  // Nothing of the call is gone from the page for a moment while it becomes theirs.
  await boris.evaluate((call) => {
    const gaps: string[] = [];
    Object.assign(window, { gaps });
    new MutationObserver(() => {
      if (!document.querySelector(`[data-call="${call}"]`)) gaps.push(document.body.innerText.slice(0, 200));
    }).observe(document.body, { childList: true, subtree: true, attributes: true });
  }, call);
  await anna.keyboard.press("g");
  await waitState(anna, "wrap_up");
  await waitState(boris, "talking");
  await boris.waitForSelector('.toasts :text-is("Anna left the caller to you: the caller is with you now.")');
  await anna.waitForSelector('[data-field="went"]:text-is("Goes on elsewhere")');
  await boris.waitForSelector('[data-act="hold"]:not([disabled])');
  expect(await boris.evaluate(() => (window as unknown as { gaps: string[] }).gaps)).toEqual([]);
  await hears(boris);
  // What is noted in wrap-up reaches whoever has the citizen now; each has a note of their own.
  await anna.keyboard.press("o");
  await anna.keyboard.press("End");
  await anna.keyboard.type(" in the park");
  await anna.keyboard.press("Escape");
  await boris.waitForSelector('[data-note="1001"]:has-text("a lamp in the park")', { timeout: 15_000 });
  await boris.keyboard.press("o");
  await boris.keyboard.type("sent somebody");
  await boris.keyboard.press("Escape");
  await boris.waitForTimeout(3_000);
  citizen.hangUp();
  await citizen.ended;
  expect(heard(citizen.recording, BORIS)).toBeGreaterThan(0.4);
  const noted = () => house.records().at(-1)?.notes?.map((note) => `${note.by} ${note.text}`);
  await expect.poll(noted, { timeout: 10_000 }).toEqual(["1001 a lamp in the park", "1002 sent somebody"]);
  await away(anna);
});

test("a supervisor listens and whispers: only the operator hears it", async () => {
  const anna = await sit("1001", "8001", ANNA);
  const clara = await sit("1003", "8003", CLARA, "/supervisor");
  await ready(anna);
  const citizen = house.call("whisper");
  await answer(anna);
  await hears(anna);
  const row = clara.locator('tr[data-operator="1001"]');
  await row.getByRole("button", { name: "Listen" }).click({ timeout: 15_000 });
  await clara.waitForSelector('[data-mode="listen"]', { timeout: 15_000 });
  await clara.waitForSelector('tr[data-operator="1003"] .chip:has-text("Listening to Anna")', { timeout: 15_000 });
  await hears(clara);
  await clara.reload();
  await clara.waitForSelector('[data-mode="listen"]', { timeout: 15_000 });
  await expect.poll(async () => (await energy(clara)).heard, { timeout: 20_000 }).toBeGreaterThan(0);
  await hears(clara);
  await clara.click('[data-mode="listen"] button:text-is("Whisper")');
  await clara.waitForSelector('[data-mode="whisper"]', { timeout: 15_000 });
  await anna.waitForTimeout(4_000);
  citizen.hangUp();
  await citizen.ended;
  expect(heard(citizen.recording, CLARA)).toBeLessThan(0.05);
  expect(heard(citizen.recording, ANNA)).toBeGreaterThan(0.5);
  await waitState(anna, "wrap_up");
  await away(anna);
});

test("a supervisor who takes over sees with whom she talks, holds, mutes and hangs up; nobody offers her to listen to herself", async () => {
  const anna = await sit("1001", "8001", ANNA);
  const clara = await sit("1003", "8003", CLARA, "/supervisor");
  await ready(anna);
  const citizen = house.call("taken-over", ["--from", "13812340000"]);
  await answer(anna);
  await hears(anna);
  await clara.locator('tr[data-operator="1001"]').getByRole("button", { name: "Listen" }).click({ timeout: 15_000 });
  await clara.waitForSelector('[data-mode="listen"]', { timeout: 15_000 });
  await hears(clara);
  await clara.click('[data-mode="listen"] button:text-is("Take over")');
  const bar = clara.locator('[data-mode="own"]');
  await bar.locator('[data-field="own"]:has-text("138 1234 0000")').waitFor({ timeout: 15_000 });
  await bar.locator('[data-field="own"]:has-text("citizen"):has-text("The caller hears you.")').waitFor();
  await waitState(anna, "wrap_up");
  await anna.waitForSelector('[data-field="went"]:text-is("Taken over by Clara")');
  const mine = clara.locator('tr[data-operator="1003"]');
  await mine.locator('.chip[data-state="talking"]').waitFor({ timeout: 15_000 });
  expect(await mine.getByRole("button").count()).toBe(0);
  expect(await serious(clara)).toEqual([]);
  await bar.getByRole("button", { name: "Hold" }).click();
  await bar.locator('[data-field="own"]:has-text("The caller hears music, not you.")').waitFor({ timeout: 15_000 });
  await bar.getByRole("button", { name: "Resume" }).click();
  await bar.locator('[data-field="own"]:has-text("The caller hears you.")').waitFor({ timeout: 15_000 });
  await bar.getByRole("button", { name: "Mute" }).click();
  await bar.locator('[data-field="own"]:has-text("You are muted")').waitFor();
  await bar.getByRole("button", { name: "Unmute" }).click();
  await clara.waitForTimeout(3_000);
  await bar.getByRole("button", { name: "Hang up" }).click();
  await citizen.ended;
  expect(heard(citizen.recording, CLARA)).toBeGreaterThan(0.4);
  await expect.poll(() => house.records().at(-1)?.operator, { timeout: 10_000 }).toBe("1003");
  await anna.keyboard.press("n");
  await anna.waitForSelector("dialog [data-reason]");
  await anna.keyboard.press("1");
  await anna.keyboard.press("w");
  await waitState(anna, "not_ready");
});

test("a page that is reloaded while it rings for a consultation rings again, and answers", async () => {
  const anna = await sit("1001", "8001", ANNA);
  const boris = await sit("1002", "8002", BORIS);
  await ready(anna);
  const citizen = house.call("asked-anew");
  await answer(anna);
  await anna.keyboard.press("c");
  await anna.waitForSelector("dialog .targets");
  await anna.keyboard.type("1002");
  await anna.keyboard.press("Enter");
  await boris.waitForSelector('[data-act="answer"]', { timeout: 30_000 });
  await boris.reload();
  await boris.waitForSelector('[data-act="answer"]', { timeout: 20_000 });
  await situation(boris, "Anna asks for you about this caller, your phone rings");
  await boris.keyboard.press("a");
  await anna.waitForSelector('[data-act="threeWay"]:not([disabled])', { timeout: 15_000 });
  await hears(boris);
  await hears(anna);
  await anna.keyboard.press("b");
  await waitState(anna, "talking");
  citizen.hangUp();
  await citizen.ended;
  await waitState(anna, "wrap_up");
  await away(anna);
});

test("a supervisor closes a queue that has no schedule, and opens it again", async () => {
  const mei = await sit("mei", undefined, CLARA, "/supervisor");
  const to = async (where: string, then: string) => {
    await mei.click('tr[data-queue="citizen"] button');
    await mei.click(`dialog .switch button:text-is("${where}")`);
    await mei.waitForSelector(`tr[data-queue="citizen"] .chip:text-is("${then}")`, { timeout: 10_000 });
  };
  await to("Close the queue", "Closed");
  await to("By its hours", "Open");
});

test("the wall's numbers are those of the records", async () => {
  const wall = await sit("hall", undefined, CITIZEN, "/wall");
  await wall.waitForSelector(".tiles");
  const citizens = house.records().filter((record) => record.to === "12345" && record.queue);
  const shown = async (field: string) => Number((await wall.textContent(field))?.replace(/\D/g, ""));
  await expect.poll(() => shown('[data-field="offered"] .value'), { timeout: 15_000 }).toBe(citizens.length);
  await expect.poll(() => shown('[data-field="answered"]')).toBe(citizens.filter((record) => record.connected_at).length);
  expect(await serious(wall)).toEqual([]);
});

test("a JsSIP page that is not ours registers with its secret and is offered calls", async () => {
  const library = await jssip();
  const server: Server = createServer((request, response) => {
    if (request.url === "/jssip.js") {
      response.setHeader("Content-Type", "text/javascript");
      return response.end(library);
    }
    response.setHeader("Content-Type", "text/html");
    response.end('<!doctype html><title>another phone</title><script src="/jssip.js"></script>');
  });
  await new Promise<void>((done) => server.listen(house.foreign, "127.0.0.1", done));
  const person = await Person.sit();
  people.push(person);
  try {
    const page = await person.open(`http://127.0.0.1:${house.foreign}/`);
    await page.evaluate(
      ({ at, phones }) => {
        // biome-ignore lint/suspicious/noExplicitAny: a page of plain JavaScript.
        const JsSIP = (window as any).JsSIP.default ?? (window as any).JsSIP;
        const agent = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(phones)], uri: `sip:8002@${at}`, password: "open-sesame" });
        Object.assign(window, { seen: [] });
        // biome-ignore lint/suspicious/noExplicitAny: as above.
        const seen = (window as any).seen as string[];
        agent.on("registered", () => seen.push("registered"));
        // biome-ignore lint/suspicious/noExplicitAny: as above.
        agent.on("newRTCSession", ({ session }: any) => {
          seen.push("rung");
          session.on("confirmed", () => seen.push("talking"));
          session.answer({ mediaConstraints: { audio: true, video: false } });
        });
        agent.start();
      },
      { at: house.url.slice("http://".length), phones: house.phones },
    );
    const seen = () => page.evaluate(() => (window as unknown as { seen: string[] }).seen);
    await expect.poll(seen, { timeout: 15_000 }).toContain("registered");
    const boris = await sit("1002", "8002", BORIS, "/wall");
    await boris.evaluate(async () => {
      const session = await (await fetch("/api/v1/session")).json();
      await fetch("/api/v1/operators/1002/ready", { method: "POST", headers: { "X-CSRF-Token": session.csrf, "Content-Type": "application/json" }, body: "{}" });
    });
    const citizen = house.call("other-phone");
    await expect.poll(seen, { timeout: 30_000 }).toContain("talking");
    citizen.hangUp();
    await citizen.ended;
  } finally {
    server.close();
  }
});

test("after a crash in a talk the page is in wrap-up and nothing else, and the next caller is answered", async () => {
  const other = await House.open();
  try {
    const anna = await sit("1001", "8001", ANNA, "/operator", other.url);
    await ready(anna);
    const cut = other.call("before-the-crash");
    await answer(anna);
    await hears(anna);
    await anna.keyboard.press("o");
    await anna.keyboard.type("lamp");
    await anna.keyboard.press("Escape");
    await anna.waitForSelector('[data-field="note-state"]:has-text("Saved")');
    await anna.evaluate(() => {
      const false_: string[] = [];
      Object.assign(window, { false_ });
      const look = () => {
        if (!document.querySelector('[data-field="state"][data-value="wrap_up"]')) return;
        const talks = document.querySelector('[data-call], [data-act="mute"], [data-fault^="ice"], [data-fault="no_sound"]');
        if (talks) false_.push(talks.outerHTML.slice(0, 300));
      };
      new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributes: true });
    });
    await other.crash();
    cut.hangUp();
    await waitState(anna, "wrap_up", 30_000);
    await anna.waitForSelector("#note:not([disabled])", { timeout: 5_000 });
    expect(await anna.inputValue("#note")).toBe("lamp");
    await anna.waitForSelector('[data-field="phone"][data-value="registered"]', { timeout: 30_000 });
    await waitState(anna, "ready", 30_000);
    expect(await anna.evaluate(() => (window as unknown as { false_: string[] }).false_)).toEqual([]);
    const citizen = other.call("after-the-crash");
    await answer(anna);
    await hears(anna);
    citizen.hangUp();
    await citizen.ended;
  } finally {
    await other.close();
  }
});
