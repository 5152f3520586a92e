// A supervisor at work with the program itself: alarms, who waits and where they are moved, operators' states, notices,
// opening and closing; and what an admin sees of a day that is played.

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Person, serious, signIn, waitState } from "./browser.ts";
import { House, PASSWORD } from "./house.ts";

let house: House;
const people: Person[] = [];

beforeAll(async () => {
  house = await House.open({
    // Nobody is there: whom the house would call back is not rung.
    trunk: 'to = "sip:127.0.0.1:9"\ncheck = "0s"\n',
    queues:
      'callback = { first = "operator", first_after = "0s", retry = "5m" }\n[[queue.key]]\nkey = "9"\ncallback = true\n' +
      '[[queue]]\nid = "english"\nneed = "mandarin >= 5"\n',
    hotline: '[names.queue]\ncitizen = { zh = "市民热线", en = "Citizens" }\nenglish = { zh = "英语服务", en = "English line" }\n[names.reason]\nmeal = { zh = "用餐", en = "Lunch" }\n',
    environment: { HOTLINE__WEB__ALARM_WAIT: "4s" },
  });
});
afterEach(async (context) => {
  for (const person of people.splice(0)) await person.leave();
  if (context.task.result?.state === "fail") console.log(house?.log());
});
afterAll(() => house?.close());

async function sit(who: string, seat: string | undefined, path: string): Promise<Page> {
  const person = await Person.sit({ language: "en", width: 1366, height: 900 });
  people.push(person);
  const page = await person.open(`${house.url}/signin?to=${encodeURIComponent(path)}`);
  await signIn(page, who, PASSWORD, seat);
  if (path === "/operator") await page.waitForSelector('[data-field="phone"][data-value="registered"]');
  return page;
}

test("a caller whom nobody serves is told of, explained, moved, and served by whom the supervisor makes ready", async () => {
  const mei = await sit("mei", undefined, "/supervisor");
  await mei.waitForSelector('tr[data-queue="english"] .cut:text-is("English line")');
  const citizen = house.call("waits");
  const row = mei.locator('[data-table="waiting"] tbody tr');
  await row.first().waitFor({ timeout: 30_000 });
  await mei.waitForSelector('[data-panel="alarms"]:has-text("callers wait in Citizens, and nobody signed in")', { timeout: 10_000 });
  await mei.waitForSelector('[data-panel="alarms"]:has-text("somebody has waited in Citizens for more than 4 s")', { timeout: 15_000 });
  expect(await mei.title()).toContain("▲2");
  expect(await serious(mei)).toEqual([]);

  await row.getByRole("button", { name: "Explain" }).click();
  await mei.waitForSelector("dialog .timeline li");
  await mei.keyboard.press("Escape");
  await row.locator("select").selectOption("english");
  await mei.waitForSelector('[data-table="waiting"] td:has-text("English line")', { timeout: 10_000 });
  await row.locator("select").selectOption("citizen");
  await mei.waitForSelector('[data-table="waiting"] td:has-text("Citizens")', { timeout: 10_000 });

  const anna = await sit("1001", "8001", "/operator");
  const more = mei.locator('tr[data-operator="1001"] select');
  await mei.waitForSelector('tr[data-operator="1001"] .chip[data-state="not_ready"]');
  await more.selectOption("not:meal");
  await anna.waitForSelector('[data-field="state"][data-value="not_ready"]');
  await mei.waitForSelector('tr[data-operator="1001"] .second:has-text("Lunch")');
  await more.selectOption("ready");
  await anna.waitForSelector('[data-stage="ringing"] .caller', { timeout: 20_000 });
  await anna.keyboard.press("a");
  await waitState(anna, "talking");
  await mei.waitForSelector('[data-panel="alarms"]:has-text("No alarms")', { timeout: 15_000 });
  // Without a seat nobody can listen: that is said, and the talk goes on.
  await mei.locator('tr[data-operator="1001"]').getByRole("button", { name: "Listen" }).click();
  await mei.waitForSelector(".toasts .wrong", { timeout: 10_000 });
  citizen.hangUp();
  await citizen.ended;
  await waitState(anna, "wrap_up");
  await more.selectOption("out");
  await mei.waitForSelector('tr[data-operator="1001"] .chip[data-state="signed_out"]', { timeout: 20_000 });
});

test("who hung up to be called back is told of, until they call again", async () => {
  const mei = await sit("mei", undefined, "/supervisor");
  const citizen = house.call("asks", ["--from", "13812349999", "--press", "9"]);
  const row = mei.locator('[data-table="callbacks"] tbody tr');
  await row.filter({ hasText: "138 1234 9999" }).waitFor({ timeout: 30_000 });
  await citizen.ended;
  await row.filter({ hasText: "Citizens" }).filter({ hasText: "in its turn" }).filter({ hasText: "0 of 3" }).waitFor();
  await mei.waitForSelector('tr[data-queue="citizen"] [data-field="callbacks"]:has-text("1 to call back")', { timeout: 10_000 });
  expect(await serious(mei)).toEqual([]);
  const again = house.call("calls-again", ["--from", "13812349999"]);
  await row.waitFor({ state: "detached", timeout: 20_000 });
  await mei.waitForSelector('tr[data-queue="citizen"] [data-field="callbacks"]', { state: "detached", timeout: 10_000 });
  again.hangUp();
  await again.ended;
});

test("a notice is on every page until it is taken down", async () => {
  const mei = await sit("mei", undefined, "/supervisor");
  const anna = await sit("1001", "8001", "/operator");
  await mei.fill('[data-panel="notices"] textarea', "Water is off in the east");
  await mei.selectOption('[data-panel="notices"] select', "urgent");
  await mei.click('[data-panel="notices"] button[type="submit"]');
  await anna.waitForSelector('[data-bar="notice"][data-state="urgent"]:has-text("Water is off in the east")', { timeout: 5_000 });
  await mei.click('[data-panel="notices"] li button');
  await anna.waitForSelector('[data-bar="notice"]', { state: "detached", timeout: 5_000 });
});

test("who calls while the supervisor has closed the queue is not let in", async () => {
  const mei = await sit("mei", undefined, "/supervisor");
  const to = async (where: string, then: string) => {
    await mei.click('tr[data-queue="citizen"] button');
    await mei.fill("dialog .switch input:not([type])", "drill");
    await mei.click(`dialog .switch button:text-is("${where}")`);
    await mei.waitForSelector(`tr[data-queue="citizen"] .chip:text-is("${then}")`, { timeout: 10_000 });
  };
  await to("Close the queue", "Closed");
  const before = house.records().length;
  const citizen = house.call("closed", [], 20);
  await citizen.ended;
  await expect.poll(() => house.records().length, { timeout: 10_000 }).toBeGreaterThan(before);
  expect(house.records().at(-1)?.outcome).toBe("refused_closed");
  await to("By its hours", "Open");
});

test("a day is played on the admin's page, and told in its language", async () => {
  const mei = await sit("mei", undefined, "/admin#configuration");
  await mei.waitForSelector(".source");
  await mei.click(".configured button.main");
  const line = mei.locator('[data-table="simulated"] tbody tr');
  await line.first().waitFor({ timeout: 120_000 }).catch(async () => {
    throw new Error(`no day was played: ${await mei.textContent(".toasts")}`);
  });
  await mei.click('header button:text-is("中文")');
  await mei.waitForSelector('[data-table="simulated"] tr:has-text("及时接通率")');
  await mei.waitForSelector('[data-table="simulated"] tr:has-text("市民热线")');
  expect(await mei.textContent('[data-panel="simulated"]')).not.toMatch(/calls offered|service level|significant/i);
}, 180_000);

test("whoever asks for the icon gets it, also by its old name", async () => {
  const icon = await fetch(`${house.url}/favicon.ico`);
  expect([icon.status, icon.headers.get("content-type")]).toEqual([200, "image/x-icon"]);
});
