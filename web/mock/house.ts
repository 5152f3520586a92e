// A pretended house behind the pages: the API of the server with a day from `sample.ts`, so that pages are made and tried
// without one. It is the pages' test double and is never built into them.

import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { CallbackNow, CallNow, Note, OperatorNow, Role, Whom } from "../src/words.ts";
import { Phones } from "./phones.ts";
import * as sample from "./sample.ts";

const ROOT = "/api/v1";
const KEPT = 1_000;

const PEOPLE: Record<string, { name: string; roles: Role[] }> = {
  "1001": { name: "王芳", roles: ["operator"] },
  "1010": { name: "梅班长", roles: ["operator", "supervisor"] },
  mei: { name: "梅", roles: ["supervisor", "admin"] },
  wall: { name: "大屏", roles: ["wall"] },
};

/** Of those who are no operators and write notes. */
const AUTHORS: Record<string, string> = { chen: "陈主任" };

interface Event {
  number: number;
  at: string;
  type: string;
  data: unknown;
}

interface Asked {
  who: string;
  seat: string | null;
  body: Record<string, unknown>;
  query: URLSearchParams;
}

type Answer = [status: number, body?: unknown];

export class House {
  readonly queues = new Map(sample.queues().map((one) => [one.id, one]));
  readonly operators = new Map(sample.operators().map((one) => [one.id, one]));
  readonly calls = new Map(sample.calls([...this.operators.values()]).map((one) => [one.id, one]));
  readonly callbacks = new Map(sample.callbacks().map((one) => [one.id, one]));
  readonly alarms = new Map(sample.alarms().map((one) => [one.id, one]));
  readonly notices = new Map(sample.notices().map((one) => [one.id, one]));
  readonly schedules = new Map(sample.schedules().map((one) => [one.id, one]));
  figures = sample.figures();
  readonly records = sample.records();
  readonly notes = new Map<string, Note[]>();
  readonly phones = new Phones({
    // A supervisor's phone that answers changes nothing for the others.
    answered: (call, seat) => {
      if (this.calls.get(call)?.seat === seat) this.stage(call, "talking");
    },
    ended: (call, seat) => {
      if (this.calls.get(call)?.seat === seat) this.over(call);
    },
  });
  /** What was asked, for tests: `POST /operators/1001/ready`. */
  readonly asked: { what: string; body: unknown }[] = [];
  epoch = "mock";
  /** Nobody has a password yet. */
  fresh = false;
  private number = 0;
  private events: Event[] = [];
  private readonly ended = new Map<string, CallNow>();
  /** Calls that go on with others than the one who looks. */
  readonly elsewhere = new Set<string>();
  private readonly readers = new Set<ServerResponse>();
  private readonly sessions = new Map<string, { who: string; seat: string | null }>();
  private timers: NodeJS.Timeout[] = [
    // Who is told nothing is told that somebody is there, as by the server.
    setInterval(() => this.readers.forEach((reader) => reader.write(":\n\n")), 4_000),
  ];

  // -------------------------------------------------------------------------------------------
  // What happens in the house

  tell(type: string, data: unknown): void {
    const event = { number: ++this.number, at: new Date().toISOString(), type, data };
    this.events = [...this.events.slice(-KEPT), event];
    for (const reader of this.readers) this.write(reader, event);
  }

  operator(id: string, change: Partial<OperatorNow>): void {
    const former = this.operators.get(id);
    if (!former) return;
    const next = { ...former, since: new Date().toISOString(), reason: null, until: null, ...change };
    this.operators.set(id, next);
    this.tell("operator", next);
  }

  call(id: string, change: Partial<CallNow>): void {
    const former = this.calls.get(id);
    if (!former) return;
    const next = { ...former, ...change };
    this.calls.set(id, next);
    this.tell("call", next);
    const theirs = this.operators.get(next.operator ?? "");
    if (!theirs || (theirs.consults ?? null) === (next.consulting ?? null)) return;
    this.operators.set(theirs.id, { ...theirs, consults: next.consulting ?? null });
    this.tell("operator", this.operators.get(theirs.id));
  }

  /** What becomes of a callback that waits; null: it is over. */
  callback(id: string, change: Partial<CallbackNow> | null): void {
    const former = this.callbacks.get(id);
    if (!former) return;
    if (change === null) {
      this.callbacks.delete(id);
      return this.tell("callback_over", { id });
    }
    const next = { ...former, ...change };
    this.callbacks.set(id, next);
    this.tell("callback", next);
  }

  /** A citizen's call rings at the seat of an operator. */
  ring(operator: string, number = "13812345678", more: Partial<CallNow> = {}): string {
    const id = `c${this.number + 1}`;
    const seat = this.operators.get(operator)?.seat ?? "";
    const call: CallNow = {
      id,
      stage: "ringing",
      since: sample.ago(0),
      from: number,
      to: "12345",
      language: "zh",
      choices: "1",
      queue: "housing",
      arrived_at: sample.ago(19),
      queued_at: sample.ago(8),
      line_since: sample.ago(8),
      operator,
      seat,
      place: 1,
      supervised_by: [],
      digits: { 区: "朝阳" },
      recording: "on",
      ...more,
    };
    this.calls.set(id, call);
    this.tell("call", call);
    this.operator(operator, { state: "offered", call: id, until: sample.ago(-20) });
    this.phones.ring(seat, id, number);
    return id;
  }

  private stage(id: string, stage: CallNow["stage"]): void {
    const call = this.calls.get(id);
    if (!call?.operator) return;
    this.call(id, { stage, since: sample.ago(0), connected_at: call.connected_at ?? sample.ago(0), place: null });
    this.operator(call.operator, { state: stage === "holding" ? "holding" : "talking", call: id });
  }

  over(id: string): void {
    const call = this.calls.get(id);
    if (!call) return;
    this.calls.delete(id);
    this.ended.set(id, call);
    this.tell("call_over", { id });
    this.phones.end(id);
    if (call.operator && call.connected_at)
      this.operator(call.operator, { state: "wrap_up", call: null, wraps_up: id, until: sample.ago(-30) });
    else if (call.operator) this.operator(call.operator, { state: "not_ready", reason: "rona", call: null });
  }

  /** Something happens every second. */
  live(): void {
    const chance = sample.numbers(5);
    this.timers.push(
      setInterval(() => {
        const people = [...this.operators.values()].slice(10);
        const one = people[Math.floor(chance() * people.length)];
        if (one)
          this.operator(one.id, {
            state: (["ready", "talking", "wrap_up"] as const)[Math.floor(chance() * 3)] ?? "ready",
            until: sample.ago(-15),
          });
        const offered = this.figures.offered + Math.round(chance() * 3);
        this.figures = {
          ...this.figures,
          offered,
          answered: this.figures.answered + (offered - this.figures.offered),
          waiting: Math.round(chance() * 12),
        };
        const { yesterday: _, last_week: __, ...told } = this.figures;
        this.tell("figures", told);
      }, 1_000),
    );
  }

  /** It is a large house from now on: before anybody looks. */
  grow(): void {
    const large = sample.large();
    const put = <T extends { id: string }>(map: Map<string, T>, all: T[]) => {
      map.clear();
      for (const one of all) map.set(one.id, one);
    };
    put(this.queues, large.queues);
    put(this.operators, large.operators);
    put(this.calls, large.calls);
  }

  /** A house on its first day: nobody called, nobody is there. */
  empty(): void {
    for (const one of this.queues.values())
      this.queues.set(one.id, {
        ...one,
        waiting: 0,
        longest_since: null,
        expected_wait_ms: null,
        ready: 0,
        talking: 0,
        offered: 0,
        answered: 0,
        answered_within: 0,
        abandoned: 0,
        service_level: null,
        service_level_15min: null,
      });
    for (const one of this.operators.values())
      this.operators.set(one.id, {
        ...one,
        state: "signed_out",
        seat: null,
        call: null,
        until: null,
        next: null,
        reason: null,
        answered: 0,
        talk_ms: 0,
      });
    this.calls.clear();
    this.callbacks.clear();
    this.alarms.clear();
    this.notices.clear();
    this.records.length = 0;
    this.figures = {
      ...this.figures,
      offered: 0,
      answered: 0,
      answered_within: 0,
      abandoned: 0,
      waiting: 0,
      talking: 0,
      longest_since: null,
      service_level: null,
      service_level_15min: null,
      quarters: [],
      yesterday: [],
      last_week: [],
      ledger: {},
      categories: [],
    };
  }

  /** All readers lose their stream, as when a cable is pulled; `forget`: and the house begins a new epoch. */
  cut(forget = false): void {
    if (forget) {
      this.epoch = `${this.epoch}x`;
      this.events = [];
    }
    for (const reader of this.readers) reader.destroy();
    this.readers.clear();
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.cut();
    this.phones.cut();
  }

  // -------------------------------------------------------------------------------------------
  // HTTP

  /** `false`: it is not a request of the API. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const url = new URL(request.url ?? "/", "http://mock");
    if (!url.pathname.startsWith(`${ROOT}/`)) return false;
    const path = url.pathname.slice(ROOT.length);
    const token = /hotline=(\w+)/.exec(request.headers.cookie ?? "")?.[1] ?? "";
    const session = this.sessions.get(token);
    if (this.fresh && path === "/session") {
      response.statusCode = 401;
      response.setHeader("Content-Type", "application/problem+json");
      response.end(
        JSON.stringify({
          status: 401,
          detail: "set a password: hotline password 1001",
          no_passwords: true,
          password_command: "hotline password WHO",
        }),
      );
      return true;
    }
    if (path === "/events" && session) {
      this.stream(request, response, url.searchParams.get("after"));
      return true;
    }
    if (/^\/records\/\w+\/recording\/peaks$/.test(path)) {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(sample.peaks(Number(url.searchParams.get("points") ?? 800))));
      return true;
    }
    if (/^\/records\/\w+\/recording$/.test(path)) {
      const sound = readFileSync(new URL("../../prompts/zh/survey.wav", import.meta.url));
      const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
      const [first, last] = [Number(from ?? 0), Number(to || sound.length - 1)];
      const headers = { "Content-Type": "audio/wav", "Accept-Ranges": "bytes", "Content-Length": last - first + 1 };
      if (from === undefined) response.writeHead(200, headers);
      else response.writeHead(206, { ...headers, "Content-Range": `bytes ${first}-${last}/${sound.length}` });
      response.end(sound.subarray(first, last + 1));
      return true;
    }
    let text = "";
    request.on("data", (data: Buffer) => {
      text += data.toString();
    });
    request.on("end", () => {
      const body = text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
      const [status, answer] =
        request.method === "POST" && path === "/session"
          ? this.signIn(body, response)
          : session
            ? this.does(request.method ?? "GET", path, { ...session, body, query: url.searchParams }, token)
            : ([401, { title: "Unauthorized", status: 401, detail: "not signed in" }] as Answer);
      if (request.method !== "GET") this.asked.push({ what: `${request.method} ${path}`, body });
      response.statusCode = status;
      response.setHeader("Content-Type", status < 400 ? "application/json" : "application/problem+json");
      response.end(answer === undefined ? "" : JSON.stringify(answer));
    });
    return true;
  }

  private stream(request: IncomingMessage, response: ServerResponse, after: string | null): void {
    const last = String(request.headers["last-event-id"] ?? after ?? "");
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.write(":\n\n");
    const [epoch, number] = [last.slice(0, last.lastIndexOf("-")), Number(last.slice(last.lastIndexOf("-") + 1))];
    if (epoch !== this.epoch) this.write(response, { number: this.number, at: "", type: "reset", data: {} });
    else for (const event of this.events) if (event.number > number) this.write(response, event);
    this.readers.add(response);
    response.on("close", () => this.readers.delete(response));
  }

  private write(reader: ServerResponse, event: Event): void {
    const offset = `${this.epoch}-${event.number}`;
    reader.write(
      `id: ${offset}\nevent: ${event.type}\ndata: ${JSON.stringify({ offset, at: event.at, type: event.type, data: event.data })}\n\n`,
    );
  }

  private signIn(body: Record<string, unknown>, response: ServerResponse): Answer {
    const who = String(body.name);
    if (!PEOPLE[who] || body.password === "wrong") return [401, { status: 401, detail: "name or password is wrong" }];
    const token = `s${this.sessions.size + 1}`;
    const seat = body.seat ? String(body.seat) : null;
    const there = seat && [...this.operators.values()].find((one) => one.seat === seat && one.id !== who);
    if (there && !PEOPLE[who].roles.includes("supervisor"))
      return [409, { status: 409, detail: "taken", fields: { seat: `${there.name} (${there.id})` } }];
    this.sessions.set(token, { who, seat });
    response.setHeader("Set-Cookie", `hotline=${token}; HttpOnly; SameSite=Strict; Path=/`);
    if (seat) this.operator(who, { state: "not_ready", reason: "sign_in", seat });
    return [200, this.session(who, seat)];
  }

  private session(who: string, seat: string | null) {
    return {
      person: { id: who, name: PEOPLE[who]?.name ?? who, roles: PEOPLE[who]?.roles ?? [] },
      seat,
      csrf: "mock",
    };
  }

  private does(method: string, path: string, asked: Asked, token: string): Answer {
    const parts = path.split("/").slice(1).map(decodeURIComponent);
    const [room, id = "", what = "", more = ""] = parts;
    switch (`${method} ${room}`) {
      case "GET session":
        return [200, this.session(asked.who, asked.seat)];
      case "PUT session":
        this.operator(asked.who, { state: "not_ready", reason: "sign_in", seat: String(asked.body.seat) });
        return [200, this.session(asked.who, asked.seat)];
      case "DELETE session":
        this.sessions.delete(token);
        return [204];
      case "GET phone":
        return [200, { uri: `sip:${asked.seat}@mock.invalid`, websocket: "/sip", seat: asked.seat, ice_servers: [] }];
      case "GET board":
        return [200, { ...this.board(), today: PEOPLE[asked.who]?.roles.join() === "operator" ? null : this.figures }];
      case "GET directory":
        return [200, { ...this.directory(), people: PEOPLE[asked.who]?.roles.join() === "operator" ? {} : AUTHORS }];
      case "POST operators":
        return this.operatorDoes(id, more ? `${what}/${more}` : what, asked.body);
      case "GET operators":
        return what === "today"
          ? [
              200,
              {
                answered: 37,
                talk_ms: 6_771_000,
                hold_ms: 184_000,
                wrap_up_ms: 512_000,
                average_ms: 201_000,
                service_level: 0.973,
              },
            ]
          : [200, this.records.slice(0, 2).map((one) => ({ ...one, to: one.from }))];
      case "GET calls":
        if (id === "") return [200, [...this.calls.values()]];
        if (what === "caller") return [200, this.records.slice(0, 3)];
        if (what === "") {
          const { from, to, queue } = this.calls.get(id) ?? this.ended.get(id) ?? {};
          const open = this.calls.has(id) || this.elsewhere.has(id);
          const over = open ? {} : { ended_at: sample.ago(0), outcome: "answered" };
          const record = {
            call_id: id,
            from,
            to,
            queue,
            notes: this.notes.get(id) ?? [],

            ...over,
          };
          return [200, { now: this.calls.get(id) ?? null, goes_on: open, record }];
        }
        return [200, sample.explained()];
      case "POST calls":
        return what === "move" ? this.moved(id, String(asked.body.queue)) : this.ordered(id, asked);
      case "POST notices": {
        const notice = {
          id: `n${this.number + 1}`,
          by: asked.who,
          at: sample.ago(0),
          text: String(asked.body.text),
          level: asked.body.level as "info",
        };
        this.notices.set(notice.id, notice);
        this.tell("notice", notice);
        return [201, notice];
      }
      case "DELETE notices":
        this.notices.delete(id);
        this.tell("notice_over", { id });
        return [204];
      case "POST queues": {
        const former = this.queues.get(id);
        if (!former) return [404, { detail: "there is no such queue" }];
        const to = asked.body.to as "open";
        const until = (asked.body.until as string) ?? null;
        const next = { ...former, switch: to, open: to !== ("closed" as string), until, by: asked.who };
        this.queues.set(id, next);
        this.tell("queue", next);
        return [202, {}];
      }
      case "POST schedules": {
        const former = this.schedules.get(id);
        if (!former) return [404, { detail: "there is no such schedule" }];
        const to = asked.body.to as "open";
        const next = { ...former, switch: to, open: to !== ("closed" as string), by: asked.who };
        this.schedules.set(id, next);
        this.tell("schedule", next);
        return [200, next];
      }
      case "GET records":
        return [200, this.found(asked.query)];
      case "GET config":
        return this.configured(id, what);
      case "POST config":
        return this.tried(id, asked.body);
      case "GET audit":
        return [
          200,
          [
            {
              id: 2,
              at: sample.ago(90),
              who: "mei",
              what: 'POST /queues/citizen/switch {"to":"closed"}',
              from: "127.0.0.1",
              result: "201",
            },
            {
              id: 1,
              at: sample.ago(900),
              who: "1010",
              what: "GET /records/0001cf2e4b7a0000000000000001/recording/peaks?points=800",
              from: "2001:db8:85a3:8d3:1319:8a2e:370:7348",
              result: "410: the time of this recording was over on 2026-10-26, and its file was deleted by retention",
            },
          ],
        ];
      default:
        return [404, { detail: `there is no ${path}` }];
    }
  }

  private board() {
    const all = <T>(map: Map<string, T>) => [...map.values()];
    return {
      offset: `${this.epoch}-${this.number}`,
      now: new Date().toISOString(),
      queues: all(this.queues),
      operators: all(this.operators),
      calls: all(this.calls),
      callbacks: all(this.callbacks),
      today: this.figures,
      alarms: all(this.alarms),
      notices: all(this.notices),
      schedules: all(this.schedules),
    };
  }

  private directory() {
    return {
      operators: [...this.operators.values()].map(({ id, name, seat, state }) => ({ id, name, seat, state })),
      queues: [...this.queues.values()].map(({ id, name }) => ({ id, name })),
      emergencies: ["110", "119", "120", "122"].map((id) => ({ id, name: id })),
      reasons: ["break", "meal", "training"],
      choice_names: { heating: { zh: "供暖", en: "Heating" } },
    };
  }

  private operatorDoes(id: string, what: string, body: Record<string, unknown>): Answer {
    const now = this.operators.get(id);
    if (!now) return [404, { detail: `there is no operator ${id}` }];
    const busy = now.state === "talking" || now.state === "holding";
    if (what === "ready") this.operator(id, { state: "ready" });
    else if (what === "not-ready" && busy) this.operator(id, { ...now, next: String(body.reason) });
    else if (what === "not-ready") this.operator(id, { state: "not_ready", reason: String(body.reason), next: null });
    else if (what === "sign-out") this.operator(id, { state: "signed_out", seat: null });
    else if (what === "wrap-up/end") this.operator(id, { state: "ready" });
    else if (what === "wrap-up/extend")
      this.operator(id, { ...now, until: new Date(Date.parse(now.until ?? "") + Number(body.ms)).toISOString() });
    return [200, {}];
  }

  private moved(id: string, queue: string): Answer {
    this.call(id, { queue });
    return [202, {}];
  }

  private ordered(id: string, { who, seat, body }: Asked): Answer {
    const call = this.calls.get(id);
    if (!call && body.order !== "note") return [409, { detail: "this call is over" }];
    const to = Object.values((body.to as Record<string, string>) ?? {})[0] ?? "";
    const others = call?.supervised_by.filter((one) => one.operator !== who) ?? [];
    switch (body.order) {
      case "hold":
        this.stage(id, "holding");
        break;
      case "resume":
        this.stage(id, "talking");
        break;
      case "consult": {
        const whom = body.to as Whom;
        const consulting = { to, whom, operator: "operator" in whom ? to : null, caller_hears: false };
        this.call(id, { stage: "consulting", consulting: { ...consulting, stage: "ringing" } });
        setTimeout(
          () => this.calls.get(id)?.consulting && this.call(id, { consulting: { ...consulting, stage: "talking" } }),
          400,
        );
        break;
      }
      case "conference":
        if (call?.consulting)
          this.call(id, { stage: "conference", consulting: { ...call.consulting, caller_hears: true } });
        break;
      case "return":
        this.call(id, { stage: "talking", consulting: null });
        break;
      case "complete":
      case "transfer":
      case "hang_up":
        this.over(id);
        break;
      case "hand_off":
        if (call?.emergency?.target === body.target) this.call(id, { stage: "talking", emergency: null });
        else this.call(id, { emergency: { target: String(body.target), stage: "ringing" } });
        break;
      case "pause_recording":
      case "resume_recording":
        this.call(id, { recording: body.order === "pause_recording" ? "paused" : "on" });
        break;
      case "note":
        this.noted(id, who, String(body.text));
        break;
      case "reclaim":
        this.phones.ring(seat ?? call?.seat ?? "", id, call?.from ?? "", true);
        break;
      case "supervise":
        this.call(id, { supervised_by: [...others, { operator: who, mode: body.mode as "listen", stage: "talking" }] });
        if (seat && others.length === call?.supervised_by.length) this.phones.ring(seat, id, call?.from ?? "", true);
        break;
      case "take_over":
        if (call?.operator) this.operator(call.operator, { state: "wrap_up", call: null, until: sample.ago(-30) });
        this.call(id, { supervised_by: others, operator: who, seat });
        this.operator(who, { state: "talking", call: id, part: null });
        break;
      case "leave_supervision":
        this.call(id, { supervised_by: others });
        break;
    }
    return [202, {}];
  }

  /** Somebody writes their note: one for each author. */
  noted(id: string, by: string, text: string): void {
    const former = this.notes.get(id) ?? [];
    const note = { by, name: AUTHORS[by] ?? null, at: sample.ago(0), text };
    const notes = former.some((one) => one.by === by)
      ? former.map((one) => (one.by === by ? note : one))
      : [...former, note];
    this.notes.set(id, notes);
    this.call(id, { notes });
  }

  private found(query: URLSearchParams) {
    const fits = this.records.filter((one) =>
      (["operator", "queue", "outcome", "from"] as const).every(
        (field) => !query.get(field) || one[field] === query.get(field),
      ),
    );
    const at = Number(query.get("cursor") ?? 0);
    const limit = Number(query.get("limit") ?? 50);
    return { records: fits.slice(at, at + limit), next: at + limit < fits.length ? String(at + limit) : null };
  }

  private configured(what: string, versions: string): Answer {
    if (what === "") return [200, { version: 3, files: sample.FILES }];
    if (versions) {
      return [
        200,
        { changes: ["queue citizen: ring 20s → 15s"], lines: [" [[queue]]", '-ring = "20s"', '+ring = "15s"'] },
      ];
    }
    return [
      200,
      [
        {
          version: 3,
          at: sample.ago(3_600),
          author: "mei",
          note: "早高峰",
          changes: ["queue citizen: ring 20s → 15s"],
        },
        {
          version: 2,
          at: sample.ago(90_000),
          author: "mei",
          note: "新增住房队列",
          changes: [
            "queue housing added",
            "queue social: max_waiting 400 → 500",
            "seat 8020 added",
            "trunk good added",
          ],
        },
        { version: 1, at: sample.ago(990_000), author: "install", note: "", changes: [] },
      ],
    ];
  }

  private tried(what: string, body: Record<string, unknown>): Answer {
    if (what === "check") {
      const text = JSON.stringify(body);
      const faults = text.includes("mandrin")
        ? ['queues.toml:3:8: fault: queue.need: there is no skill "mandrin"; did you mean `mandarin`?']
        : [];
      return [
        200,
        {
          ok: faults.length === 0,
          faults,
          warnings: [],
          report: faults.join("\n"),
          changes: ["queue citizen: wrap_up 10s → 20s"],
        },
      ];
    }
    if (what !== "simulate") return [200, { folder: "sip-config", version: 4, changes: [], warnings: [], notes: [] }];
    const quarters = (this.figures.yesterday ?? []).map((quarter) => {
      const load = quarter.offered / 1_000;
      const played = (more: number) => ({
        offered: quarter.offered,
        service_level: Math.max(0.5, 1 - load * more),
        longest_wait_ms: load * more * 400_000,
      });
      return { minute: quarter.minute ?? 0, before: played(0.05), after: played(0.16) };
    });
    return [
      200,
      {
        quarters,
        figures: sample.played(),
        configurations: [{ added_operators: 0 }, { added_operators: 0 }],
        report: "calls offered 17,133",
      },
    ];
  }
}
