// The keyboard: which key does what. Keys work wherever the focus is, except in a field in which one writes; there Esc
// leads out. What is written is no key either when the field goes away under one's hands.

export const KEYS = {
  answer: "a",
  hangUp: "x",
  mute: "m",
  hold: "h",
  keypad: "k",
  consult: "c",
  transfer: "t",
  threeWay: "j",
  back: "b",
  complete: "g",
  note: "o",
  reclaim: "v",
  recording: "p",
  emergency1: "shift+1",
  emergency2: "shift+2",
  emergency3: "shift+3",
  emergency4: "shift+4",
  ready: "r",
  notReady: "n",
  finish: "w",
  extend: "shift+w",
  devices: "d",
  theme: "s",
  language: "l",
  signOut: "q",
  help: "?",
} as const;

export type Act = keyof typeof KEYS;

export interface Pressed {
  key: string;
  code: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
  isComposing?: boolean;
}

/** The name of what was pressed: `a`, `shift+1`, `?`, `escape`; none for what belongs to the browser or an input method. */
export function nameOf(event: Pressed): string | null {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return null;
  if (event.key === "?" || event.key === "？") return "?";
  const digit = /^Digit(\d)$/.exec(event.code);
  if (digit) return event.shiftKey ? `shift+${digit[1]}` : (digit[1] ?? null);
  // With a Chinese input method the key is "Process"; where it is on the board says which it is.
  const letter = /^[a-z]$/i.test(event.key)
    ? event.key.toLowerCase()
    : /^Key([A-Z])$/.exec(event.code)?.[1]?.toLowerCase();
  if (letter) return event.shiftKey ? `shift+${letter}` : letter;
  return event.key === "Unidentified" || event.key === "Shift" ? null : event.key.toLowerCase();
}

/** What keys do in a house with so many emergencies: each of them has a key, the first ones. */
export function actsWith(emergencies: number): Act[] {
  return (Object.keys(KEYS) as Act[]).filter((act) => {
    const [, place] = /^emergency(\d)$/.exec(act) ?? [];
    return place === undefined || Number(place) <= emergencies;
  });
}

/** As it is written on a button. */
export function label(key: string): string {
  return key
    .split("+")
    .map((part) => (part === "shift" ? "⇧" : part.length === 1 ? part.toUpperCase() : part))
    .join("");
}

const BY_KEY: ReadonlyMap<string, Act> = new Map(
  (Object.entries(KEYS) as [Act, string][]).map(([act, key]) => [key, act]),
);

export function actOf(event: Pressed): Act | null {
  const name = nameOf(event);
  return name === null ? null : (BY_KEY.get(name) ?? null);
}

/** Whether one writes where the focus is. */
export function writes(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button", "range"].includes(target.type);
}

/** Whoever writes writes on for so long after each key, in ms. */
const WORD = 1_000;
/** What leads out of a field. */
const OUT = ["Escape", "Tab", "Enter"];

/** Whether keys belong to what is being written: also when the field, with a talk or a wrap-up, is there no longer. */
export class Writing {
  #last = Number.NEGATIVE_INFINITY;

  /** A key, and where it was pressed: in a field, or outside. `at` in ms. */
  takes(key: string, at: number, where: "field" | "lines" | "outside"): boolean {
    const takes = where !== "outside" || at - this.#last < WORD;
    const leaves = OUT.includes(key) && !(key === "Enter" && where === "lines");
    this.#last = takes && !leaves ? at : Number.NEGATIVE_INFINITY;
    return takes;
  }

  /** Whoever points somewhere writes no longer. */
  end(): void {
    this.#last = Number.NEGATIVE_INFINITY;
  }
}

/** Calls `act` for each key until the returned function is called. Dialogs have keys of their own. */
export function listen(act: (what: Act) => boolean): () => void {
  const writing = new Writing();
  const down = (event: KeyboardEvent) => {
    const field = writes(event.target);
    const where = !field ? "outside" : event.target instanceof HTMLTextAreaElement ? "lines" : "field";
    const taken = writing.takes(event.key, event.timeStamp, where);
    if (event.defaultPrevented || event.repeat) return;
    if (document.querySelector("dialog[open]")) return;
    if (taken) {
      if (field && event.key === "Escape") (event.target as HTMLElement).blur();
      return;
    }
    const what = actOf(event);
    if (what && act(what)) event.preventDefault();
  };
  const point = () => writing.end();
  document.addEventListener("keydown", down);
  document.addEventListener("pointerdown", point);
  return () => {
    document.removeEventListener("keydown", down);
    document.removeEventListener("pointerdown", point);
  };
}
