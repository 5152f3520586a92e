// Of several tabs one has the phone: the first that is opened. Another gets it when it is asked for there, or when that
// one is closed. A page that is loaded anew gets it back at once.

const NAME = "hotline.phone";
/** So long, in ms, a page that was here before may take to be gone. */
const GOES = 700;

export interface Told {
  /** The phone is this tab's. */
  mine(): void;
  /** Another tab has it. */
  elsewhere(): void;
}

let waits: AbortController | null = null;
let letGo: (() => void) | null = null;
let listener: Told | null = null;

/** Browsers give locks to pages that came over HTTPS or from this machine, as they do microphones. */
const locks = (): LockManager | undefined => navigator.locks;

export function ask(told: Told): void {
  listener = told;
  if (!locks()) return told.mine();
  wait();
}

/** The phone is taken from whichever tab has it. */
export function takeHere(): void {
  if (!listener || letGo) return;
  waits?.abort();
  waits = null;
  hold({ steal: true });
}

/** No tab has it because of this one. */
export function leave(): void {
  listener = null;
  waits?.abort();
  waits = null;
  letGo?.();
}

function wait(): void {
  const mine = new AbortController();
  waits = mine;
  setTimeout(() => waits === mine && listener?.elsewhere(), GOES);
  hold({ signal: mine.signal });
}

function hold(options: LockOptions): void {
  const kept = locks()?.request(NAME, options, () => {
    waits = null;
    if (!listener) return;
    listener.mine();
    return new Promise<void>((done) => {
      letGo = done;
    });
  });
  kept?.then(
    () => {
      letGo = null;
    },
    () => {
      // It was taken by another tab; or this one waits for it no longer.
      if (!letGo) return;
      letGo = null;
      if (!listener) return;
      listener.elsewhere();
      wait();
    },
  );
}
