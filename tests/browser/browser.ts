// A headless Chromium with a microphone that plays a file, a page of its own for each person, and what tests look at.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe from "axe-core";
import { type BrowserContext, chromium, type Page } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
  "--allow-loopback-in-peer-connection",
  "--disable-features=WebRtcHideLocalIpsWithMdns",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface Look {
  language?: "zh" | "en";
  /** The language was not chosen on the pages: it is the browser's. */
  unchosen?: boolean;
  theme?: "light" | "dark";
  width?: number;
  height?: number;
  /** What the microphone hears, a WAV; without it a beep each second. */
  microphone?: string;
  /** The microphone is not allowed. */
  forbidden?: boolean;
}

/** A person at a browser: the profile is new and gone afterwards. */
export class Person {
  readonly context: BrowserContext;
  private readonly profile: string;
  readonly faults: string[] = [];

  private constructor(context: BrowserContext, profile: string) {
    this.context = context;
    this.profile = profile;
  }

  static async sit(look: Look = {}): Promise<Person> {
    const profile = mkdtempSync(join(tmpdir(), "hotline-browser-"));
    const flags = FLAGS.filter((flag) => !look.forbidden || !flag.startsWith("--use-fake-ui"));
    if (look.microphone) flags.push(`--use-file-for-fake-audio-capture=${look.microphone}`);
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      headless: true,
      args: flags,
      viewport: { width: look.width ?? 1280, height: look.height ?? 860 },
      colorScheme: look.theme ?? "light",
      locale: look.language === "en" ? "en-GB" : "zh-CN",
      reducedMotion: "reduce",
    });
    if (!look.unchosen)
      await context.addInitScript((language) => {
        localStorage.setItem("hotline.language", language);
      }, look.language ?? "zh");
    return new Person(context, profile);
  }

  async open(url: string): Promise<Page> {
    const page = await this.context.newPage();
    page.on("pageerror", (fault) => this.faults.push(String(fault)));
    await page.goto(url);
    return page;
  }

  async leave(): Promise<void> {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}

export async function signIn(page: Page, name: string, password: string, seat?: string): Promise<void> {
  await page.fill('input[name="name"]', name);
  await page.fill('input[name="password"]', password);
  await page.fill('input[name="seat"]', seat ?? "");
  await page.press('input[name="password"]', "Enter");
  await page.waitForURL((url) => !url.pathname.startsWith("/signin"));
}

export const state = (page: Page) => page.getAttribute('[data-field="state"]', "data-value");

export async function waitState(page: Page, wanted: string, timeout = 15_000): Promise<void> {
  await page.waitForSelector(`[data-field="state"][data-value="${wanted}"]`, { timeout });
}

/** What axe finds serious or critical, in words. */
export async function serious(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { axe: tool } = window as unknown as { axe: typeof axe };
    return tool.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] });
  });
  return found.violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.target.join(" ")} (${node.failureSummary ?? ""})`));
}
