// The board of the house as this page knows it: read once, then kept by events. Each event carries the whole new state of
// its thing, so applying one twice is harmless.

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { get } from "./api";
import { called } from "./language";
import { follow } from "./stream";
import type {
  Alarm,
  Board,
  CallbackNow,
  CallNow,
  Figures,
  Notice,
  OperatorNow,
  QueueNow,
  ScheduleNow,
  Told,
} from "./words";

type Things<T> = ReadonlyMap<string, T>;

const toldQueues: Signal<Things<QueueNow>> = signal(new Map());
export const operators: Signal<Things<OperatorNow>> = signal(new Map());
export const calls: Signal<Things<CallNow>> = signal(new Map());
export const callbacks: Signal<Things<CallbackNow>> = signal(new Map());
export const alarms: Signal<Things<Alarm>> = signal(new Map());
export const notices: Signal<Things<Notice>> = signal(new Map());
const toldSchedules: Signal<Things<ScheduleNow>> = signal(new Map());
const toldFigures: Signal<Figures | null> = signal(null);

/** With the names that they have in the language of the page. */
const named = <T extends { id: string }>(things: Signal<Things<T>>): ReadonlySignal<Things<T>> =>
  computed(() => new Map([...things.value].map(([id, thing]) => [id, { ...thing, name: called(thing) }])));

export const queues = named(toldQueues);
export const schedules = named(toldSchedules);
export const figures = computed<Figures | null>(() => {
  const told = toldFigures.value;
  return told && { ...told, categories: told.categories.map((one) => ({ ...one, name: called(one) })) };
});
/** Counts versions of the configuration that came into force while this page was open. */
export const configuration = signal(0);

export const connection: Signal<{ state: "connecting" | "live" | "lost"; since: number | null }> = signal({
  state: "connecting",
  since: null,
});
/** What to add to this machine's clock to have the server's, in ms. */
export const skew = signal(0);
/** The board was read once. */
export const loaded = signal(false);

const byId = <T extends { id: string }>(things: T[] | undefined): Things<T> =>
  new Map((things ?? []).map((thing) => [thing.id, thing]));

function with_<T extends { id: string }>(things: Signal<Things<T>>, thing: T): void {
  const next = new Map(things.value);
  next.set(thing.id, thing);
  things.value = next;
}

function without<T>(things: Signal<Things<T>>, id: string): void {
  if (!things.value.has(id)) return;
  const next = new Map(things.value);
  next.delete(id);
  things.value = next;
}

export function begin(board: Board): void {
  batch(() => {
    toldQueues.value = byId(board.queues);
    operators.value = byId(board.operators);
    calls.value = byId(board.calls);
    callbacks.value = byId(board.callbacks);
    alarms.value = byId(board.alarms);
    notices.value = byId(board.notices);
    toldSchedules.value = byId(board.schedules);
    toldFigures.value = board.today;
    loaded.value = true;
    skew.value = Date.parse(board.now) - Date.now();
  });
}

export function apply(event: Told): void {
  const id = (event.data as { id?: string }).id ?? "";
  switch (event.type) {
    case "queue":
      return with_(toldQueues, event.data as QueueNow);
    case "operator":
      return with_(operators, event.data as OperatorNow);
    case "call":
      return with_(calls, event.data as CallNow);
    case "call_over":
      return without(calls, id);
    case "callback":
      return with_(callbacks, event.data as CallbackNow);
    case "callback_over":
      return without(callbacks, id);
    case "figures": {
      const [former, next] = [toldFigures.value, event.data as Figures];
      // The days before do not change and are only on the board.
      toldFigures.value = {
        ...next,
        yesterday: next.yesterday ?? former?.yesterday,
        last_week: next.last_week ?? former?.last_week,
      };
      return;
    }
    case "alarm":
      return with_(alarms, event.data as Alarm);
    case "alarm_over":
      return without(alarms, id);
    case "notice":
      return with_(notices, event.data as Notice);
    case "notice_over":
      return without(notices, id);
    case "schedule":
      return with_(toldSchedules, event.data as ScheduleNow);
    case "config":
      configuration.value += 1;
      // What is gone from the files is not told of. Not all pages ask in the same moment.
      setTimeout(refresh, Math.random() * 2_000);
      return;
  }
}

let again: () => void = () => {};

/** The board is read anew, now. */
export const refresh = () => again();

/** Calls that ended while the connection was lost may never be told of: what the house does not have is not kept. */
async function forget(): Promise<void> {
  const before = [...calls.value.keys()];
  const open = await get<CallNow[]>("/calls").catch(() => null);
  if (!open) return;
  const there = new Set(open.map((call) => call.id));
  batch(() => before.filter((id) => !there.has(id)).forEach((id) => without(calls, id)));
}

/** Former days, the server's clock and what is no longer there come with the board only: it is read anew each hour, not by
 * all pages at once. */
const HOUR = 3_600_000;

/** Reads the board and follows it. Events of one moment are drawn once: they are gathered for 50 ms. */
export function open(signedOut: () => void): () => void {
  let gathered: Told[] = [];
  let timer: ReturnType<typeof setTimeout> | null = null;
  const settle = () => {
    timer = null;
    const events = gathered;
    gathered = [];
    batch(() => events.forEach(apply));
  };
  const followed = follow({
    async begin() {
      const board = await get<Board>("/board");
      gathered = [];
      begin(board);
      return board.offset;
    },
    told(event) {
      gathered.push(event);
      timer ??= setTimeout(settle, 50);
    },
    connection(state, since) {
      if (state === "live" && connection.value.state === "lost") void forget();
      if (connection.value.state !== state) connection.value = { state, since };
    },
    signedOut,
  });
  again = followed.again;
  const hourly = setInterval(refresh, HOUR + Math.random() * 60_000);
  return () => {
    clearInterval(hourly);
    if (timer) clearTimeout(timer);
    followed.close();
  };
}

/** Active notices, the most urgent first. */
export const standing = computed(() => {
  const weight = { urgent: 0, warning: 1, info: 2 };
  return [...notices.value.values()].sort((a, b) => weight[a.level] - weight[b.level] || b.at.localeCompare(a.at));
});
