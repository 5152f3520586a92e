// All pages together, against the pretended house: the first visit, how heavy they are and how soon they show something,
// large houses and new ones, languages, and the keyboard.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Person, signIn } from "./browser.ts";
import { at, eachVisits, open, page, person, served, turnTo } from "./visit.ts";

const DIST = join(dirname(fileURLToPath(import.meta.url)), "../../web/dist");

eachVisits();

test("on a fresh installation one is told how to set the first password", async () => {
  served.house.fresh = true;
  await open(`${served.url}/signin`);
  for (const who of ["1001", "1010", "admin", "wall"]) await page.waitForSelector(`[data-panel="first"] pre:text-is("hotline password ${who}")`);
});

test("all pages together are under 300 kB compressed", () => {
  const files = readdirSync(DIST, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  const bytes = files.reduce((sum, one) => sum + gzipSync(readFileSync(join(one.parentPath, one.name))).length, 0);
  console.log(`all pages together: ${Math.round(bytes / 1000)} kB compressed`);
  expect(bytes).toBeLessThan(300_000);
});

test("the first paint is within a second", async () => {
  await at("/wall", "wall");
  const paint = async () => page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null);
  await page.reload();
  await expect.poll(paint).not.toBeNull();
  expect(await paint()).toBeLessThan(1_000);
  await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE" }));
  await page.goto(`${served.url}/signin`);
  await expect.poll(paint).not.toBeNull();
  expect(await paint()).toBeLessThan(1_000);
});

describe("a large house", () => {
  const SIZES = [
    [1024, 768],
    [1280, 800],
    [1366, 768],
    [1440, 900],
    [1920, 1080],
  ] as const;

  /** What is wider than the place it has, but for names that are cut on purpose. */
  const tooWide = () =>
    page.evaluate(() => {
      const wide = (one: Element) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0;
      const boxes = [...document.querySelectorAll("main .scroll, main .sheet, main .panel, main .row, main td, main th")];
      const found = boxes.filter(wide).map((one) => `${one.tagName}.${one.className}: ${one.textContent?.slice(0, 40)}`);
      return document.documentElement.scrollWidth > window.innerWidth ? ["the page", ...found] : found;
    });

  test.each(["zh", "en"] as const)("nothing of the tables is cut at any usual size (%s)", async (language) => {
    served.house.grow();
    await at("/supervisor", "1010");
    if (language === "en") await page.click('header button:text-is("English")');
    await page.waitForSelector('[data-table="operators"] tbody tr');
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      await page.waitForTimeout(100);
      expect(await tooWide(), `${width}x${height}`).toEqual([]);
    }
  });

  test("the headings stay when one scrolls, and a queue of a schedule is called by its name", async () => {
    served.house.grow();
    await at("/supervisor", "1010");
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.locator('[data-table="operators"] tbody tr').nth(120).scrollIntoViewIfNeeded();
    const head = await page.locator('[data-table="operators"] thead th').first().boundingBox();
    expect(head?.y).toBeLessThan(5);
    expect(await page.textContent('[data-schedule="hotline"]')).toContain("热线服务时间");
  });
});

test("a house on its first day says so kindly, on every page", async () => {
  served.house.empty();
  await at("/wall", "wall");
  await page.waitForSelector('.bars .none:has-text("今日尚无来电")');
  await expect.poll(() => page.textContent('[data-field="longest"]')).toContain("没有人在等");
  await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE" }));
  await page.close();
  await at("/supervisor", "1010");
  await page.waitForSelector(':text("没有人在等")');
  await page.waitForSelector('[data-panel="alarms"]:has-text("没有告警")');
  expect(await page.textContent("main")).not.toMatch(/NaN|undefined|null/);
  await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE" }));
  await page.close();
  await at("/admin", "mei");
  await page.waitForSelector(':text("没有符合条件的话单")');
});

test("a seat at which a colleague is signed in is refused with their name", async () => {
  served.house.operator("1003", { state: "ready", seat: "8003", name: "李强" });
  await open(`${served.url}/signin?to=/operator`);
  for (const [field, text] of [["name", "1001"], ["password", "right"], ["seat", "8003"]] as const)
    await page.fill(`input[name="${field}"]`, text);
  await page.press('input[name="password"]', "Enter");
  await page.waitForSelector('[role="alert"]:has-text("李强 (1003) 正在这个席位上登录")');
  expect(new URL(page.url()).pathname).toBe("/signin");
});

describe("the language", () => {
  test.each([
    [["zh-TW", "en"], "登录"],
    [["en-GB", "zh"], "Sign in"],
    [["fr-FR", "zh-CN", "en"], "登录"],
    [["de-DE"], "Sign in"],
  ])("is the first of the browser's that the pages speak: %s", async (languages, heading) => {
    turnTo(await person.context.newPage());
    await page.addInitScript((spoken) => {
      localStorage.removeItem("hotline.language");
      Object.defineProperty(navigator, "languages", { get: () => spoken });
    }, languages);
    await page.goto(`${served.url}/signin`);
    await page.waitForSelector(`h2:text-is("${heading}")`);
    expect(await page.evaluate(() => document.documentElement.lang)).toBe(heading === "登录" ? "zh-CN" : "en");
  });

  test("that somebody chose stays, and names follow it", async () => {
    const guest = await Person.sit({ language: "en", unchosen: true, width: 1600, height: 1000 });
    turnTo(await guest.open(`${served.url}/signin?to=/wall`));
    await signIn(page, "wall", "right");
    await page.waitForSelector('[data-bar="citizen"]:has-text("General enquiries")');
    await page.hover(".wall-head");
    await page.click(".wall-head .switches button:first-child");
    await page.waitForSelector('[data-bar="citizen"]:has-text("综合诉求")');
    await page.reload();
    await page.waitForSelector('[data-bar="citizen"]:has-text("综合诉求")');
    await guest.leave();
  });
});

describe("by keys alone", () => {
  test.each([
    ["/signin", null],
    ["/supervisor", "1010"],
    ["/wall", "wall"],
    ["/admin", "mei"],
    ["/admin#configuration", "mei"],
    ["/admin#audit", "mei"],
    ["/operator", "1001"],
  ] as const)("one sees where one is, and goes on in the order of the page: %s", async (path, who) => {
    if (who) await at(path, who, who === "1001" ? "8001" : undefined);
    else await open(`${served.url}${path}`);
    await page.waitForTimeout(500);
    const seen: { what: string; outline: number; place: number; visible: boolean }[] = [];
    for (let tabs = 0; tabs < 40; tabs++) {
      await page.keyboard.press("Tab");
      const now = await page.evaluate(() => {
        const one = document.activeElement as HTMLElement;
        if (!one || one === document.body) return null;
        const style = getComputedStyle(one);
        const box = one.getBoundingClientRect();
        return {
          what: `${one.tagName} ${one.className} ${one.textContent?.slice(0, 20)}`,
          outline: style.outlineStyle === "none" ? 0 : Number.parseFloat(style.outlineWidth),
          place: [...document.querySelectorAll("*")].indexOf(one),
          visible: box.bottom > 0 && box.top < window.innerHeight && box.width > 0,
        };
      });
      if (now === null) break;
      seen.push(now);
    }
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.filter((one) => one.outline < 2 || !one.visible)).toEqual([]);
    expect(seen.map((one) => one.place)).toEqual(seen.map((one) => one.place).sort((a, b) => a - b));
  });
});
