// A recording that became Ogg/Opus, on the admin's page: drawn, played, gone about in, and decoded by the browser.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Person, signIn } from "./browser.ts";
import { House, PASSWORD } from "./house.ts";

const CITIZEN = 600;
const OPERATOR = 1_000;

let house: House;
let person: Person;

beforeAll(async () => {
  house = await House.open({ seated: true, hotline: '[recording]\ncalls = true\nformat = "opus"\n' });
  person = await Person.sit({ language: "en" });
});
afterAll(async () => {
  await person?.leave();
  await house?.close();
});

/** As the browser decodes it: seconds, and of each channel how much of it is at each frequency, 0 to 1. */
const decoded = (page: Page, frequencies: number[]) =>
  page.evaluate(async (all) => {
    const url = document.querySelector("audio")?.getAttribute("src") ?? "";
    const response = await fetch(url);
    const sound = await new OfflineAudioContext(2, 8_000, 8_000).decodeAudioData(await response.arrayBuffer());
    const from = Math.floor(sound.length / 2);
    const shares = [...Array(sound.numberOfChannels).keys()].map((channel) => {
      const second = sound.getChannelData(channel).slice(from, from + sound.sampleRate);
      const energy = second.reduce((sum, sample) => sum + sample * sample, 0);
      return all.map((hz) => {
        const step = (2 * Math.PI * hz) / sound.sampleRate;
        const re = second.reduce((sum, sample, n) => sum + sample * Math.cos(step * n), 0);
        const im = second.reduce((sum, sample, n) => sum + sample * Math.sin(step * n), 0);
        return energy < 1 ? 0 : (2 * (re * re + im * im)) / (second.length * energy);
      });
    });
    return { kind: response.headers.get("content-type"), seconds: sound.duration, shares };
  }, frequencies);

test("it is drawn, played, gone about in, and has both sides in their places", async () => {
  house.seat("8001", OPERATOR);
  const citizen = house.call("recorded", [], 20);
  await citizen.ended;
  await expect.poll(() => house.records().at(-1)?.recording?.file, { timeout: 30_000 }).toMatch(/\.opus$/);
  const recording = house.records().at(-1)?.recording;
  const seconds = (recording?.length_ms ?? 0) / 1_000;
  expect(seconds).toBeGreaterThan(8);

  const page = await person.open(`${house.url}/signin?to=/admin`);
  await signIn(page, "mei", PASSWORD);
  await page.locator("[data-record]").first().click();
  await page.waitForSelector("dialog .wave canvas.two");
  const drawn = () =>
    page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>("canvas.two");
      const data = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      return [...data].filter((value) => value > 0).length;
    });
  await expect.poll(drawn, { timeout: 10_000 }).toBeGreaterThan(1_000);
  expect(await page.getAttribute(".waveform a[download]", "download")).toMatch(/\.opus$/);

  await page.click(".waveform button");
  const audio = () => page.evaluate(() => document.querySelector("audio")?.currentTime ?? 0);
  await expect.poll(audio, { timeout: 10_000 }).toBeGreaterThan(0.5);
  expect(await page.evaluate(() => document.querySelector("audio")?.duration ?? 0)).toBeCloseTo(seconds, 1);
  await page.focus("dialog canvas");
  await page.keyboard.press("ArrowRight");
  await expect.poll(audio, { timeout: 10_000 }).toBeGreaterThan(5.5);
  expect(await page.evaluate(() => document.querySelector("audio")?.error?.message ?? null)).toBeNull();

  const found = await decoded(page, [CITIZEN, OPERATOR]);
  expect(found.kind).toBe("audio/ogg");
  expect(found.seconds).toBeCloseTo(seconds, 1);
  const [[left = 0, leaked = 1] = [], [echoed = 1, right = 0] = []] = found.shares;
  expect(Math.min(left, right)).toBeGreaterThan(0.9);
  expect(Math.max(leaked, echoed)).toBeLessThan(0.05);
  expect(person.faults).toEqual([]);
});
