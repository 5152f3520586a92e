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
  expect(steps.map((step) => [step.kind, step.operator])).toEqual([
    ["arrived_at", undefined],
    ["queued_at", undefined],
    ["offered", "1"],
    ["offered", "2"],
    ["connected_at", "2"],
    ["ended_at", undefined],
  ]);
});

test("what happened in the talk is told too, each with who and what came of it", () => {
  const at = (second: number) => `2026-11-26T10:00:${String(second).padStart(2, "0")}.000+08:00`;
  const steps = timeline({
    call_id: "c",
    arrived_at: at(0),
    connected_at: at(5),
    ended_at: at(50),
    outcome: "transferred_out",
    transfers: [{ kind: "consult", by: "1001", to: "operator 1002", at: at(10), outcome: "returned" }],
    supervised: [{ operator: "1003", mode: "whisper", at: at(20) }],
    handoff: [{ target: "110", at: at(30), outcome: "transferred" }],
    lost: [{ operator: "1001", seat: "8001", at: at(15), back_at: at(17) }],
  });
  expect(steps.map((step) => step.kind)).toEqual([
    "arrived_at",
    "connected_at",
    "transferred",
    "lost",
    "supervised",
    "handed_off",
    "ended_at",
  ]);
  expect(steps[2]).toMatchObject({ operator: "1001", to: "operator 1002", outcome: "returned" });
  expect(steps[5]).toMatchObject({ to: "110", outcome: "transferred" });
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
