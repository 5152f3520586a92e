// Of several tabs one has the phone: the first that is opened. Another gets it when it is asked for there, or when that
// one is closed. A page that is loaded anew gets it back at once.

const NAME = "hotline.phone";
/** So long, in ms, the page that was here before may take to be gone. */
const GOES = 700;

export interface Told {
  /** The phone is this tab's. */
  mine(): void;
  /** Another tab has it. */
  elsewhere(): void;
}

let listener: Told | null = null;
/** In line for the phone. */
let waits: AbortController | null = null;
/** Lets go of it. */
let held: (() => void) | null = null;

export function ask(told: Told): void {
  listener = told;
  // Browsers give locks to pages that came over HTTPS or from this machine: as they do microphones.
  if (navigator.locks) wait();
  else told.mine();
}

/** The phone is taken from whichever tab has it. */
export function takeHere(): void {
  if (!listener || held) return;
  waits?.abort();
  waits = null;
  hold({ steal: true });
}

/** This tab wants it no longer. */
export function leave(): void {
  listener = null;
  waits?.abort();
  waits = null;
  held?.();
  held = null;
}

function wait(): void {
  const mine = new AbortController();
  waits = mine;
  setTimeout(() => waits === mine && listener?.elsewhere(), GOES);
  hold({ signal: mine.signal });
}

function hold(options: LockOptions): void {
  let done: (() => void) | null = null;
  const kept = navigator.locks.request(NAME, options, () => {
    waits = null;
    if (!listener) return;
    const until = new Promise<void>((resolve) => {
      done = resolve;
      held = resolve;
    });
    listener.mine();
    return until;
  });
  // It fails where it is waited for no longer, and when another tab takes it.
  kept.catch(() => {
    if (done === null || held !== done) return;
    held = null;
    listener?.elsewhere();
    if (listener) wait();
  });
}
