import { expect, test, vi } from "vitest";
import { timeline } from "../src/admin/timeline.ts";

test("a record is told in the order in which it happened, an offer before the talk that it led to", () => {
  const steps = timeline({
    call_id: "c",
    arrived_at: "2026-11-26T10:00:00.000+08:00",
    queued_at: "2026-11-26T10:00:05.000+08:00",
    connected_at: "2026-11-26T10:00:30.000+08:00",
    ended_at: "2026-11-26T10:03:00.000+08:00",
    outcome: "answered",
    offers: [
      { operator: "2", at: "2026-11-26T10:00:30.000+08:00", outcome: "answered", ms: 0 },
      { operator: "1", at: "2026-11-26T02:00:06.000Z", outcome: "no_answer", ms: 20_000 },
    ],
  });
  expect(steps.map((step) => step.operator ?? step.kind)).toEqual([
    "arrived_at",
    "queued_at",
    "1",
    "2",
    "connected_at",
    "ended_at",
  ]);
});

test("one returns only to pages of this house", async () => {
  vi.stubGlobal("localStorage", { getItem: () => null });
  vi.stubGlobal("document", { documentElement: {} });
  const { returnTo } = await import("../src/people.ts");
  expect(returnTo("?to=%2Fwall", ["operator"])).toBe("/wall");
  expect(returnTo("?to=https%3A%2F%2Fevil.example", ["operator"])).toBe("/operator");
  expect(returnTo("?to=%2F%2Fevil.example", ["supervisor", "admin"])).toBe("/supervisor");
  expect(returnTo("", ["wall"])).toBe("/wall");
});
