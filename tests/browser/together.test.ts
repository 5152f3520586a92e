// The pages with the program itself: colleagues and supervisors in one call, and a talk that a crash cuts off.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { serious, waitState } from "./browser.ts";
import { ANNA, answer, asks, away, BORIS, CLARA, eachSitsDown, energy, heard, hears, house, ready, sit } from "./microphones.ts";

eachSitsDown();

/** What the page says of the call, in words. */
const situation = (page: Page, text: string) =>
  page.waitForSelector(`.situation:has-text("${text}")`, { timeout: 15_000 });

test("consultation, three-way, and a transfer to a second browser, which sees it all; the notes of both go with the call", async () => {
  const anna = await sit("1001", "8001", ANNA);
  const boris = await sit("1002", "8002", BORIS);
  const clara = await sit("1003", "8003", CLARA, "/supervisor");
  await ready(anna);
  const citizen = house.call("transfer", ["--from", "13866667777"]);
  const call = await answer(anna);
  await anna.keyboard.press("o");
  await anna.keyboard.type("a lamp");
  await anna.keyboard.press("Escape");
  await boris.keyboard.press("r");
  await waitState(boris, "ready");
  await asks(anna);
  await anna.keyboard.type("1002");
  await anna.keyboard.press("Enter");
  await boris.waitForSelector('[data-act="answer"]', { timeout: 30_000 });
  // From the first ring on: who asks, about whom, and that the citizen does not hear it.
  await boris.waitForSelector(`[data-call="${call}"] .caller:has-text("138 6666 7777")`);
  await boris.waitForSelector('[data-note="1001"]:has-text("a lamp")');
  await situation(boris, "Anna asks for you about this caller, your phone rings; the caller hears music, not you");
  await boris.keyboard.press("a");
  await anna.waitForSelector('[data-act="threeWay"]:not([disabled])', { timeout: 15_000 });
  await situation(boris, "Anna consults you about this caller; the caller hears music, not you");
  await boris.waitForSelector('[data-stage="consulting"] [data-field="visits"]');
  expect(await boris.locator('[data-act="hold"], [data-act="complete"], #note').count()).toBe(0);
  await clara.waitForSelector('tr[data-operator="1002"] .chip:has-text("consulted by Anna")', { timeout: 15_000 });
  await hears(boris);
  await anna.keyboard.press("j");
  await anna.waitForSelector('[data-stage="conference"]', { timeout: 15_000 });
  await situation(boris, "Three-way with Anna: the caller hears you");
  expect(await serious(boris)).toEqual([]);
  await anna.waitForTimeout(3_000);
  // Nothing of the call is gone from the page for a moment while it becomes theirs.
  await boris.evaluate((call) => {
    const gaps: string[] = [];
    Object.assign(window, { gaps });
    new MutationObserver(() => {
      if (!document.querySelector(`[data-call="${call}"]`)) gaps.push(document.body.innerText.slice(0, 200));
    }).observe(document.body, { childList: true, subtree: true, attributes: true });
  }, call);
  await anna.keyboard.press("g");
  await waitState(anna, "wrap_up");
  await waitState(boris, "talking");
  await boris.waitForSelector('.toasts :text-is("Anna left the caller to you: the caller is with you now.")');
  await anna.waitForSelector('[data-field="went"]:text-is("Goes on elsewhere")');
  await boris.waitForSelector('[data-act="hold"]:not([disabled])');
  expect(await boris.evaluate(() => (window as unknown as { gaps: string[] }).gaps)).toEqual([]);
  await hears(boris);
  // What is noted in wrap-up reaches whoever has the citizen now; each has a note of their own.
  await anna.keyboard.press("o");
  await anna.keyboard.press("End");
  await anna.keyboard.type(" in the park");
  await anna.keyboard.press("Escape");
  await boris.waitForSelector('[data-note="1001"]:has-text("a lamp in the park")', { timeout: 15_000 });
  await boris.keyboard.press("o");
  await boris.keyboard.type("sent somebody");
  await boris.keyboard.press("Escape");
  await boris.waitForTimeout(3_000);
  citizen.hangUp();
  await citizen.ended;
  expect(heard(citizen.recording, BORIS)).toBeGreaterThan(0.4);
  const noted = () => house.records().at(-1)?.notes?.map((note) => `${note.by} ${note.text}`);
  await expect.poll(noted, { timeout: 10_000 }).toEqual(["1001 a lamp in the park", "1002 sent somebody"]);
  await away(anna);
});

test("a supervisor listens and whispers: only the operator hears it", async () => {
  const anna = await sit("1001", "8001", ANNA);
  const clara = await sit("1003", "8003", CLARA, "/supervisor");
  await ready(anna);
  const citizen = house.call("whisper");
  await answer(anna);
  await hears(anna);
  const row = clara.locator('tr[data-operator="1001"]');
  await row.getByRole("button", { name: "Listen" }).click({ timeout: 15_000 });
  await clara.waitForSelector('[data-mode="listen"]', { timeout: 15_000 });
  await clara.waitForSelector('tr[data-operator="1003"] .chip:has-text("Listening to Anna")', { timeout: 15_000 });
  await hears(clara);
  await clara.reload();
  await clara.waitForSelector('[data-mode="listen"]', { timeout: 15_000 });
  await expect.poll(async () => (await energy(clara)).heard, { timeout: 20_000 }).toBeGreaterThan(0);
  await hears(clara);
  await clara.click('[data-mode="listen"] button:text-is("Whisper")');
  await clara.waitForSelector('[data-mode="whisper"]', { timeout: 15_000 });
  await anna.waitForTimeout(4_000);
  citizen.hangUp();
  await citizen.ended;
  expect(heard(citizen.recording, CLARA)).toBeLessThan(0.05);
  expect(heard(citizen.recording, ANNA)).toBeGreaterThan(0.5);
  await waitState(anna, "wrap_up");
  await away(anna);
});

test("a supervisor who takes over sees with whom she talks, holds, mutes and hangs up; nobody offers her to listen to herself", async () => {
  const anna = await sit("1001", "8001", ANNA);
  const clara = await sit("1003", "8003", CLARA, "/supervisor");
  await ready(anna);
  const citizen = house.call("taken-over", ["--from", "13812340000"]);
  await answer(anna);
  await hears(anna);
  await clara.locator('tr[data-operator="1001"]').getByRole("button", { name: "Listen" }).click({ timeout: 15_000 });
  await clara.waitForSelector('[data-mode="listen"]', { timeout: 15_000 });
  await hears(clara);
  await clara.click('[data-mode="listen"] button:text-is("Take over")');
  const bar = clara.locator('[data-mode="own"]');
  await bar.locator('[data-field="own"]:has-text("138 1234 0000")').waitFor({ timeout: 15_000 });
  await bar.locator('[data-field="own"]:has-text("citizen"):has-text("The caller hears you.")').waitFor();
  await waitState(anna, "wrap_up");
  await anna.waitForSelector('[data-field="went"]:text-is("Taken over by Clara")');
  const mine = clara.locator('tr[data-operator="1003"]');
  await mine.locator('.chip[data-state="talking"]').waitFor({ timeout: 15_000 });
  expect(await mine.getByRole("button").count()).toBe(0);
  expect(await serious(clara)).toEqual([]);
  await bar.getByRole("button", { name: "Hold" }).click();
  await bar.locator('[data-field="own"]:has-text("The caller hears music, not you.")').waitFor({ timeout: 15_000 });
  await bar.getByRole("button", { name: "Resume" }).click();
  await bar.locator('[data-field="own"]:has-text("The caller hears you.")').waitFor({ timeout: 15_000 });
  await bar.getByRole("button", { name: "Mute" }).click();
  await bar.locator('[data-field="own"]:has-text("You are muted")').waitFor();
  await bar.getByRole("button", { name: "Unmute" }).click();
  await clara.waitForTimeout(3_000);
  await bar.getByRole("button", { name: "Hang up" }).click();
  await citizen.ended;
  expect(heard(citizen.recording, CLARA)).toBeGreaterThan(0.4);
  await expect.poll(() => house.records().at(-1)?.operator, { timeout: 10_000 }).toBe("1003");
  await anna.keyboard.press("n");
  await anna.waitForSelector("dialog [data-reason]");
  await anna.keyboard.press("1");
  await anna.keyboard.press("w");
  await waitState(anna, "not_ready");
});

/** Presses as soon as there is something to press, once the page is there again. */
async function answersAtOnce(page: Page): Promise<void> {
  await page.addInitScript(() => {
    if (!sessionStorage.getItem("at-once")) return;
    sessionStorage.removeItem("at-once");
    const first = new MutationObserver(() => {
      const answer = document.querySelector<HTMLButtonElement>('[data-act="answer"]');
      if (!answer) return;
      first.disconnect();
      answer.click();
    });
    document.addEventListener("DOMContentLoaded", () =>
      first.observe(document.body, { childList: true, subtree: true, attributes: true }),
    );
  });
  await page.evaluate(() => sessionStorage.setItem("at-once", "yes"));
}

test.each([
  ["when it says who asks", false],
  // Before the house, which was asked to ring this page again, has done so.
  ["at once", true],
])("a page that is reloaded while it rings for a consultation rings again, and answers %s", async (_, atOnce) => {
  const anna = await sit("1001", "8001", ANNA);
  const boris = await sit("1002", "8002", BORIS);
  await ready(anna);
  const citizen = house.call(atOnce ? "asked-anew-at-once" : "asked-anew");
  await answer(anna);
  await asks(anna);
  await anna.keyboard.type("1002");
  await anna.keyboard.press("Enter");
  await boris.waitForSelector('[data-act="answer"]', { timeout: 30_000 });
  if (atOnce) await answersAtOnce(boris);
  await boris.reload();
  if (!atOnce) {
    await boris.waitForSelector('[data-act="answer"]', { timeout: 20_000 });
    await situation(boris, "Anna asks for you about this caller, your phone rings");
    await boris.keyboard.press("a");
  }
  await anna.waitForSelector('[data-act="threeWay"]:not([disabled])', { timeout: 15_000 });
  await hears(boris);
  await hears(anna);
  await anna.keyboard.press("b");
  await waitState(anna, "talking");
  citizen.hangUp();
  await citizen.ended;
  await waitState(anna, "wrap_up");
  await away(anna);
});

// The last of them: its house is killed.
test("after a crash in a talk the page is in wrap-up and nothing else, and the next caller is answered", async () => {
  const anna = await sit("1001", "8001", ANNA);
  await ready(anna);
  const cut = house.call("before-the-crash");
  await answer(anna);
  await hears(anna);
  await anna.keyboard.press("o");
  await anna.keyboard.type("lamp");
  await anna.keyboard.press("Escape");
  await anna.waitForSelector('[data-field="note-state"]:has-text("Saved")');
  await anna.evaluate(() => {
    const false_: string[] = [];
    Object.assign(window, { false_ });
    const look = () => {
      if (!document.querySelector('[data-field="state"][data-value="wrap_up"]')) return;
      const talks = document.querySelector('[data-call], [data-act="mute"], [data-fault^="ice"], [data-fault="no_sound"]');
      if (talks) false_.push(talks.outerHTML.slice(0, 300));
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributes: true });
  });
  await house.crash();
  cut.hangUp();
  await waitState(anna, "wrap_up", 30_000);
  await anna.waitForSelector("#note:not([disabled])", { timeout: 5_000 });
  expect(await anna.inputValue("#note")).toBe("lamp");
  await anna.waitForSelector('[data-field="phone"][data-value="registered"]', { timeout: 30_000 });
  await waitState(anna, "ready", 30_000);
  expect(await anna.evaluate(() => (window as unknown as { false_: string[] }).false_)).toEqual([]);
  const citizen = house.call("after-the-crash");
  await answer(anna);
  await hears(anna);
  citizen.hangUp();
  await citizen.ended;
});
