// The pages with the program itself: citizens call over SIP, operators answer in browsers, and each hears the other.

import { createServer, type Server } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { expect, test } from "vitest";
import { Person, serious, waitState } from "./browser.ts";
import { Cable } from "./cable.ts";
import { ANNA, answer, away, BORIS, CITIZEN, CLARA, eachSitsDown, energy, heard, hears, house, people, ready, sit } from "./microphones.ts";

eachSitsDown();

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
