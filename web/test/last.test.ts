import { beforeAll, expect, test, vi } from "vitest";

vi.mock("../src/phone/phone.ts", () => ({ phone: { value: { session: null, faults: [] } } }));

beforeAll(() => {
  vi.stubGlobal("document", { documentElement: { lang: "zh-CN" }, addEventListener: () => {} });
  vi.stubGlobal("sessionStorage", { getItem: () => null, setItem: () => {} });
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => {} });
});

test("a caller who comes back out of another line is named by that line in wrap-up", async () => {
  const { calls, operators } = await import("../src/board.ts");
  const { session } = await import("../src/people.ts");
  const { last } = await import("../src/operator/desk.ts");
  const talk = (queue: string) => ({
    id: "c1",
    stage: "talking" as const,
    since: "",
    from: "138",
    to: "12345",
    arrived_at: "",
    connected_at: "2026-11-26T10:00:00Z",
    operator: "1001",
    queue,
    supervised_by: [],
  });
  session.value = { person: { id: "1001" } } as typeof session.value;
  operators.value = new Map([
    ["1001", { id: "1001", state: "talking", call: "c1" }],
  ]) as unknown as typeof operators.value;
  calls.value = new Map([["c1", talk("citizens")]]) as unknown as typeof calls.value;
  expect(last.value?.queue).toBe("citizens");
  calls.value = new Map([["c1", talk("english")]]) as unknown as typeof calls.value;
  expect(last.value?.queue).toBe("english");
  expect(last.value?.id).toBe("c1");
});
