// Somebody at a page, against the pretended house: a large window, and a page for each test.

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { Person, signIn } from "./browser.ts";
import { pretended } from "./pretended.ts";

export let served: Awaited<ReturnType<typeof pretended>>;
export let person: Person;
export let page: Page;

/** From now on the test is at this page. */
export function turnTo(one: Page): void {
  page = one;
}

/** A page at which nobody has signed in. */
export async function open(url: string): Promise<void> {
  turnTo(await person.open(url));
}

export async function at(path: string, who: string, seat?: string): Promise<void> {
  await open(`${served.url}/signin?to=${encodeURIComponent(path)}`);
  await signIn(page, who, "right", seat);
  await page.waitForURL(`${served.url}${path}`);
}

export const last = () => served.house.asked.at(-1);

/** A request to this path goes on when the answer is called. */
export async function holdUp(page: Page, path: string): Promise<() => void> {
  let go = () => {};
  const held = new Promise<void>((done) => {
    go = done;
  });
  await page.route(`**/api/v1${path}`, async (route) => {
    await held;
    await route.continue();
  });
  return () => go();
}

export function eachVisits(): void {
  beforeAll(async () => {
    person = await Person.sit({ width: 1600, height: 1000 });
  });
  afterAll(() => person?.leave());
  beforeEach(async () => {
    served = await pretended();
  });
  afterEach(async () => {
    await page?.close();
    await served.close();
    expect(person.faults.splice(0)).toEqual([]);
  });
}
