// Commands whose connection breaks, against a network of this file's own.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { get, type Problem, post } from "../src/api.ts";

/** `silent`: the network swallows it. */
type Answer = Response | "broken" | "silent";
const said = (status: number, body: unknown = {}) => new Response(JSON.stringify(body), { status });

let keys: (string | null)[] = [];

function network(...answers: Answer[]): void {
  vi.stubGlobal("fetch", async (_: string, request: RequestInit) => {
    keys.push(new Headers(request.headers).get("Idempotency-Key"));
    const answer = answers.shift() ?? "broken";
    if (answer === "silent")
      return new Promise((_, refuse) =>
        request.signal?.addEventListener("abort", () => refuse(request.signal?.reason)),
      );
    if (answer === "broken") throw new TypeError("no network");
    return answer;
  });
}

beforeEach(() => {
  keys = [];
  vi.useFakeTimers();
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    const late = new AbortController();
    setTimeout(() => late.abort(), ms);
    return late.signal;
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function outcome(of: Promise<unknown>): Promise<unknown> {
  const settled = of.then(
    () => "done",
    (problem: Problem) => problem.status,
  );
  await vi.advanceTimersByTimeAsync(20_000);
  return settled;
}

test("a command whose connection broke is said again under the same key", async () => {
  network("broken", said(202));
  expect(await outcome(post("/calls/c/orders", { order: "hold" }))).toBe("done");
  expect(keys).toHaveLength(2);
  expect(new Set(keys).size).toBe(1);
});

test("while the first is still being done, what came of it is asked for again", async () => {
  network("broken", said(409, { detail: "underway" }), said(409, { detail: "underway" }), said(202));
  expect(await outcome(post("/calls/c/orders", { order: "hold" }))).toBe("done");
  expect(new Set(keys).size).toBe(1);
});

test("a command that nobody wants any more is not said again", async () => {
  network("broken", said(202));
  expect(await outcome(post("/calls/c/orders", { order: "hold" }, { stale: () => true }))).toBe(0);
  expect(keys).toHaveLength(1);
});

test("a command that the network swallows is said again under the same key, with patience for each answer", async () => {
  network("silent", "silent", said(202));
  const began = Date.now();
  const ended = post("/calls/c/orders", { order: "hand_off" }, { patience: 4_000 }).then(() => Date.now() - began);
  expect(await outcome(ended)).toBe("done");
  expect(await ended).toBe(8_500);
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
});

test("what lasts is said again until the house is back, and once more then", async () => {
  const answers: Answer[] = Array.from({ length: 8 }, () => "broken");
  network(...answers, said(202));
  expect(await outcome(post("/calls/c/orders", {}, { lasts: () => keys.length < 8 }))).toBe("done");
  expect(keys).toHaveLength(9);
  expect(new Set(keys).size).toBe(1);
});

test("a command that is refused is said once", async () => {
  network(said(409, { detail: "the caller is on hold already" }));
  expect(await outcome(post("/calls/c/orders", { order: "hold" }))).toBe(409);
  expect(keys).toHaveLength(1);
});

test("a house that is away is told as that, and what is only read is asked once", async () => {
  network();
  expect(await outcome(post("/calls/c/orders", {}))).toBe(0);
  expect(keys.length).toBeGreaterThan(1);
  keys = [];
  expect(await outcome(get("/board"))).toBe(0);
  expect(keys).toHaveLength(1);
});

test("a fresh installation is told apart from a wrong password", async () => {
  network(
    said(401, { detail: "set one", no_passwords: true, password_command: "hotline password WHO" }),
    said(401, { detail: "wrong" }),
  );
  const fresh = async () => get("/session").catch((problem: Problem) => problem.passwordCommand);
  expect([await fresh(), await fresh()]).toEqual(["hotline password WHO", null]);
});
