// A call that rings is answered by a key: a note in which nobody writes just now gives the keys back. It stays to be read.

import { effect, signal } from "@preact/signals";
import { actOf } from "../keys";
import { noted, phone, typing, writing } from "./desk";

/** Who begins to write within so long, in ms, had not noticed that the keys are no letters any more. */
const SUDDEN = 1_000;

/** The call whose note was left so, while it rings. */
export const left = signal<string | null>(null);

export function watchRinging(): void {
  let at = Number.NEGATIVE_INFINITY;
  effect(() => {
    if (phone.value.session?.stage !== "ringing") {
      left.value = null;
      return;
    }
    if (typing.value || !writing.value) return;
    left.value = noted.peek()?.call ?? null;
    at = performance.now();
    document.getElementById("note")?.blur();
  });
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.timeStamp - at > SUDDEN || left.peek() === null || writing.peek()) return;
      const letter = event.key.length === 1 || event.key === "Process";
      if (!letter || event.ctrlKey || event.altKey || event.metaKey || actOf(event) === "answer") return;
      // They write: the field has the letter, and no key does anything.
      event.stopPropagation();
      document.getElementById("note")?.focus();
    },
    true,
  );
}
