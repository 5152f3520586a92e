// Times, durations and numbers for people, where the house is.

import { wholeSeconds } from "./passed";

/** The house's zone, e.g. `Asia/Shanghai`; until it is known, and where it has no name, that of the browser. */
let zone: { timeZone: string } | undefined;
let reader: Intl.DateTimeFormat | undefined;

/** From now on times are shown, and days meant, in this zone. */
export function liveIn(name: string | null | undefined): void {
  reader = undefined;
  zone = undefined;
  if (!name) return;
  try {
    zone = { timeZone: new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone };
  } catch {
    // A browser that does not know it shows its own.
  }
}

/** The zone of the house, for what the browser itself writes out. */
export const here = (): { timeZone?: string } => zone ?? {};

/** What calendar and clock show at a moment; months from 1. */
function shown(at: Date): { year: number; month: number; day: number; hour: number; minute: number; second: number } {
  reader ??= new Intl.DateTimeFormat("en-US-u-ca-gregory-nu-latn", {
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
    hourCycle: "h23",
    ...here(),
  });
  const parts = reader.formatToParts(at);
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  return {
    year: of("year"),
    month: of("month"),
    day: of("day"),
    hour: of("hour"),
    minute: of("minute"),
    second: of("second"),
  };
}

/** Minutes after midnight. */
export function minuteAt(at: Date): number {
  const { hour, minute } = shown(at);
  return hour * 60 + minute;
}

/** The day that is so many days after one, as `2026-11-26`; nothing for what is no day. */
export function dayAfter(day: string, add: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + add);
  return date.getUTCFullYear() <= 9999 ? date.toISOString().slice(0, 10) : "";
}

/** `0:07`, `12:40`, `1:02:03`; what is negative is nothing. */
export function clock(ms: number): string {
  const seconds = wholeSeconds(ms);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** A countdown shows the second that has begun: it ends with 0:00 only when it is over. */
export function countdown(ms: number): string {
  return clock(Math.max(0, Math.ceil(ms / 1000) * 1000));
}

/** Since a moment, in ms. */
export function since(moment: string | null | undefined, now: number): number {
  return moment ? Math.max(0, now - Date.parse(moment)) : 0;
}

/** A share as a percentage with one digit, rounded as `hotline statistics` does; `goal`: beside it, or below others. */
export function percent(share: number | null | undefined, goal?: number): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  const value = share * 100;
  if (share === 1 || share === 0) return `${value}%`;
  // Figures that stand below each other, or beside their goal, have their point in the same place. Rounding must not
  // lift one to its goal, nor to all of them: 94.96 % is not 95 %, and 99.96 % is not 100 %.
  const exact = Number((value * 10).toFixed(6));
  const most = goal !== undefined && share < goal ? Math.min(goal, 1) : 1;
  const rounded = Math.round(exact);
  const tenths = (rounded >= Number((most * 1000).toFixed(6)) ? Math.floor(exact) : rounded) / 10;
  return goal === undefined && Number.isInteger(tenths) && Math.abs(tenths - value) < 1e-9
    ? `${tenths}%`
    : `${tenths.toFixed(1)}%`;
}

const locale = () => document.documentElement.lang || "zh-CN";

export function count(n: number): string {
  return n.toLocaleString(locale());
}

export function time(moment: string | null | undefined, seconds = false): string {
  if (!moment) return "–";
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return "–";
  return date.toLocaleTimeString(locale(), {
    hour: "2-digit",
    minute: "2-digit",
    ...(seconds ? { second: "2-digit" } : {}),
    hourCycle: "h23",
    ...here(),
  });
}

export function dateTime(moment: string | null | undefined): string {
  if (!moment) return "–";
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return "–";
  return `${today(date)} ${time(moment, true)}`;
}

/** `今天 11:28`, `昨天 09:12`, `明天 00:38`, else with its date. */
export function when(
  moment: string | null | undefined,
  t: { today: string; yesterday: string; tomorrow: string },
  now = new Date(),
): string {
  const date = new Date(moment ?? "");
  if (Number.isNaN(date.getTime())) return "–";
  const [day, present] = [today(date), today(now)];
  const named = [t.yesterday, t.today, t.tomorrow].find((_, i) => day === dayAfter(present, i - 1));
  return named ? `${named} ${time(moment)}` : dateTime(moment).slice(0, 16);
}

/** A moment that comes: today its time alone, else with its day. */
export function coming(
  moment: string | null | undefined,
  t: { today: string; yesterday: string; tomorrow: string },
  now = new Date(),
): string {
  const date = new Date(moment ?? "");
  const isToday = !Number.isNaN(date.getTime()) && today(date) === today(now);
  return isToday ? time(moment) : when(moment, t, now);
}

/** A caller's number in groups that can be read aloud: 138 1234 5678, 010 6512 3456. */
export function number(text: string | null | undefined, unknown = "–"): string {
  if (!text) return unknown;
  const mobile = /^(1[3-9]\d)(\d{4})(\d{4})$/.exec(text);
  if (mobile) return `${mobile[1]} ${mobile[2]} ${mobile[3]}`;
  const city = /^(010|02\d)(\d{4})(\d{4})$/.exec(text) ?? /^(0[3-9]\d{2})(\d{3,4})(\d{4})$/.exec(text);
  if (city) return `${city[1]} ${city[2]} ${city[3]}`;
  return text;
}

/** The day before this one, as the API wants it. */
export function yesterday(): string {
  return dayAfter(today(), -1);
}

/** The same of today. */
export function today(date = new Date()): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const { year, month, day } = shown(date);
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
}

/** The next time that a clock here shows `18:00`, as the API wants it; none for what is no time. */
export function comes(clock: string, now = new Date()): string | null {
  const [, h, m] = /^(\d{2}):(\d{2})$/.exec(clock) ?? [];
  if (!h || !m) return null;
  const present = today(now);
  const next = [present, dayAfter(present, 1)].map((day) => momentOf(day, Number(h), Number(m)));
  return next.find((at) => at > now)?.toISOString() ?? null;
}

/** When clocks here show so on that day; where they are put forward over it, as much later. */
function momentOf(day: string, hour: number, minute: number): Date {
  const wanted = Date.parse(`${day}T00:00:00Z`) + (hour * 60 + minute) * 60_000;
  let at = wanted;
  // The offset is that of the moment itself, which is known the second time.
  for (let look = 0; look < 2; look++) {
    const is = shown(new Date(at));
    at += wanted - Date.UTC(is.year, is.month - 1, is.day, is.hour, is.minute, is.second);
  }
  return new Date(at);
}
