// Operators and supervisors in browsers with the program itself, each with a microphone of their own.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { Person, signIn, waitState } from "./browser.ts";
import { House, PASSWORD, share, tone } from "./house.ts";

/** What each microphone hears, in Hz; citizens say 600. */
export const CITIZEN = 600;
export const ANNA = 1_000;
export const BORIS = 1_400;
export const CLARA = 1_800;

export let house: House;
export const people: Person[] = [];
let folder: string;

/** One house for the tests of a file; whoever sits down in a test leaves after it. */
export function eachSitsDown(): void {
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
}

export async function sit(who: string, seat: string | undefined, hz: number, path = "/operator", at = house.url): Promise<Page> {
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
export const energy = (page: Page) =>
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

export async function hears(page: Page): Promise<void> {
  const before = await energy(page);
  await expect.poll(async () => (await energy(page)).heard, { timeout: 15_000 }).toBeGreaterThan(before.heard + 0.01);
}

export async function ready(page: Page): Promise<void> {
  await page.keyboard.press("r");
  await waitState(page, "ready");
}

export async function answer(page: Page): Promise<string> {
  await page.waitForSelector('[data-stage="ringing"] .caller', { timeout: 30_000 });
  const call = (await page.getAttribute("[data-call]", "data-call")) ?? "";
  await page.keyboard.press("a");
  await waitState(page, "talking");
  // Before the note is there, what is typed into it would be keys of the page.
  await page.waitForSelector("#note");
  return call;
}

/** Opens the list of whom to ask, as soon as the page lets it be opened. */
export async function asks(page: Page): Promise<void> {
  await page.waitForSelector('[data-act="consult"]:not([disabled])', { timeout: 15_000 });
  await page.keyboard.press("c");
  await page.waitForSelector("dialog .targets");
}

export async function away(page: Page): Promise<void> {
  await page.keyboard.press("n");
  await page.waitForSelector("dialog [data-reason]");
  await page.keyboard.press("1");
}

export const heard = (recording: string, hz: number) => share(readFileSync(recording), hz);
