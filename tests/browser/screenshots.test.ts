// Every page in Chinese and English, light and dark: no serious fault of accessibility. `npm run screenshots` keeps those
// that the README shows in web/screenshots.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Look, Person, serious, signIn, waitState } from "./browser.ts";
import { pretended } from "./pretended.ts";

const KEEP = process.env.SCREENSHOTS ? (process.env.SCREENSHOTS_IN ?? join(dirname(fileURLToPath(import.meta.url)), "../../web/screenshots")) : null;

const LOOKS: Required<Pick<Look, "language" | "theme">>[] = [
  { language: "zh", theme: "light" },
  { language: "en", theme: "dark" },
  { language: "zh", theme: "dark" },
  { language: "en", theme: "light" },
];

const SHOWN = ["signin", "operator-ringing", "operator-talking", "supervisor", "wall", "admin-records", "admin-record", "admin-configuration"];

let served: Awaited<ReturnType<typeof pretended>>;
beforeAll(async () => {
  served = await pretended();
  if (KEEP) mkdirSync(KEEP, { recursive: true });
});
afterAll(() => served?.close());

describe.each(LOOKS)("$language $theme", ({ language, theme }) => {
  let person: Person;
  beforeAll(async () => {
    person = await Person.sit({ language, theme });
  });
  afterAll(async () => {
    await person?.leave();
  });

  /** As WebP, by the browser itself. */
  async function small(png: Buffer): Promise<Buffer> {
    const page = await person.context.newPage();
    const url = await page.evaluate(async (source) => {
      const image = await createImageBitmap(await (await fetch(source)).blob());
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [image.width, image.height];
      canvas.getContext("2d")?.drawImage(image, 0, 0);
      return canvas.toDataURL("image/webp", 0.7);
    }, `data:image/png;base64,${png.toString("base64")}`);
    await page.close();
    return Buffer.from(url.slice(url.indexOf(",") + 1), "base64");
  }

  async function seen(page: Page, name: string): Promise<void> {
    if (KEEP && (SHOWN.includes(name) || process.env.SCREENSHOTS === "all")) {
      writeFileSync(join(KEEP, `${name}-${language}-${theme}.webp`), await small(await page.screenshot()));
    }
    expect(await serious(page)).toEqual([]);
    expect(person.faults).toEqual([]);
  }

  test("signing in, with the headset test", async () => {
    const page = await person.open(`${served.url}/signin`);
    await page.click(".headset button:first-of-type");
    await page.waitForSelector('[data-heard="true"]');
    await seen(page, "signin");
    await page.close();
  });

  test("the operator's page: not ready, ringing, talking, to whom, wrap-up", async () => {
    const page = await person.open(`${served.url}/signin`);
    await signIn(page, "1001", "right", "8001");
    await page.waitForSelector('[data-field="phone"][data-value="registered"]');
    await waitState(page, "not_ready");
    await seen(page, "operator-not-ready");
    await page.keyboard.press("r");
    await waitState(page, "ready");
    const call = served.house.ring("1001");
    await page.waitForSelector(`[data-call="${call}"][data-stage="ringing"] .history`);
    await seen(page, "operator-ringing");
    await page.keyboard.press("a");
    await waitState(page, "talking");
    await seen(page, "operator-talking");
    await page.keyboard.press("t");
    await page.waitForSelector("dialog .targets li");
    await seen(page, "operator-transfer");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.keyboard.press("?");
    await page.waitForSelector(".key-list");
    await seen(page, "operator-keys");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.keyboard.press("x");
    await waitState(page, "wrap_up");
    await seen(page, "operator-wrap-up");
    await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE" }));
    await page.close();
  });

  test("the supervisor's page", async () => {
    const page = await person.open(`${served.url}/signin`);
    await page.setViewportSize({ width: 1600, height: 1000 });
    await signIn(page, "1010", "right", "8010");
    await page.goto(`${served.url}/supervisor`);
    await page.waitForSelector('[data-table="operators"] tbody tr');
    await seen(page, "supervisor");
    await page.click('[data-table="waiting"] tbody tr button');
    await page.waitForSelector("dialog .timeline");
    await seen(page, "supervisor-explain");
    await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE" }));
    await page.close();
  });

  test("the wall", async () => {
    const page = await person.open(`${served.url}/signin?to=/wall`);
    await page.setViewportSize({ width: 1920, height: 1080 });
    await signIn(page, "wall", "right");
    await page.waitForSelector(".tiles");
    await page.waitForTimeout(300);
    await seen(page, "wall");
    await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE" }));
    await page.close();
  });

  test("the admin's page: records, one record, the configuration with both curves", async () => {
    const page = await person.open(`${served.url}/signin?to=/admin`);
    await page.setViewportSize({ width: 1440, height: 960 });
    await signIn(page, "mei", "right");
    await page.waitForSelector('[data-table="records"] tbody tr');
    await seen(page, "admin-records");
    await page.click("[data-record]");
    await page.waitForSelector("dialog .waveform");
    await page.waitForTimeout(500);
    await seen(page, "admin-record");
    await page.keyboard.press("Escape");
    await page.click('a[href="#configuration"]');
    await page.waitForSelector(".versions li");
    await page.click(".configured button.main");
    await page.waitForSelector('[data-panel="simulated"]');
    await seen(page, "admin-configuration");
    await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE" }));
    await page.close();
  });
});
