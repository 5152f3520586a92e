// Commands whose connection breaks, against a network of this file's own.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { get, type Problem, post } from "../src/api.ts";

type Answer = Response | "broken";
const said = (status: number, body: unknown = {}) => new Response(JSON.stringify(body), { status });

let keys: (string | null)[] = [];

function network(...answers: Answer[]): void {
  vi.stubGlobal("fetch", async (_: string, request: RequestInit) => {
    keys.push(new Headers(request.headers).get("Idempotency-Key"));
    const answer = answers.shift() ?? "broken";
    if (answer === "broken") throw new TypeError("no network");
    return answer;
  });
}

beforeEach(() => {
  keys = [];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function outcome(of: Promise<unknown>): Promise<unknown> {
  const settled = of.then(
    () => "done",
    (problem: Problem) => problem.status,
  );
  await vi.advanceTimersByTimeAsync(10_000);
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
  expect(await outcome(post("/calls/c/orders", { order: "hold" }, () => true))).toBe(0);
  expect(keys).toHaveLength(1);
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
