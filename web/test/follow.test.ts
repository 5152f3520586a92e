// The stream that breaks off, against a network of this file's own.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { follow } from "../src/stream.ts";

type Script = (after: string) => Response | Promise<Response>;

function response(text: string, status = 200): Response {
  return new Response(status === 200 ? text : null, { status });
}

const event = (offset: string, type = "queue") =>
  `id: ${offset}\nevent: ${type}\ndata: ${JSON.stringify({ offset, at: "", type, data: { id: offset } })}\n\n`;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", new EventTarget());
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function run(scripts: Script[], begins: string[], meanwhile = (_: ReturnType<typeof follow>) => {}) {
  const seen = { after: [] as string[], told: [] as string[], connection: [] as string[], begun: 0, out: false };
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const after = new URL(url, "http://x").searchParams.get("after") ?? "";
    seen.after.push(after);
    const script = scripts.shift();
    if (!script)
      return new Promise<Response>((_, fail) =>
        init.signal?.addEventListener("abort", () => fail(new Error("aborted"))),
      );
    return script(after);
  });
  const followed = follow({
    begin: async () => begins[Math.min(seen.begun++, begins.length - 1)] ?? "",
    told: (one) => seen.told.push(one.offset),
    connection: (state) => seen.connection.push(state),
    signedOut: () => {
      seen.out = true;
    },
  });
  await vi.advanceTimersByTimeAsync(30_000);
  meanwhile(followed);
  await vi.advanceTimersByTimeAsync(30_000);
  followed.close();
  return seen;
}

test("goes on where it broke off, and tells nothing twice", async () => {
  const seen = await run(
    [() => response(event("e-1") + event("e-2")), () => response(event("e-2") + event("e-3"))],
    ["e-0"],
  );
  expect(seen.after.slice(0, 3)).toEqual(["e-0", "e-2", "e-3"]);
  expect(seen.told).toEqual(["e-1", "e-2", "e-3"]);
  expect(seen.begun).toBe(1);
  expect(seen.connection).toContain("lost");
});

test("reads the board again when its place is gone, and shows no loss for it", async () => {
  const seen = await run(
    [() => response(event("f-7", "reset") + event("f-8")), () => response(event("f-10"))],
    ["e-0", "f-9"],
  );
  expect(seen.begun).toBe(2);
  expect(seen.after.slice(0, 2)).toEqual(["e-0", "f-9"]);
  expect(seen.told).toEqual(["f-10"]);
  expect(seen.connection.slice(0, 2)).toEqual(["live", "live"]);
});

test("a server that is away is asked again, with what was seen last", async () => {
  const away = () => Promise.reject(new TypeError("no network"));
  const seen = await run([() => response(event("e-1")), away, away, () => response(event("e-2"))], ["e-0"]);
  expect(seen.after.slice(0, 4)).toEqual(["e-0", "e-1", "e-1", "e-1"]);
  expect(seen.told).toEqual(["e-1", "e-2"]);
});

test("a network that is silent without being closed is noticed within ten seconds, and a quiet house is not taken for one", async () => {
  const ALIVE = 4_000;
  const encoder = new TextEncoder();
  const quiet = () =>
    new Response(
      new ReadableStream({
        async start(to) {
          for (let beats = 0; beats < 5; beats++) {
            to.enqueue(encoder.encode(":\n\n"));
            await new Promise((done) => setTimeout(done, ALIVE));
          }
        },
      }),
    );
  const began = Date.now();
  const lost: number[][] = [];
  vi.stubGlobal("fetch", async (_: string, { signal }: RequestInit) => {
    const response = quiet();
    const body = response.body?.pipeThrough(new TransformStream(), { ...(signal ? { signal } : {}) });
    return new Response(body ?? null);
  });
  const followed = follow({
    begin: async () => "e-0",
    told: () => {},
    connection: (state, since) => state === "lost" && lost.push([Date.now() - began, (since ?? 0) - began]),
    signedOut: () => {},
  });
  await vi.advanceTimersByTimeAsync(27_000);
  followed.close();
  // The last sign of life came after 16 s.
  expect(lost.map((moments) => moments.map((ms) => Math.round(ms / 1_000)))).toEqual([[25, 16]]);
});

test("stops when the session is over", async () => {
  const seen = await run([() => response("", 401)], ["e-0"]);
  expect(seen.out).toBe(true);
  expect(seen.after).toHaveLength(1);
});

test("reads the board anew when asked to", async () => {
  const seen = await run([], ["e-0", "e-5"], (followed) => followed.again());
  expect(seen.begun).toBe(2);
  expect(seen.after.at(-1)).toBe("e-5");
});
