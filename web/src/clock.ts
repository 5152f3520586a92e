// One tick for all clocks of a page, at each second of the server's time: they go on together, and a wrong clock here shows
// no wrong waits.

import { signal } from "@preact/signals";
import { skew } from "./board";

export const now = signal(Date.now());

function tick(): void {
  now.value = Date.now() + skew.value;
  setTimeout(tick, 1_000 - (now.value % 1_000));
}
tick();
skew.subscribe((add) => {
  now.value = Date.now() + add;
});
