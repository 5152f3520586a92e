import { describe, expect, test } from "vitest";
import { backoff, isNews, Reader, told } from "../src/stream.ts";

describe("the reader of the event stream", () => {
  const text =
    ': heartbeat\n\nid: e-1\nevent: queue\ndata: {"offset":"e-1","at":"t","type":"queue","data":{"id":"q"}}\n\nid: e-2\ndata: {"a":\ndata: 1}\n\n';

  test("gives the same messages however the text is cut", () => {
    const whole = new Reader().take(text);
    expect(whole).toHaveLength(2);
    for (let cut = 1; cut < text.length; cut++) {
      const reader = new Reader();
      expect([...reader.take(text.slice(0, cut)), ...reader.take(text.slice(cut))]).toEqual(whole);
    }
  });

  test("knows all three ends of a line", () => {
    expect(new Reader().take("id: 1\r\ndata: x\r\n\r\n")).toEqual([{ id: "1", event: null, data: "x" }]);
    expect(new Reader().take("data: x\r\rdata: y\n\n").map((one) => one.data)).toEqual(["x", "y"]);
  });

  test("does not grow without a bound", () => {
    const reader = new Reader();
    expect(() => {
      for (let i = 0; i < 10; i++) reader.take("x".repeat(1024 * 1024));
    }).toThrow("too long");
  });

  test("takes the envelope from the data, or from the fields around it", () => {
    const inside = told({
      id: "e-1",
      event: "message",
      data: '{"offset":"e-9","at":"t","type":"call","data":{"id":"c"}}',
    });
    expect(inside).toEqual({ offset: "e-9", at: "t", type: "call", data: { id: "c" } });
    expect(told({ id: "e-1", event: "call", data: '{"id":"c"}' })).toMatchObject({
      offset: "e-1",
      type: "call",
      data: { id: "c" },
    });
    expect(told({ id: null, event: "call", data: "no json" })).toBeNull();
  });
});

describe("offsets", () => {
  test("what was told is no news, what is of another epoch is", () => {
    expect(isNews("e-5", "e-6")).toBe(true);
    expect(isNews("e-5", "e-5")).toBe(false);
    expect(isNews("e-10", "e-9")).toBe(false);
    expect(isNews("e-10", "f-1")).toBe(true);
    expect(isNews("a-b-10", "a-b-9")).toBe(false);
    expect(isNews("?", "e-1")).toBe(true);
  });

  test("tries become rarer and never rarer than ten seconds", () => {
    expect([0, 1, 2, 3, 4, 5, 50].map((tries) => backoff(tries, 0))).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000,
    ]);
    expect(backoff(3, 1)).toBe(3_000);
  });
});
