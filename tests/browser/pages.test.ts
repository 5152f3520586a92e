// The supervisor's page, the wall and the admin's page against the pretended house; how heavy the pages are, how soon
// they show something, and that the wall does not grow.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Person, signIn } from "./browser.ts";
import { pretended } from "./pretended.ts";

const DIST = join(dirname(fileURLToPath(import.meta.url)), "../../web/dist");

let served: Awaited<ReturnType<typeof pretended>>;
let person: Person;
let page: Page;

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

async function at(path: string, who: string, seat?: string): Promise<void> {
  page = await person.open(`${served.url}/signin?to=${encodeURIComponent(path)}`);
  await signIn(page, who, "right", seat);
  await page.waitForURL(`${served.url}${path}`);
}

const last = () => served.house.asked.at(-1);

/** A request to this path goes on when the answer is called. */
async function holdUp(page: Page, path: string): Promise<() => void> {
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

describe("the supervisor's page", () => {
  beforeEach(async () => {
    await at("/supervisor", "1010", "8010");
    await page.waitForSelector('[data-table="operators"] tbody tr');
  });

  test("listens, whispers, and leaves", async () => {
    const row = page.locator('tr[data-operator]:has(button:text-is("监听"))').first();
    await row.getByRole("button", { name: "监听" }).click();
    await page.waitForSelector('[data-mode="listen"]');
    // Wherever one has scrolled to one sees that one listens.
    await page.locator("tr[data-operator]").last().scrollIntoViewIfNeeded();
    expect((await page.locator('[data-mode="listen"]').boundingBox())?.y).toBe(0);
    await page.click('[data-mode="listen"] button:text-is("耳语")');
    await page.waitForSelector('[data-mode="whisper"]:has-text("只有话务员听到您")');
    expect(last()?.body).toEqual({ order: "supervise", mode: "whisper" });
    await page.click('[data-mode="whisper"] button:text-is("退出监听")');
    await page.waitForSelector('[data-mode="whisper"]', { state: "detached" });
  });

  test("an emergency is told of above everything, in its operator's row, and in the title, until it is over", async () => {
    const [id, call] = [...served.house.calls].find(([, one]) => one.stage === "talking") ?? ["", null];
    const since = new Date(Date.now() - 43_000).toISOString();
    const line = page.locator(`[data-emergency="${id}"]`);
    const row = page.locator(`tr[data-operator="${call?.operator}"] [data-field="emergency"]`);
    const before = await page.title();
    served.house.call(id, { stage: "conference", emergency: { target: "110", stage: "ringing", since } });
    await line.locator(':text("正在呼叫")').waitFor();
    expect(await line.textContent()).toMatch(/紧急 110.*0:4\d/);
    expect(await line.textContent()).toContain(served.house.operators.get(call?.operator ?? "")?.name);
    expect(await row.textContent()).toMatch(/^110 0:4\d · 正在呼叫$/);
    const alarms = (title: string) => Number(/▲(\d+)/.exec(title)?.[1] ?? 0);
    expect(alarms(await page.title())).toBe(alarms(before) + 1);
    served.house.call(id, { emergency: { target: "110", stage: "talking", since } });
    await row.locator(':scope:has-text("已接通")').waitFor();
    served.house.call(id, { caller_gone: true, emergency: { target: "110", stage: "confirmed", since } });
    await line.locator(':scope:has-text("已受理")').waitFor();
    await line.locator(':scope:has-text("来电人已挂断")').waitFor();
    await page.click('header button:text-is("English")');
    await line.locator(':scope:has-text("has taken the matter")').waitFor();
    await page.click('header button:text-is("中文")');
    served.house.over(id);
    await line.waitFor({ state: "detached" });
    expect(await page.title()).toBe(before);
  });

  test("how long is told as what it is: how long it has been, how much is left, or that nobody knows", async () => {
    const lasts = (id: string) => page.locator(`tr[data-operator="${id}"] td.number`).first();
    const [one, other, third] = [...served.house.operators.keys()].slice(3, 6) as [string, string, string];
    served.house.operator(one, { state: "wrap_up", call: null, next: "signed_in", until: new Date(Date.now() + 20_000).toISOString() });
    served.house.operator(other, { state: "signed_out", seat: null, since: new Date(Date.now() - 51_000).toISOString() });
    served.house.operator(third, { state: "not_ready", reason: "meal" });
    await page.waitForSelector(`tr[data-operator="${other}"] .chip[data-state="signed_out"]`);
    await page.waitForSelector(`tr[data-operator="${third}"] .chip[data-state="not_ready"]`);
    expect(await lasts(one).textContent()).toMatch(/^0:[12]\d后结束$/);
    expect(await lasts(other).textContent()).toBe("–");
    expect(await lasts(third).textContent()).toMatch(/^0:0\d$/);
    await page.waitForSelector(`tr[data-operator="${one}"] .second:has-text("→ 示忙")`);
  });

  test("why a caller waits does not count who did not take this call before as ready", async () => {
    const waiting = [...served.house.calls.values()].find((call) => call.stage === "waiting");
    served.house.call(waiting?.id ?? "", { why: "nobody could be asked: 1 did not take this call before, 2 busy" });
    await page.waitForSelector(`tr[data-call="${waiting?.id}"] .why:text-is("1 人刚才没接这个来电，2 人通话中")`);
  });

  test("who takes over sees with whom she talks, and is not offered to listen to herself", async () => {
    const row = page.locator('tr[data-operator]:has(button:text-is("监听"))').first();
    const other = (await row.getAttribute("data-operator")) ?? "";
    const call = served.house.operators.get(other)?.call ?? "";
    await row.getByRole("button", { name: "监听" }).click();
    await page.click('[data-mode="listen"] button:text-is("接管")');
    const bar = page.locator('[data-mode="own"]');
    const number = (served.house.calls.get(call)?.from ?? "").replace(/^(...)(....)/, "$1 $2 ");
    await bar.locator(`[data-field="own"]:has-text("${number}")`).waitFor();
    await bar.locator('[data-field="own"]:has-text("市民能听到您")').waitFor();
    const mine = page.locator('tr[data-operator="1010"]');
    await mine.locator('.chip[data-state="talking"]').waitFor();
    expect(await mine.getByRole("button").count()).toBe(0);
    expect(await mine.locator('option[value="take"]').count()).toBe(0);
    await bar.getByRole("button", { name: "静音" }).click();
    await bar.locator('[data-field="own"]:has-text("您已静音")').waitFor();
    await bar.getByRole("button", { name: "保持" }).click();
    await bar.locator('[data-field="own"]:has-text("市民在听音乐")').waitFor();
    await bar.getByRole("button", { name: "取回" }).click();
    await expect.poll(() => served.house.calls.get(call)?.stage).toBe("talking");
    await bar.getByRole("button", { name: "挂断" }).click();
    await bar.waitFor({ state: "detached" });
    expect(served.house.calls.has(call)).toBe(false);
  });

  test("a supervisor who is still rung is not told of as listening", async () => {
    const [id, call] = [...served.house.calls].find(([, one]) => one.stage === "talking") ?? ["", null];
    const row = page.locator(`tr[data-operator="${call?.operator}"]`);
    const name = served.house.operators.get("1006")?.name;
    served.house.call(id, { supervised_by: [{ operator: "1006", mode: "listen", stage: "ringing" }] });
    await row.locator(`.second:text-is("监听 ${name} (振铃)")`).waitFor();
    served.house.call(id, { supervised_by: [{ operator: "1006", mode: "listen", stage: "talking" }] });
    await row.locator(`.second:text-is("监听 ${name}")`).waitFor();
  });

  test("who waits to be called back is told of: how many a queue has, since when, and when it is tried next", async () => {
    await page.waitForSelector('tr[data-queue="citizen"] [data-field="callbacks"]:has-text("2 个待回呼")');
    const rows = page.locator('[data-table="callbacks"] tbody tr');
    expect(await rows.first().locator("th, td").allTextContents()).toEqual([
      "138 1111 2222", "综合诉求", expect.stringMatching(/^2[01]:\d\d$/), "–", expect.stringMatching(/^\d\d:\d\d 之后$/), "1 / 3", expect.stringMatching(/\d\d:\d\d$/),
    ]);
    expect(await rows.nth(1).textContent()).toContain("轮到即拨");
    served.house.callback("b2", { stage: "dialling", tries: 1, operator: "1004" });
    await page.waitForSelector(`tr[data-callback="b2"] .chip:has-text("正在拨打 ${served.house.operators.get("1004")?.name}")`);
    served.house.callback("b1", null);
    served.house.callback("b2", null);
    await page.waitForSelector('[data-table="callbacks"]', { state: "detached" });
  });

  test("sets a state, moves a caller, sees why", async () => {
    await page.locator("tr[data-operator]").first().locator("select").selectOption("not:meal");
    await expect.poll(() => last()?.body).toEqual({ reason: "meal" });
    const waiting = page.locator('[data-table="waiting"] tbody tr').first();
    const call = await waiting.getAttribute("data-call");
    await waiting.locator("select").selectOption("social");
    await expect.poll(() => served.house.calls.get(call ?? "")?.queue).toBe("social");
    await waiting.getByRole("button", { name: "说明" }).click();
    await page.waitForSelector('dialog .timeline li:has-text("无人可分配")');
    // What happened beside the decisions stands among them.
    const told = await page.locator("dialog .timeline li").allTextContents();
    const at = (text: string) => told.findIndex((line) => line.includes(text));
    expect([at("呼入"), at("系统应答"), at("进入队列")]).toEqual([0, 1, 2]);
    expect(at("恢复通话")).toBe(told.length - 1);
    expect(at("保持")).toBe(told.length - 2);
  });

  test("opens and closes, and tells everybody something", async () => {
    await page.click('[data-schedule="hotline"] button:text-is("关闭")');
    await page.waitForSelector('[data-schedule="hotline"] .chip:has-text("关闭")');
    await page.fill('[data-panel="notices"] textarea', "停水通知");
    await page.click('[data-panel="notices"] button[type="submit"]');
    await page.waitForSelector('[data-bar="notice"]:has-text("停水通知")');
    await page.click('[data-panel="notices"] li:has-text("停水通知") button');
    await page.waitForSelector('[data-bar="notice"]:has-text("停水通知")', { state: "detached" });
  });

  test("closes one queue until a time, whether it has a schedule or not", async () => {
    await page.click('tr[data-queue="social"] button');
    await page.fill("dialog .switch input:not([type])", "培训");
    await page.fill('dialog .switch input[type="time"]', "18:00");
    // One button closes the queue, and none but that: the other leads back.
    expect(await page.locator('dialog button:has-text("关闭")').count()).toBe(1);
    expect(await page.locator('dialog button:has-text("取消")').count()).toBe(1);
    await page.click('dialog .switch button:text-is("关闭队列")');
    await page.waitForSelector('tr[data-queue="social"] .chip:has-text("关闭")');
    await page.waitForSelector("dialog", { state: "detached" });
    expect(last()?.what).toBe("POST /queues/social/switch");
    expect(last()?.body).toMatchObject({ to: "closed", note: "培训", until: expect.stringMatching(/^\d{4}-.*Z$/) });
  });

  test("an alarm is there at once and goes when it is over", async () => {
    served.house.tell("alarm", { id: "x", kind: "nobody", queue: "english", since: new Date().toISOString(), text: "无人可接英语", text_en: "nobody for english" });
    await page.waitForSelector('[data-panel="alarms"]:has-text("无人可接英语")');
    await expect.poll(() => page.title()).toContain("▲2");
    served.house.tell("alarm_over", { id: "x" });
    await page.waitForSelector('[data-panel="alarms"]:has-text("无人可接英语")', { state: "detached" });
  });
});

describe("the wall", () => {
  beforeEach(async () => {
    await at("/wall", "wall");
    await page.waitForSelector(".tiles");
  });

  test("shows what changed within a second, and nobody's number", async () => {
    served.house.tell("figures", { ...served.house.figures, offered: 4_242, yesterday: undefined, last_week: undefined });
    await page.waitForSelector('[data-field="offered"]:has-text("4,242")', { timeout: 1_000 });
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
    await page.waitForSelector('[data-table="audit"] tbody tr');
    const over = () => page.evaluate(() => [...document.querySelectorAll(".scroll")].map((one) => one.scrollWidth - one.clientWidth));
    expect(await over()).toEqual([0]);
    await page.setViewportSize({ width: 1600, height: 1000 });
  });

  test("two versions are compared", async () => {
    await page.click('a[href="#configuration"]');
    // A version with more changes than are shown at once says so, and shows them.
    await page.click('[data-version="2"] summary:has-text("另有 1 处")');
    await page.locator('[data-version="2"] details p:text-is("trunk good added")').waitFor({ state: "visible" });
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

test("on a fresh installation one is told how to set the first password", async () => {
  served.house.fresh = true;
  page = await person.open(`${served.url}/signin`);
  for (const who of ["1001", "1010", "admin", "wall"]) await page.waitForSelector(`[data-panel="first"] pre:text-is("/usr/bin/hotline password ${who} --config /etc/hotline --data /var/lib/hotline")`);
});

test("all pages together are under 300 kB compressed", () => {
  const files = readdirSync(DIST, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  const bytes = files.reduce((sum, one) => sum + gzipSync(readFileSync(join(one.parentPath, one.name))).length, 0);
  console.log(`all pages together: ${Math.round(bytes / 1000)} kB compressed`);
  expect(bytes).toBeLessThan(300_000);
});

test("the first paint is within a second", async () => {
  await at("/wall", "wall");
  const paint = async () => page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null);
  await page.reload();
  await expect.poll(paint).not.toBeNull();
  expect(await paint()).toBeLessThan(1_000);
  await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE" }));
  await page.goto(`${served.url}/signin`);
  await expect.poll(paint).not.toBeNull();
  expect(await paint()).toBeLessThan(1_000);
});

describe("a large house", () => {
  const SIZES = [
    [1024, 768],
    [1280, 800],
    [1366, 768],
    [1440, 900],
    [1920, 1080],
  ] as const;

  /** What is wider than the place it has, but for names that are cut on purpose. */
  const tooWide = () =>
    page.evaluate(() => {
      const wide = (one: Element) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0;
      const boxes = [...document.querySelectorAll("main .scroll, main .sheet, main .panel, main .row, main td, main th")];
      const found = boxes.filter(wide).map((one) => `${one.tagName}.${one.className}: ${one.textContent?.slice(0, 40)}`);
      return document.documentElement.scrollWidth > window.innerWidth ? ["the page", ...found] : found;
    });

  test.each(["zh", "en"] as const)("nothing of the tables is cut at any usual size (%s)", async (language) => {
    served.house.grow();
    await at("/supervisor", "1010");
    if (language === "en") await page.click('header button:text-is("English")');
    await page.waitForSelector('[data-table="operators"] tbody tr');
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      await page.waitForTimeout(100);
      expect(await tooWide(), `${width}x${height}`).toEqual([]);
    }
  });

  test("the headings stay when one scrolls, and a queue of a schedule is called by its name", async () => {
    served.house.grow();
    await at("/supervisor", "1010");
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.locator('[data-table="operators"] tbody tr').nth(120).scrollIntoViewIfNeeded();
    const head = await page.locator('[data-table="operators"] thead th').first().boundingBox();
    expect(head?.y).toBeLessThan(5);
    expect(await page.textContent('[data-schedule="hotline"]')).toContain("热线服务时间");
  });
});

test("a house on its first day says so kindly, on every page", async () => {
  served.house.empty();
  await at("/wall", "wall");
  await page.waitForSelector('.bars .none:has-text("今日尚无来电")');
  await expect.poll(() => page.textContent('[data-field="longest"]')).toContain("没有人在等");
  await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE" }));
  await page.close();
  await at("/supervisor", "1010");
  await page.waitForSelector(':text("没有人在等")');
  await page.waitForSelector('[data-panel="alarms"]:has-text("没有告警")');
  expect(await page.textContent("main")).not.toMatch(/NaN|undefined|null/);
  await page.evaluate(() => fetch("/api/v1/session", { method: "DELETE" }));
  await page.close();
  await at("/admin", "mei");
  await page.waitForSelector(':text("没有符合条件的话单")');
});

test("a seat at which a colleague is signed in is refused with their name", async () => {
  served.house.operator("1003", { state: "ready", seat: "8003", name: "李强" });
  page = await person.open(`${served.url}/signin?to=/operator`);
  for (const [field, text] of [["name", "1001"], ["password", "right"], ["seat", "8003"]] as const)
    await page.fill(`input[name="${field}"]`, text);
  await page.press('input[name="password"]', "Enter");
  await page.waitForSelector('[role="alert"]:has-text("李强 (1003) 正在这个席位上登录")');
  expect(new URL(page.url()).pathname).toBe("/signin");
});

describe("the language", () => {
  test.each([
    [["zh-TW", "en"], "登录"],
    [["en-GB", "zh"], "Sign in"],
    [["fr-FR", "zh-CN", "en"], "登录"],
    [["de-DE"], "Sign in"],
  ])("is the first of the browser's that the pages speak: %s", async (languages, heading) => {
    page = await person.context.newPage();
    await page.addInitScript((spoken) => {
      localStorage.removeItem("hotline.language");
      Object.defineProperty(navigator, "languages", { get: () => spoken });
    }, languages);
    await page.goto(`${served.url}/signin`);
    await page.waitForSelector(`h2:text-is("${heading}")`);
    expect(await page.evaluate(() => document.documentElement.lang)).toBe(heading === "登录" ? "zh-CN" : "en");
  });

  test("that somebody chose stays, and names follow it", async () => {
    const guest = await Person.sit({ language: "en", unchosen: true, width: 1600, height: 1000 });
    page = await guest.open(`${served.url}/signin?to=/wall`);
    await signIn(page, "wall", "right");
    await page.waitForSelector('[data-bar="citizen"]:has-text("General enquiries")');
    await page.hover(".wall-head");
    await page.click(".wall-head .switches button:first-child");
    await page.waitForSelector('[data-bar="citizen"]:has-text("综合诉求")');
    await page.reload();
    await page.waitForSelector('[data-bar="citizen"]:has-text("综合诉求")');
    await guest.leave();
  });
});

describe("by keys alone", () => {
  test.each([
    ["/signin", null],
    ["/supervisor", "1010"],
    ["/wall", "wall"],
    ["/admin", "mei"],
    ["/admin#configuration", "mei"],
    ["/admin#audit", "mei"],
    ["/operator", "1001"],
  ] as const)("one sees where one is, and goes on in the order of the page: %s", async (path, who) => {
    if (who) await at(path, who, who === "1001" ? "8001" : undefined);
    else page = await person.open(`${served.url}${path}`);
    await page.waitForTimeout(500);
    const seen: { what: string; outline: number; place: number; visible: boolean }[] = [];
    for (let tabs = 0; tabs < 40; tabs++) {
      await page.keyboard.press("Tab");
      const now = await page.evaluate(() => {
        const one = document.activeElement as HTMLElement;
        if (!one || one === document.body) return null;
        const style = getComputedStyle(one);
        const box = one.getBoundingClientRect();
        return {
          what: `${one.tagName} ${one.className} ${one.textContent?.slice(0, 20)}`,
          outline: style.outlineStyle === "none" ? 0 : Number.parseFloat(style.outlineWidth),
          place: [...document.querySelectorAll("*")].indexOf(one),
          visible: box.bottom > 0 && box.top < window.innerHeight && box.width > 0,
        };
      });
      if (now === null) break;
      seen.push(now);
    }
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.filter((one) => one.outline < 2 || !one.visible)).toEqual([]);
    expect(seen.map((one) => one.place)).toEqual(seen.map((one) => one.place).sort((a, b) => a - b));
  });
});
