// The admin's page against the pretended house.

import { beforeEach, describe, expect, test } from "vitest";
import { at, eachVisits, holdUp, last, page } from "./visit.ts";

eachVisits();

describe("the admin's page", () => {
  beforeEach(() => at("/admin", "mei"));

  test("filters records, goes on to the next page, and tells one in its order", async () => {
    const rows = page.locator('[data-table="records"] tbody tr');
    await expect.poll(() => rows.count()).toBe(50);
    await page.click('button:has-text("更多")');
    await expect.poll(() => rows.count()).toBe(60);
    await page.selectOption('select[name="outcome"]', "abandoned_in_queue");
    expect(await page.getAttribute('a[download="records.csv"]', "href")).toMatch(/since=.*outcome=abandoned_in_queue/);
    await expect.poll(() => rows.count()).toBeLessThan(10);
    await page.selectOption('select[name="outcome"]', "");
    await expect.poll(() => rows.count()).toBe(50);
    await page.locator("[data-record]").first().click();
    await expect.poll(() => page.locator('[data-list="timeline"] li .strong').allTextContents()).toEqual(["呼入", "系统应答", "进入队列", "振铃", "人工接通", "结束"]);
  });

  test("more goes on with what was sought, not with what is typed meanwhile", async () => {
    const rows = page.locator('[data-table="records"] tbody tr');
    await expect.poll(() => rows.count()).toBe(50);
    await page.fill('input[name="from"]', "13800000000");
    await page.click('button:has-text("更多")');
    await expect.poll(() => rows.count()).toBe(60);
    await page.evaluate(() => {
      const day = document.querySelector<HTMLInputElement>('input[name="since"]');
      day?.removeAttribute("max");
      if (day) day.value = "20266-11-26";
      day?.dispatchEvent(new Event("input", { bubbles: true }));
    });
    await page.waitForSelector('[data-table="records"]');
  });

  test("a recording shows both sides, and one goes to a place in it by key", async () => {
    await page.locator("[data-record]").first().click();
    await page.waitForSelector("dialog .wave canvas.two");
    expect(await page.locator(".lanes span").allTextContents()).toEqual(["市民", "话务员"]);
    const drawn = () =>
      page.evaluate(() => {
        const canvas = document.querySelector<HTMLCanvasElement>("canvas.two");
        const data = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
        return [...data].filter((value) => value > 0).length;
      });
    await expect.poll(drawn).toBeGreaterThan(1_000);
    await page.click('button:has-text("播放")');
    await page.waitForSelector('button:has-text("暂停")');
    await page.focus("dialog canvas");
    await page.keyboard.press("ArrowRight");
    await expect.poll(async () => Number(await page.getAttribute("dialog canvas", "aria-valuenow"))).toBeGreaterThan(3);
  });

  test("a change is checked, simulated with both curves, and undone", async () => {
    await page.click('a[href="#configuration"]');
    await page.click('button[role="tab"]:has-text("queues.toml")');
    await page.fill(".source", '[[queue]]\nneed = "mandrin >= 1"\n');
    const unhurried = await holdUp(page, "/config/check");
    await page.click('button:text-is("检查")');
    // Until the answer is there its text stays as it is, and nothing else is said to be done.
    await page.waitForSelector('button:text-is("正在检查…")');
    expect(await page.locator(".source").isEditable()).toBe(false);
    expect(await page.locator('button:text-is("还原")').isEnabled()).toBe(false);
    expect(await page.locator('.configured button.main:text-is("模拟")').count()).toBe(1);
    unhurried();
    await page.waitForSelector('[data-panel="checked"] .told li');
    expect(await page.locator('[data-panel="checked"]:has-text("没有差别")').count()).toBe(0);
    await page.click('[data-panel="checked"] button:has-text("did you mean")');
    const caret = () => page.evaluate(() => (document.activeElement as HTMLTextAreaElement).selectionStart);
    await expect.poll(caret).toBe('[[queue]]\nneed = "mandrin >= 1"\n'.length);
    await page.click(".configured button.main");
    await page.waitForSelector('[data-panel="simulated"] canvas');
    expect(await page.locator('[data-panel="simulated"] canvas').count()).toBe(2);
    const row = page.locator('[data-table="simulated"] tr:has-text("及时接通率")').first();
    expect(await row.locator("td").allTextContents()).toEqual(["96.2%", "88.4%", "-7.8 个百分点"]);
    expect(await page.textContent('[data-panel="simulated"]')).not.toMatch(/calls offered|service level/);
    expect(last()?.body).toEqual({ files: { "queues.toml": '[[queue]]\nneed = "mandrin >= 1"\n' } });
    // What is undone is the file that is shown; the others keep their changes.
    await page.click('button[role="tab"]:has-text("operators.toml")');
    expect(await page.locator('button:text-is("还原")').isEnabled()).toBe(false);
    await page.fill(".source", "# mine\n");
    await page.click('button[role="tab"]:has-text("queues.toml")');
    await page.click('button:text-is("还原")');
    expect(await page.inputValue(".source")).toContain("mandarin >= 1");
    await page.click('button[role="tab"]:has-text("operators.toml •")');
    expect(await page.inputValue(".source")).toBe("# mine\n");
    await page.click('button[role="tab"]:has-text("queues.toml")');
    await page.fill(".source", "# mine too\n");
    await page.click('button:text-is("全部还原（2 个文件）")');
    expect(await page.inputValue(".source")).toContain("mandarin >= 1");
    expect(await page.locator('[role="tab"]:has-text("•")').count()).toBe(0);
  });

  test("what was done is told in a table that no narrow window cuts, however long it is", async () => {
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.click('a[href="#audit"]');
    await page.waitForSelector('[data-table="audit"] td:has-text("开关队列 citizen") .hint:has-text("POST /queues/citizen/switch")');
    const over = () => page.evaluate(() => [...document.querySelectorAll(".scroll")].map((one) => one.scrollWidth - one.clientWidth));
    expect(await over()).toEqual([0]);
    await page.setViewportSize({ width: 1600, height: 1000 });
  });

  test("two versions are compared", async () => {
    await page.click('a[href="#configuration"]');
    // A version with more changes than are shown at once says so, and shows them.
    await page.click('[data-version="2"] summary:has-text("另有 1 处")');
    await page.locator('[data-version="2"] details p:text-is("中继 good 新增")').waitFor({ state: "visible" });
    expect(await page.locator('[data-version="3"] summary').count()).toBe(0);
    await page.click('[data-version="2"] button:has-text("比较")');
    await page.waitForSelector(".difference .added");
    await page.keyboard.press("Escape");
    await page.selectOption(".compare select >> nth=0", "1");
    await page.selectOption(".compare select >> nth=1", "2");
    await page.click(".compare button");
    await page.waitForSelector('dialog h2:has-text("1 → 2")');
  });
});
