// A house as it could be at ten in the morning: names, figures and records to show the pages with.

import type {
  Alarm,
  CallbackNow,
  CallNow,
  CallRecord,
  Figures,
  Notice,
  OperatorNow,
  OperatorState,
  Quarter,
  QueueNow,
  ScheduleNow,
} from "../src/words.ts";

export const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

/** The same numbers every time. */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

const QUEUES: [string, string, number, number][] = [
  ["citizen", "综合诉求", 9_412, 6],
  ["housing", "住房城建", 3_120, 2],
  ["market", "市场监管", 2_485, 1],
  ["social", "社保医保", 1_902, 0],
  ["english", "英语服务", 214, 0],
];

const ENGLISH: Record<string, string> = {
  citizen: "General enquiries",
  housing: "Housing",
  market: "Market supervision",
  social: "Social insurance",
  english: "English line",
  hotline: "Hotline hours",
};

const names = (id: string, zh: string) => ({ zh, en: ENGLISH[id] ?? id });

export function queues(): QueueNow[] {
  return QUEUES.map(([id, name, offered, waiting], i) => ({
    id,
    name,
    names: names(id, name),
    open: id !== "english",
    waiting,
    longest_since: waiting > 0 ? ago(4 + waiting * 5) : null,
    callbacks: id === "citizen" ? 2 : 0,
    expected_wait_ms: waiting * 7_000,
    ready: Math.max(0, 14 - i * 3),
    talking: 120 - i * 22,
    offered,
    answered: Math.round(offered * 0.985),
    answered_within: Math.round(offered * (0.97 - i * 0.012)),
    abandoned: Math.round(offered * 0.012),
    service_level: 0.97 - i * 0.012,
    service_level_15min: 0.965 - i * 0.02,
    answer_within_ms: 15_000,
  }));
}

const SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗";
const GIVEN = [
  "芳",
  "敏",
  "静",
  "磊",
  "洋",
  "艳",
  "勇",
  "军",
  "杰",
  "娟",
  "涛",
  "超",
  "霞",
  "平",
  "刚",
  "桂英",
  "秀兰",
  "晓东",
  "雨桐",
  "子涵",
];

export function operators(): OperatorNow[] {
  const chance = numbers(7);
  const states: [OperatorState, number][] = [
    ["talking", 0.58],
    ["wrap_up", 0.72],
    ["ready", 0.82],
    ["not_ready", 0.92],
    ["holding", 0.95],
    ["unreachable", 0.96],
    ["signed_out", 1],
  ];
  return Array.from({ length: 64 }, (_, i) => {
    const at = chance();
    const state = i === 0 ? "not_ready" : (states.find(([, until]) => at < until)?.[0] ?? "ready");
    const answered = Math.round(chance() * 40);
    return {
      id: String(1001 + i),
      name:
        i === 0
          ? "王芳"
          : (SURNAMES[Math.floor(chance() * SURNAMES.length)] ?? "王") +
            (GIVEN[Math.floor(chance() * GIVEN.length)] ?? "芳"),
      seat: state === "signed_out" ? null : String(8001 + i),
      state,
      reason: state === "not_ready" ? (i === 0 ? "sign_in" : (["break", "meal", "training"][i % 3] ?? null)) : null,
      since: ago(Math.round(chance() * 300)),
      until: state === "wrap_up" ? ago(-20) : null,
      next: i % 11 === 3 ? "meal" : null,
      call: state === "talking" || state === "holding" ? `t${i}` : null,
      queue: null,
      browser: i % 2 === 0,
      supervisor: i === 9,
      answered,
      talk_ms: answered * 183_000,
    };
  });
}

export function calls(people: OperatorNow[]): CallNow[] {
  const chance = numbers(11);
  const number = () => `13${Math.floor(chance() * 10)}${String(Math.floor(chance() * 1e8)).padStart(8, "0")}`;
  const talks = people
    .filter((one) => one.call)
    .map<CallNow>((one, i) => ({
      id: one.call ?? "",
      stage: one.state === "holding" ? "holding" : "talking",
      since: one.since,
      from: number(),
      to: "12345",
      language: "zh",
      choices: "1",
      queue: QUEUES[i % 4]?.[0] ?? "citizen",
      arrived_at: ago(400),
      queued_at: ago(380),
      line_since: ago(380),
      line_wait_ms: 9000,
      connected_at: one.since,
      operator: one.id,
      seat: one.seat ?? null,
      supervised_by: [],
      digits: {},
    }));
  let place = 0;
  const waits = QUEUES.flatMap(([queue, , , waiting]) => Array.from({ length: waiting }, () => queue)).map<CallNow>(
    (queue, i) => ({
      id: `w${i}`,
      stage: "waiting",
      since: ago(3 + i * 4),
      from: number(),
      to: "12345",
      language: "zh",
      choices: "1",
      queue,
      arrived_at: ago(20 + i * 4),
      queued_at: ago(3 + i * 4),
      line_since: ago(3 + i * 4),
      place: ++place,
      why: `nobody could be asked: ${120 - i} busy, ${6 + i} in wrap-up, 3 not ready`,
      supervised_by: [],
      digits: {},
    }),
  );
  return [...talks, ...waits];
}

export function callbacks(): CallbackNow[] {
  const of = { queue: "citizen", most_tries: 3, expires_at: ago(-3 * 3600), operator: null };
  return [
    { ...of, id: "b1", number: "13811112222", since: ago(1_260), stage: "later", next_at: ago(-130), tries: 1 },
    { ...of, id: "b2", number: "01065123456", since: ago(415), stage: "waiting", tries: 0, place: 7 },
  ];
}

function quarters(seed: number, until: number, scale: number): Quarter[] {
  const chance = numbers(seed);
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const list: Quarter[] = [];
  for (let minute = 0; minute <= until; minute += 15) {
    const hour = minute / 60;
    const shape =
      40 +
      900 * Math.exp(-((hour - 10) ** 2) / 6) +
      760 * Math.exp(-((hour - 15.2) ** 2) / 7) +
      240 * Math.exp(-((hour - 19.5) ** 2) / 5);
    const offered = Math.round(shape * scale * (0.93 + chance() * 0.14));
    list.push({
      at: new Date(midnight.getTime() + minute * 60_000).toISOString(),
      minute,
      offered,
      answered: Math.round(offered * 0.985),
      answered_within: Math.round(offered * 0.96),
      abandoned: Math.round(offered * 0.012),
    });
  }
  return list;
}

export function figures(): Figures {
  const at = new Date();
  const minute = at.getHours() * 60 + at.getMinutes();
  return {
    offered: 17_133,
    answered: 16_871,
    answered_within: 16_412,
    abandoned: 205,
    waiting: 9,
    talking: 431,
    longest_since: ago(34),
    service_level: 0.9579,
    service_level_15min: 0.9412,
    goal: 0.95,
    answer_within_ms: 15_000,
    quarters: quarters(1, minute, 1.02),
    yesterday: quarters(2, 1_425, 1),
    last_week: quarters(3, 1_425, 0.94),
    ledger: { all_busy: 388, slow_answer: 121, gave_up: 104, failed_offers: 63, not_ready: 31, unreachable: 14 },
    categories: QUEUES.map(([id, name, count]) => ({ id, name, names: names(id, name), count })),
  };
}

export const alarms = (): Alarm[] => [
  {
    id: "service_level:market",
    kind: "service_level",
    queue: "market",
    since: ago(380),
    text: "市场监管：近 15 分钟 15 秒接通率 92.5%，低于 95%",
    text_en: "Market supervision: 92.5 % answered within 15 s in the last 15 minutes, below 95 %",
  },
];

export const notices = (): Notice[] => [
  {
    id: "n1",
    text: "朝阳区东坝停水，预计 18:00 恢复；来电统一答复并登记。",
    level: "warning",
    by: "梅班长",
    at: ago(1_800),
  },
];

export const schedules = (): ScheduleNow[] => [
  {
    id: "hotline",
    names: names("hotline", "热线服务时间"),
    open: true,
    switch: "auto",
    queues: ["citizen", "housing", "market", "social"],
  },
  {
    id: "english",
    names: names("english", "英语服务"),
    open: false,
    switch: "closed",
    by: "1010",
    note: "培训",
    queues: ["english"],
  },
];

export function records(): CallRecord[] {
  const chance = numbers(23);
  return Array.from({ length: 60 }, (_, i) => {
    const wait = Math.round(chance() * 22_000);
    const talk = Math.round(60_000 + chance() * 300_000);
    const [queue] = QUEUES[i % 4] ?? ["citizen"];
    const lost = i % 13 === 5;
    const arrived = 600 + i * 190;
    const operator = String(1001 + (i % 20));
    return {
      call_id: `r${i}`,
      from: `138${String(10_000_000 + i * 371_293).slice(0, 8)}`,
      to: "12345",
      arrived_at: ago(arrived),
      answered_at: ago(arrived - 1),
      queued_at: ago(arrived - 9),
      connected_at: lost ? null : ago(arrived - 9 - wait / 1000),
      ended_at: ago(arrived - 9 - wait / 1000 - (lost ? 0 : talk / 1000)),
      queue,
      operator: lost ? null : operator,
      seat: lost ? null : String(8001 + (i % 20)),
      language: "zh",
      outcome: lost ? "abandoned_in_queue" : "answered",
      ended_by: "caller",
      wait_ms: wait,
      talk_ms: lost ? null : talk,
      hold_ms: 0,
      within_service_level: !lost && wait <= 15_000,
      notes: i % 5 === 0 ? [{ by: operator, at: ago(60), text: "反映小区供暖温度不足，已登记派单" }] : [],
      recording: lost ? null : { file: `recordings/r${i}.wav`, sha256: "0".repeat(64), length_ms: talk },
      lines: [
        {
          queue,
          joined_at: ago(arrived - 9),
          left_at: ago(arrived - 9 - wait / 1000),
          outcome: lost ? "abandoned" : "answered",
          wait_ms: wait,
        },
      ],
      offers: lost
        ? []
        : [
            {
              operator,
              seat: String(8001 + (i % 20)),
              at: ago(arrived - 9 - wait / 1000 + 3),
              outcome: "answered",
              ms: 3_000,
            },
          ],
    };
  });
}

export const FILES: Record<string, string> = {
  "hotline.toml": '[sip]\nlisten = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]\n\n[web]\nlisten = "127.0.0.1:8080"\n',
  "queues.toml":
    '[[queue]]\nid = "citizen"\nneed = "mandarin >= 1"\nring = "20s"\nwrap_up = "10s"\nanswer_within = "15s"\n',
  "operators.toml": '[[operator]]\nid = "1001"\nname = "王芳"\nskills = { mandarin = 8 }\n',
};

/** Two who speak by turns. */
export function peaks(points: number) {
  const chance = numbers(3);
  const side = (mine: (turn: number) => boolean) =>
    Array.from({ length: points }, (_, i) => (mine(Math.floor(i / 45) % 3) ? 0.15 + chance() * 0.75 : chance() * 0.04));
  return { length_ms: 13_000, channels: [side((turn) => turn === 0), side((turn) => turn === 1)] };
}

/** As the queue engine tells it. */
export function explained() {
  const at = (seconds: number) => ago(40 - seconds);
  const waits = { output: "decided", queue: "housing", chosen: null, step: 0 };
  return {
    lines: ["10:21:03 joined the line housing"],
    story: {
      record: {
        arrived_at: at(-9),
        answered_at: at(-8),
        lines: [{ queue: "housing", outcome: "answered", joined_at: at(0), wait_ms: 19_000, left_at: at(19) }],
        holds: [{ by: "operator", at: at(25), ended_at: at(30) }],
      },
      events: [
        { at: at(0), output: "joined", queue: "housing", expected: { median_ms: 14_000, p80_ms: 31_000 } },
        {
          ...waits,
          at: at(0),
          tally: { busy: 118, wrap_up: 9, not_ready: 2 },
          candidates: [
            { operator: "1004", fit: "not_ready" },
            { operator: "1011", fit: "not_ready" },
          ],
        },
        { at: at(10), output: "relaxed", queue: "housing", step: 1, why: "waited" },
        {
          at: at(16),
          output: "decided",
          chosen: { operator: "1001", by: "longest_idle" },
          tally: { ready: 1, busy: 117 },
        },
        { at: at(19), output: "offer_ended", operator: "1001", outcome: "answered", ms: 3_000 },
        { at: at(19), output: "late", cause: "all_busy" },
        { at: at(19), output: "connected", operator: "1001", seat: "8001", queue: "housing" },
      ],
    },
  };
}

/** A day as the simulation tells it: the second column waits longer. */
export function played() {
  const figure = (name: string, unit: string, first: number, second: number, of?: string) => {
    const of_ = of === undefined ? {} : { of };
    return {
      name,
      unit,
      ...of_,
      first: { mean: first },
      second: { mean: second },
      difference: { mean: second - first },
    };
  };
  return [
    figure("offered", "count", 17_133, 17_133),
    figure("answered", "count", 16_871, 16_204),
    figure("service_level", "share", 0.962, 0.884),
    figure("wait_p50", "seconds", 2.1, 4.9),
    figure("wait_p95", "seconds", 13.8, 41.2),
    figure("abandonment", "share", 0.012, 0.031),
    figure("overflowed", "count", 0, 0),
    figure("occupancy", "share", 0.82, 0.874),
    figure("occupancy", "share", 0.83, 0.88, "mandarin"),
    figure("service_level", "share", 0.97, 0.89, "citizen"),
    figure("service_level", "share", 0.94, 0.86, "market"),
  ];
}

/** A large house: thirty queues with long names, two hundred and forty operators, sixty who wait. */
export function large() {
  const [first] = queues();
  const many = Array.from({ length: 30 }, (_, i) => ({
    ...(first as QueueNow),
    id: `line_${i}`,
    name: i % 4 === 0 ? `住房和城乡建设、物业管理与供热供暖综合诉求受理 ${i}` : `综合诉求 ${i}`,
    names: {
      zh: i % 4 === 0 ? `住房和城乡建设、物业管理与供热供暖综合诉求受理 ${i}` : `综合诉求 ${i}`,
      en: i % 4 === 0 ? `Housing, property management and district heating ${i}` : `General enquiries ${i}`,
    },
    offered: 112_412 - i * 3_001,
    answered: 110_002 - i * 3_001,
    abandoned: 1_234 - i * 31,
    waiting: i % 3 === 0 ? 128 - i : 0,
    longest_since: ago(754 + i),
    expected_wait_ms: 754_000,
    service_level: i === 2 ? 1 : 0.97 - i * 0.011,
  }));
  const people = Array.from({ length: 4 }, (_, part) =>
    operators().map((one) => ({
      ...one,
      id: String(Number(one.id) + part * 100),
      name: part === 3 ? `阿卜杜热合曼·买买提伊敏 ${one.name}` : one.name,
      seat: one.seat && String(Number(one.seat) + part * 100),
      call: one.call && `${one.call}.${part}`,
    })),
  ).flat();
  const open = calls(people).map((one, i) => ({ ...one, queue: `line_${i % 30}` }));
  return { queues: many, operators: people, calls: open };
}
