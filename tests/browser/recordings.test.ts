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

/**
 * As the browser decodes it: seconds, and of each channel which of its 20 ms are full of each of the tones, and how much of
 * all that is heard there is that tone. Every tone has whole waves in 20 ms, so those without a hole between them are in one
 * phase if none is cut or moved by less than a wave: `together` is 1 then, and 0 if all are anywhere.
 */
const decoded = (page: Page, tones: number[]) =>
  page.evaluate(async (all) => {
    const url = document.querySelector("audio")?.getAttribute("src") ?? "";
    const response = await fetch(url);
    const sound = await new OfflineAudioContext(2, 8_000, 8_000).decodeAudioData(await response.arrayBuffer());
    const frame = sound.sampleRate / 50;
    const channels = [...Array(sound.numberOfChannels).keys()].map((channel) => {
      const samples = sound.getChannelData(channel);
      const frames = [...Array(Math.floor(samples.length / frame)).keys()].map((n) => samples.slice(n * frame, (n + 1) * frame));
      return all.map((hz) => {
        const step = (2 * Math.PI * hz) / sound.sampleRate;
        const waves = frames.map((some) => {
          const re = some.reduce((sum, sample, n) => sum + sample * Math.cos(step * n), 0) / frame;
          const im = some.reduce((sum, sample, n) => sum + sample * Math.sin(step * n), 0) / frame;
          const power = some.reduce((sum, sample) => sum + sample * sample, 0) / frame;
          return { re, im, power };
        });
        const full = waves.map(({ re, im, power }) => power > 0.001 && 2 * (re * re + im * im) > 0.9 * power);
        const [first, last] = [full.indexOf(true), full.lastIndexOf(true)];
        const holes = full.slice(first, last).filter((is) => !is).length;
        let [run, inPhase, all, tone, heard] = [{ re: 0, im: 0 }, 0, 0, 0, 0];
        waves.forEach(({ re, im, power }, n) => {
          run = full[n] ? { re: run.re + re, im: run.im + im } : { re: 0, im: 0 };
          if (full[n]) all += Math.hypot(re, im);
          if (full[n] && !full[n + 1]) inPhase += Math.hypot(run.re, run.im);
          tone += 2 * (re * re + im * im);
          heard += power;
        });
        return { first, last, holes, together: inPhase / all, share: tone / heard };
      });
    });
    return { kind: response.headers.get("content-type"), seconds: sound.duration, channels };
  }, tones);

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
  expect(recording?.lost_ms).toBe(0);
  // A phone that the machine keeps from speaking says so: nothing else may be missing, but what is not whole beside it.
  const gaps = [...house.log().matchAll(/gap_ms=(\d+)/g)].reduce((sum, [, ms]) => sum + Number(ms), 0);
  const told = `${gaps} ms were not played; ${JSON.stringify(found.channels)}`;
  for (const [mine, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const own = found.channels[mine]?.[mine];
    if (!own) throw new Error(`there is no channel ${mine}: ${told}`);
    expect(found.channels[mine]?.[other]?.share, `the other side is heard in channel ${mine}: ${told}`).toBeLessThan(0.01);
    expect(own.share, `something else is heard in channel ${mine}: ${told}`).toBeGreaterThan(0.95);
    expect(own.together, `the tone breaks in channel ${mine}: ${told}`).toBeGreaterThan(0.98);
    expect(own.holes * 20, `sound is missing in channel ${mine}: ${told}`).toBeLessThanOrEqual(4 * gaps);
    expect(own.first * 20, `it begins late in channel ${mine}: ${told}`).toBeLessThan(200 + gaps);
    expect(own.last * 20, `it ends early in channel ${mine}: ${told}`).toBeGreaterThan(1_000 * seconds - 500 - gaps);
  }
  expect(person.faults).toEqual([]);
});
