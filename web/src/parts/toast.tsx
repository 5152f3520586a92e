// What was done or not, said in words for a few seconds and read aloud by screen readers.

import { signal } from "@preact/signals";
import { said } from "../people";

const shown = signal<{ id: number; text: string; wrong: boolean }[]>([]);
let count = 0;

export function say(text: string, wrong = false): void {
  const id = ++count;
  shown.value = [...shown.value.slice(-3), { id, text, wrong }];
  setTimeout(
    () => {
      shown.value = shown.value.filter((one) => one.id !== id);
    },
    wrong ? 8_000 : 3_000,
  );
}

/** Does it; what goes wrong is said. `true`: it was done. */
export async function attempt(what: () => Promise<unknown>): Promise<boolean> {
  try {
    await what();
    return true;
  } catch (problem) {
    say(said(problem), true);
    return false;
  }
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.value.map(({ id, text, wrong }) => (
        <div key={id} class={wrong ? "wrong" : ""}>
          {text}
        </div>
      ))}
    </div>
  );
}
