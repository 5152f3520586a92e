// An operator at the page, against the pretended house: signed in anew for each test.

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { Person, signIn, waitState } from "./browser.ts";
import { pretended } from "./pretended.ts";

export let served: Awaited<ReturnType<typeof pretended>>;
export let person: Person;
export let page: Page;

export const asked = (what: string) => served.house.asked.filter((one) => one.what === what).map((one) => one.body);
export const orders = () =>
  served.house.asked.filter((one) => one.what.endsWith("/orders")).map((one) => (one.body as { order: string }).order);

export async function ready(): Promise<void> {
  await page.keyboard.press("r");
  await waitState(page, "ready");
}

export async function talk(number?: string): Promise<string> {
  await ready();
  const call = served.house.ring("1001", number);
  await page.waitForSelector(`[data-call="${call}"][data-stage="ringing"]`);
  await page.keyboard.press("a");
  await waitState(page, "talking");
  return call;
}

export function eachSignsIn(): void {
  beforeAll(async () => {
    person = await Person.sit();
  });
  afterAll(() => person?.leave());
  beforeEach(async () => {
    served = await pretended();
    page = await person.open(`${served.url}/signin`);
    await signIn(page, "1001", "right", "8001");
    await page.waitForSelector('[data-field="phone"][data-value="registered"]');
  });
  afterEach(async () => {
    await page.close();
    await served.close();
    expect(person.faults.splice(0)).toEqual([]);
  });
}
