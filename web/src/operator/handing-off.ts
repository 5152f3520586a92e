// Emergency services called by one key: the same key takes them out again, and nobody does so by pressing it twice.

import { effect, signal } from "@preact/signals";
import { Problem, post, segment } from "../api";
import { connection } from "../board";
import { time } from "../format";
import { words } from "../language";
import { say } from "../parts/toast";
import { said } from "../people";
import { ANSWERS, asked, call, desk, directory } from "./desk";

/** Whoever presses the same key again within so long, in ms, meant it once. */
const TWICE = 2_000;
/** What the house has not told within so long, in ms, is over already. */
const TOLD = 5_000;
/** Whom an order that takes longer, in ms, may never reach. */
const SLOW = 4_000;

interface Pressed {
  call: string;
  target: string;
  at: number;
  /** They were there, and are to be taken out. */
  out: boolean;
  /** The house has not answered yet. */
  underway: boolean;
  /** The board has shown them there, or gone, or that they did not take it. */
  told: boolean;
  /** When those were called who had not taken it before. */
  failed: string | null;
}
const pressed = signal<Pressed | null>(null);

/** As they are called here; some have no name but their number. */
export const emergencyName = (id: string) => directory.value.emergencies.find((target) => target.id === id)?.name || id;

const there = () => call.value?.emergency?.target ?? null;
const failedAt = () => call.value?.emergency_failed?.at ?? null;

/** What was pressed last is still being done; where that takes long it is said once more whom to dial. */
function repeats(of: string, target: string): boolean {
  const last = pressed.value;
  if (last?.call !== of || last.target !== target) return false;
  const ago = Date.now() - last.at;
  if (last.underway && ago > SLOW) unreached(last);
  return ago < TWICE || last.underway || (!last.told && ago < TOLD);
}

function unreached({ out, target }: Pressed): void {
  if (!out) say(words.peek().operator.emergencyUnreached(emergencyName(target), target), true);
}

export function emergency(index: number): void {
  const target = directory.value.emergencies[index];
  const of = call.value?.id;
  if (!target || !of || !desk.value.emergency || repeats(of, target.id)) return;
  const out = there() === target.id;
  pressed.value = { call: of, target: target.id, at: Date.now(), out, underway: true, told: false, failed: failedAt() };
  asked.value = { call: of, order: "hand_off" };
  void send(pressed.value);
}

/** It is right also when it is done late; but who is in need is not left waiting for that. Under one key for as long as
 * the house is away: were it another, what arrived unseen would be taken back. */
async function send(press: Pressed): Promise<void> {
  const lost = () => connection.peek().state === "lost";
  let warned = false;
  const warn = () => {
    if (!warned) unreached(press);
    warned = true;
  };
  const slow = setTimeout(warn, lost() ? 0 : SLOW);
  try {
    const what = { order: "hand_off", target: press.target };
    const manner = { patience: ANSWERS, lasts: () => !press.out && lost() };
    await post(`/calls/${segment(press.call)}/orders`, what, manner);
    const now = pressed.peek();
    if (now?.at === press.at) pressed.value = { ...now, underway: false };
  } catch (problem) {
    if (pressed.peek()?.at === press.at) pressed.value = null;
    if (problem instanceof Problem && problem.unreachable && !press.out) warn();
    else say(said(problem), true);
  } finally {
    clearTimeout(slow);
  }
}

/** That they were taken out is said, and that they were busy at once: nothing else tells that they were called again. */
export function watchEmergency(): void {
  effect(() => {
    const last = pressed.value;
    if (!last || last.told || call.value?.id !== last.call) return;
    const at = failedAt();
    const failed = !last.out && there() === null && at !== last.failed ? at : null;
    if (!failed && (there() === last.target) === last.out) return;
    pressed.value = { ...last, told: true };
    const t = words.peek().operator;
    if (last.out) say(t.emergencyTakenOut(emergencyName(last.target)));
    else if (failed) say(t.emergencyFailed(emergencyName(last.target), time(failed)), true);
  });
}
