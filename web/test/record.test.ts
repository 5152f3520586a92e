import { expect, test, vi } from "vitest";
import { en } from "../src/language/en.ts";
import { zh } from "../src/language/zh.ts";
import { timeline } from "../src/timeline.ts";

test("a record is told in the order in which it happened, an offer before the talk that it led to", () => {
  const steps = timeline({
    call_id: "c",
    arrived_at: "2026-11-26T10:00:00.000+08:00",
    lines: [{ queue: "citizen", joined_at: "2026-11-26T10:00:05.000+08:00", outcome: "answered", wait_ms: 25_000 }],
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

test("each visit to a line is told with its own queue, and a move when it was", () => {
  const at = (second: number) => `2026-11-26T10:00:${String(second).padStart(2, "0")}.000+08:00`;
  const visit = (queue: string, joined: number, left: number, outcome: string) => ({
    queue,
    joined_at: at(joined),
    left_at: at(left),
    outcome,
    wait_ms: (left - joined) * 1000,
  });
  const steps = timeline({
    call_id: "c",
    arrived_at: at(0),
    queued_at: at(1),
    queue: "market",
    ended_at: at(50),
    outcome: "abandoned_in_queue",
    lines: [
      visit("citizen", 1, 10, "answered"),
      visit("english", 20, 30, "moved"),
      visit("market", 20, 50, "abandoned"),
    ],
  });
  expect(steps.map((step) => [Number(step.at.slice(17, 19)), step.kind, step.queue])).toEqual([
    [0, "arrived_at", undefined],
    [1, "queued_at", "citizen"],
    [10, "connected_at", undefined],
    [20, "queued_at", "english"],
    [30, "moved", "market"],
    [50, "ended_at", undefined],
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
    transfers: [
      {
        kind: "consult",
        by: "1001",
        to: "operator 1002",
        operator: "1002",
        at: at(10),
        ended_at: at(11),
        outcome: "busy",
      },
      {
        kind: "attended",
        by: "1001",
        to: "operator 1002",
        operator: "1002",
        at: at(32),
        answered_at: at(34),
        conference_at: at(36),
        ended_at: at(38),
        outcome: "transferred",
      },
      {
        kind: "blind",
        by: "1002",
        to: "queue english",
        operator: null,
        at: at(40),
        ended_at: at(40),
        outcome: "transferred",
      },
      {
        kind: "taken_over",
        by: "1010",
        from: "1003",
        to: "operator 1010",
        operator: "1010",
        at: at(44),
        answered_at: at(44),
        ended_at: at(44),
        outcome: "transferred",
      },
    ],
    holds: [
      { by: "operator", at: at(6), ended_at: at(8) },
      { by: "caller", at: at(48), ended_at: at(50) },
    ],
    supervised: [{ operator: "1003", mode: "whisper", at: at(20), ended_at: at(22) }],
    handoff: [{ target: "110", at: at(30), outcome: "transferred" }],
    lost: [{ operator: "1001", seat: "8001", at: at(15), back_at: at(17) }],
  });
  expect(steps.map((step) => `${Number(step.at.slice(17, 19))} ${step.kind}`)).toEqual([
    "0 arrived_at",
    "5 connected_at",
    "6 held",
    "8 resumed",
    "10 consulted",
    "11 consult_over",
    "15 lost",
    "17 back",
    "20 supervised",
    "22 supervised_over",
    "30 handed_off",
    "32 consulted",
    "34 consult_answered",
    "36 conference",
    "38 transferred",
    "38 connected_at",
    "40 transferred",
    "44 taken_over",
    "48 caller_held",
    "50 ended_at",
  ]);
  expect(steps[15]).toMatchObject({ operator: "1002" });
  expect(steps[4]).toMatchObject({ operator: "1001", to: "operator 1002" });
  expect(steps[5]).toMatchObject({ operator: "1001", outcome: "busy" });
  expect(steps[10]).toMatchObject({ to: "110", outcome: "transferred" });
  expect(steps[17]).toEqual({ at: at(44), kind: "taken_over", operator: "1010", from: "1003" });
});

test("who comes back to the line is told why, and that an operator left the caller to an emergency service", () => {
  const at = (second: number) => `2026-11-26T10:00:${String(second).padStart(2, "0")}.000+08:00`;
  const visit = (joined: number, left: number) => ({
    queue: "citizen",
    joined_at: at(joined),
    left_at: at(left),
    outcome: "answered",
    wait_ms: 1000,
  });
  const blind = (ended: number, outcome: string) => ({
    kind: "blind",
    by: "1001",
    to: "1002",
    at: at(8),
    ended_at: at(ended),
    outcome,
  });
  const steps = timeline({
    call_id: "c",
    arrived_at: at(0),
    outcome: "answered",
    lines: [visit(1, 2), visit(10, 11), visit(20, 21), visit(30, 31), visit(40, 41)],
    transfers: [blind(10, "busy"), blind(40, "transferred")],
    handoff: [
      { target: "119", at: at(12), ended_at: at(13), outcome: "busy" },
      { target: "110", at: at(14), left_at: at(15), ended_at: at(20), outcome: "unconfirmed" },
    ],
    lost: [
      { operator: "1009", at: at(22), back_at: at(23) },
      { operator: "1003", at: at(25) },
    ],
  });
  const told = steps.filter(({ kind }) => ["queued_at", "returned", "left_to"].includes(kind));
  expect(
    told.map(({ at: when, kind, to, operator, outcome }) => [
      Number(when.slice(17, 19)),
      kind,
      to ?? operator,
      outcome,
    ]),
  ).toEqual([
    [1, "queued_at", undefined, undefined],
    [10, "returned", "1002", "busy"],
    [15, "left_to", "110", undefined],
    [20, "returned", "110", "unconfirmed"],
    [30, "returned", "1003", undefined],
    [40, "queued_at", undefined, undefined],
  ]);
});

test("whoever takes a caller over is told, out of a line or by a transfer, and every stage of an emergency", () => {
  const at = (second: number) => `2026-11-26T10:00:${String(second).padStart(2, "0")}.000+08:00`;
  const answered = (queue: string, joined: number, left: number, operator: string) => ({
    queue,
    joined_at: at(joined),
    left_at: at(left),
    outcome: "answered",
    operator,
    wait_ms: (left - joined) * 1000,
  });
  const steps = timeline({
    call_id: "c",
    arrived_at: at(0),
    connected_at: at(5),
    ended_at: at(50),
    ended_by: "caller",
    operator: "1003",
    outcome: "transferred_out",
    lines: [answered("citizen", 1, 5, "1001"), answered("english", 20, 25, "1003")],
    transfers: [
      {
        kind: "blind",
        by: "1001",
        to: "operator 1002",
        operator: "1002",
        at: at(10),
        answered_at: at(12),
        outcome: "transferred",
      },
    ],
    handoff: [
      {
        target: "110",
        at: at(30),
        answered_at: at(33),
        confirmed_at: at(36),
        ended_at: at(40),
        outcome: "transferred",
      },
    ],
  });
  expect(
    steps.map((step) => `${Number(step.at.slice(17, 19))} ${step.kind} ${step.operator ?? step.to ?? ""}`),
  ).toEqual([
    "0 arrived_at ",
    "1 queued_at ",
    "5 connected_at 1001",
    "10 transferred 1001",
    "12 connected_at 1002",
    "20 queued_at ",
    "25 connected_at 1003",
    "30 handed_off 110",
    "33 emergency_answered 110",
    "36 emergency_confirmed 110",
    "40 emergency_over 110",
    "50 ended_at ",
  ]);
  expect(steps.filter((step) => step.outcome).map((step) => step.kind)).toEqual(["transferred", "emergency_over"]);
  expect(steps[11]).toMatchObject({ by: "caller" });
});

test("it is told from when until when the sound did not pass us, the last time to the end of the call", () => {
  const at = (second: number) => `2026-11-26T02:00:${String(second).padStart(2, "0")}.000Z`;
  const steps = timeline({
    call_id: "c",
    arrived_at: at(0),
    ended_at: at(40),
    outcome: "overflowed",
    direct: [
      { at: at(10), ended_at: at(20) },
      { at: at(25), ended_at: at(40) },
    ],
  });
  expect(steps.map((step) => `${Number(step.at.slice(17, 19))} ${step.kind}`)).toEqual([
    "0 arrived_at",
    "10 direct",
    "20 direct_over",
    "25 direct",
    "40 ended_at",
  ]);
  for (const { kind } of steps) for (const words of [en, zh]) expect(words.admin.step[kind]).toBeTruthy();
});

test("it is told where a menu or a rule sent the caller on, over which trunk, and who answered, in both languages", async () => {
  vi.stubGlobal("document", { documentElement: { lang: "" } });
  const { sentence } = await import("../src/parts/steps.ts");
  const { language } = await import("../src/language/index.ts");
  const at = (second: number) => `2026-11-26T02:00:${String(second).padStart(2, "0")}.000Z`;
  const names = { operator: (id: string) => `Anna (${id})`, queue: String };
  const sent = (more: object) => ({ at: at(2), by: "menu", to: "seat 8001", outcome: "transferred", ...more });
  const told = (of: object) =>
    timeline({ call_id: "c", arrived_at: at(0), ended_at: at(40), outcome: "answered", ...of }).map(
      (step) => `${Number(step.at.slice(17, 19))} ${sentence(step, names)}`,
    );
  language.value = "en";
  const outside = sent({ by: "line", to: "01065139999", trunk: "second", answered_at: at(6), ended_at: at(40) });
  expect(told({ sent_on: [outside], outcome: "overflowed", ended_by: "operator" })).toEqual([
    "0 Arrived",
    "2 Sent on · → 010 6513 9999 · by a rule of the line · over the trunk second",
    "6 Answered there · → 010 6513 9999",
    "40 Ended · Overflowed · the far end hung up",
  ]);
  const vain = sent({ outcome: "no_answer", ended_at: at(5), answered_at: null, trunk: null });
  const taken = sent({ at: at(6), operator: "1001", answered_at: at(8), ended_at: at(40) });
  const seats = { sent_on: [vain, taken], connected_at: at(8), operator: "1001", seat: "8001", ended_by: "operator" };
  expect(told(seats)).toEqual([
    "0 Arrived",
    "2 Sent on · → Seat 8001 · by a menu",
    "5 Not reached there · → Seat 8001 · no answer",
    "6 Sent on · → Seat 8001 · by a menu",
    "8 Connected · Anna (1001)",
    "40 Ended · Answered · the operator hung up",
  ]);
  language.value = "zh";
  expect(told({ sent_on: [outside], outcome: "overflowed" })[1]).toBe(
    "2 自动转接 · → 010 6513 9999 · 按队列规则 · 经中继 second",
  );
  expect(told(seats)[2]).toBe("5 转接未接通 · → 席位 8001 · 未接");
  const beside = sent({ by: "operator", to: "01065139999", trunk: "second", answered_at: null, ended_at: at(40) });
  const refused = {
    sent_on: [{ ...beside, outcome: "failed" }],
    outcome: "failed",
    ended_by: "system",
    sip_status: 404,
  };
  expect(told(refused)[1]).toBe("2 通话中另拨 · → 010 6513 9999 · 经中继 second");
  language.value = "en";
  expect(told(refused).slice(1)).toEqual([
    "2 Dialled beside a talk · → 010 6513 9999 · over the trunk second",
    "40 Not reached there · → 010 6513 9999 · failed",
    "40 Ended · Failed · ended by the system",
  ]);
  const talked = { ...beside, answered_at: at(6) };
  expect(told({ sent_on: [talked], connected_at: at(6), ended_by: "operator" }).slice(1)).toEqual([
    "2 Dialled beside a talk · → 010 6513 9999 · over the trunk second",
    "6 Answered there · → 010 6513 9999",
    "40 Ended · Answered · the far end hung up",
  ]);
  const left = { sent_on: [{ ...beside, outcome: "ended" }], outcome: "abandoned_in_menu", ended_by: "caller" };
  expect(told(left)).toHaveLength(3);
  // Of others who had no operator nobody stood outside.
  expect(told({ outcome: "failed", ended_by: "operator" }).at(-1)).toBe("40 Ended · Failed · the operator hung up");
  // What the house cut off is told by the end of the call.
  expect(told({ sent_on: [sent({ outcome: "restarted", ended_at: at(40) })] })).toHaveLength(3);
});

test("a call that joined no line is told by the menus, the keys and what it came to, in both languages", async () => {
  vi.stubGlobal("document", { documentElement: { lang: "" } });
  const { speak } = await import("../src/language/index.ts");
  const { sentence } = await import("../src/parts/steps.ts");
  const at = (second: number) => `2026-11-26T02:00:${String(second).padStart(2, "0")}.000Z`;
  const record = {
    call_id: "c",
    arrived_at: at(0),
    answered_at: at(1),
    ended_at: at(9),
    ended_by: "caller",
    outcome: "abandoned_in_menu",
    menu_path: ["welcome", "case"],
    choices: "3",
    digits: { case: "4711" },
    lines: [],
  };
  const names = { operator: String, queue: String };
  const told = () => timeline(record).map((step) => sentence(step, names));
  speak("en");
  expect(told()).toEqual([
    "Arrived",
    "Answered by the system",
    "In the menus · welcome → case · pressed 3 · typed 4711 (case)",
    "Ended · Gave up in the menu · the caller hung up",
  ]);
  speak("zh");
  expect(told()[2]).toBe("语音菜单 · welcome → case · 按键 3 · 输入 4711（case）");
  // What was pressed in a line is no key of the menus.
  const lines = [{ queue: "citizen", joined_at: at(2), outcome: "abandoned", wait_ms: 7_000 }];
  const inLine = timeline({ ...record, lines });
  expect(inLine.find((step) => step.kind === "menus")).not.toHaveProperty("keys");
  expect(inLine.at(-1)).not.toHaveProperty("came");
});

test("an operator who hangs up leaves before the survey, and pauses of the recording stand where they were", () => {
  const at = (second: number) => `2026-11-26T02:00:${String(second).padStart(2, "0")}.000Z`;
  const entry = (at_ms: number, paused: boolean) => ({ at_ms, stage: "talking", operator: "1001", paused });
  const record = {
    call_id: "c",
    arrived_at: at(0),
    connected_at: at(5),
    survey_at: at(20),
    message_at: at(35),
    ended_at: at(41),
    ended_by: "operator",
    operator: "1001",
    outcome: "answered",
    survey: 3,
    recording: {
      file: "f",
      began_at: at(6),
      index: [entry(0, false), entry(2_000, true), entry(3_000, true), entry(4_000, false)],
    },
  };
  expect(timeline(record).map((step) => [step.at, step.kind])).toEqual([
    [at(0), "arrived_at"],
    [at(5), "connected_at"],
    [at(8), "paused"],
    [at(10), "recorded_on"],
    [at(20), "operator_left"],
    [at(20), "survey"],
    [at(35), "message"],
    [at(41), "ended_at"],
  ]);
  expect(timeline(record)[5]).toMatchObject({ score: 3 });
  expect(timeline(record)[7]).not.toHaveProperty("by");
  // Of older records nobody knows when the recording began.
  const { began_at: _, ...older } = record.recording;
  expect(timeline({ ...record, recording: older }).some((step) => step.kind === "paused")).toBe(false);
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

test("what the server says is told in the language of the page, also with numbers in it", async () => {
  const { said } = await import("../src/people.ts");
  const { Problem } = await import("../src/api.ts");
  const { language } = await import("../src/language/index.ts");
  const told = (text: string) => said(new Problem(409, text));
  language.value = "zh";
  expect(told("whoever sits at 8002 is on a call")).toBe("席位 8002 上的人正在通话，请稍后再试或换一个席位。");
  expect(told("1001 has had the longest wrap-up")).toBe("话后处理已到最长时间。");
  expect(told("nobody is being consulted")).toBe("没有在咨询任何人。");
  expect(told("something new")).toBe("something new");
  language.value = "en";
  expect(told("whoever sits at 8002 is on a call")).toBe("whoever sits at 8002 is on a call");
});

test("that the line was released is told with its moment, and why it was not", () => {
  const at = (second: number) => `2026-11-26T10:00:${String(second).padStart(2, "0")}.000+08:00`;
  const record = {
    call_id: "c",
    arrived_at: at(0),
    ended_at: at(9),
    outcome: "transferred_out",
    ended_by: "released",
    release: { at: at(5), ended_at: at(8), outcome: "released", sip_status: null },
  };
  const told = (of: object) => timeline({ ...record, ...of }).map(({ at, kind, why, by }) => [at, kind, why ?? by]);
  expect(told({}).slice(1)).toEqual([
    [at(5), "release_asked", undefined],
    [at(8), "released", undefined],
    [at(9), "ended_at", "released"],
  ]);
  for (const outcome of ["not_known", "untrusted", "one_encrypted"]) {
    const release = { at: at(5), ended_at: at(5), outcome };
    expect(told({ ended_by: "caller", release }).slice(1)).toEqual([
      [at(5), "not_released", outcome],
      [at(9), "ended_at", "caller"],
    ]);
  }
  const hung = { at: at(5), ended_at: at(9), outcome: "ended" };
  expect(told({ ended_by: "operator", release: hung }).slice(1)).toEqual([
    [at(5), "release_asked", undefined],
    [at(9), "ended_at", "far"],
  ]);
});

test("why the line was not released is said in words, with the status of the refusal", async () => {
  const { sentence } = await import("../src/parts/steps.ts");
  const { language } = await import("../src/language/index.ts");
  const names = { operator: (id: string) => id, queue: (id: string) => id };
  const said = (why: string, sip_status?: number) =>
    sentence({ at: "", kind: "not_released", why, ...(sip_status ? { sip_status } : {}) }, names);
  for (const [tongue, refused, untrusted] of [
    ["zh", "线路未释放 · 运营商拒绝 · SIP 603", "线路未释放 · 对方给出的地址不属于其运营商"],
    [
      "en",
      "Line not released · the carrier refused · SIP 603",
      "Line not released · the far end's address is not known to be its carrier's",
    ],
  ] as const) {
    language.value = tongue;
    expect([said("refused", 603), said("untrusted")]).toEqual([refused, untrusted]);
  }
  language.value = "zh";
  for (const why of ["refused", "no_answer", "not_known", "untrusted", "one_encrypted"])
    expect(said(why)).not.toContain(why);
});
