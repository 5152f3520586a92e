// The wall against the pretended house: what it shows, and that it does not grow.

import { beforeEach, describe, expect, test } from "vitest";
import { at, eachVisits, page, served } from "./visit.ts";

eachVisits();

describe("the wall", () => {
  beforeEach(async () => {
    await at("/wall", "wall");
    await page.waitForSelector(".tiles");
  });

  test("shows what changed within a second, and nobody's number", async () => {
    const shows = (offered: number) => {
      served.house.tell("figures", { ...served.house.figures, offered, yesterday: undefined, last_week: undefined });
      const shown = `[data-field="offered"]:has-text("${offered.toLocaleString("en")}")`;
      return page.waitForSelector(shown, { timeout: 1_000 }).then(
        () => true,
        () => false,
      );
    };
    // A busy machine may hold the page up once.
    expect((await shows(4_242)) || (await shows(4_243)) || (await shows(4_244))).toBe(true);
    expect(await page.textContent("main")).not.toMatch(/1[3-9]\d \d{4} \d{4}/);
  });

  test.each(["zh", "en"])("fits the screen, and nothing moves when numbers grow (%s)", async (language) => {
    await page.setViewportSize({ width: 1920, height: 1080 });
    if (language === "en") {
      await page.hover(".wall-head");
      await page.click(".wall-head .switches button:first-child");
      await page.waitForSelector(':text("Queue visits today")');
    }
    const overflow = await page.evaluate(() => document.documentElement.scrollHeight - window.innerHeight);
    expect(overflow).toBeLessThanOrEqual(0);
    const wide = () =>
      page.evaluate(() =>
        [...document.querySelectorAll(".tile > *, .people li, .bars li, .bars .value")].filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent),
      );
    const places = () =>
      page.evaluate(() =>
        [...document.querySelectorAll(".tile, .people li, .people .name, .bars li, .bars .track")].map((one) => {
          const { x, y, width } = one.getBoundingClientRect();
          return one.matches(".track") ? [x, y] : [x, y, one.matches(".people .name") ? 0 : width];
        }),
      );
    expect(await wide()).toEqual([]);
    const before = await places();
    served.house.figures = { ...served.house.figures, offered: 117_133, answered: 116_871, waiting: 128, service_level: 1, service_level_15min: 0.0912, longest_since: new Date(Date.now() - 3_725_000).toISOString() };
    served.house.tell("figures", served.house.figures);
    for (const one of [...served.house.operators.keys()].slice(0, 30)) served.house.operator(one, { state: "reserved" });
    await page.waitForSelector('[data-field="offered"]:has-text("117,133")');
    await page.waitForTimeout(300);
    expect(await wide()).toEqual([]);
    expect(await places()).toEqual(before);
  });

  test("tells of an emergency, and of whose it is nothing", async () => {
    await page.setViewportSize({ width: 1920, height: 1080 });
    const ids = [...served.house.calls.values()].filter((call) => call.stage === "talking").map((call) => call.id);
    const since = new Date(Date.now() - 43_000).toISOString();
    const line = page.locator('[data-field="emergencies"]');
    served.house.call(ids[0] ?? "", { emergency: { target: "110", stage: "talking", since } });
    await line.locator(':scope:has-text("110 已接通")').waitFor();
    expect(await line.textContent()).toMatch(/^▲ 紧急110 已接通 0:4\d$/);
    for (const id of ids.slice(1, 5)) served.house.call(id, { emergency: { target: "120", stage: "ringing", since } });
    await line.locator(':scope:has-text("另有 2 起")').waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollHeight - window.innerHeight)).toBeLessThanOrEqual(0);
    expect(await line.evaluate((one) => one.scrollWidth - one.clientWidth)).toBeLessThanOrEqual(0);
    for (const id of ids.slice(0, 5)) served.house.call(id, { emergency: null });
    await line.waitFor({ state: "detached" });
    served.house.tell("alarm", { id: "closing", kind: "closing", queue: null, since, text: "热线即将停止运行", text_en: "closing" });
    await page.waitForSelector('.wall-notice[data-state="warning"]:text-is("热线即将停止运行")');
    served.house.tell("alarm_over", { id: "closing" });
    await page.waitForSelector('.wall-notice:text-is("热线即将停止运行")', { state: "detached" });
  });

  test("does not grow over the events of hours", async () => {
    const client = await page.context().newCDPSession(page);
    await client.send("Performance.enable");
    const measure = async () => {
      await client.send("HeapProfiler.collectGarbage");
      const { metrics } = await client.send("Performance.getMetrics");
      const of = (name: string) => metrics.find((one) => one.name === name)?.value ?? 0;
      return { heap: of("JSHeapUsedSize"), nodes: of("Nodes"), listeners: of("JSEventListeners") };
    };
    const hours = async (events: number) => {
      for (let i = 0; i < events; i++) {
        served.house.figures = { ...served.house.figures, offered: served.house.figures.offered + 1 };
        served.house.tell("figures", { ...served.house.figures, yesterday: undefined, last_week: undefined });
        served.house.operator(String(1002 + (i % 60)), { state: (["ready", "talking", "wrap_up"] as const)[i % 3] ?? "ready" });
        if (i % 20 === 0) await page.waitForTimeout(60);
      }
      await page.waitForTimeout(500);
    };
    await hours(400);
    const before = await measure();
    await hours(3_000);
    const after = await measure();
    expect(after.nodes).toBeLessThan(before.nodes + 50);
    expect(after.listeners).toBeLessThan(before.listeners + 10);
    expect(after.heap).toBeLessThan(before.heap + 1_000_000);
  });
});
