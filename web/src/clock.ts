// One tick for all clocks of a page. It runs with the server's time, so that a wrong clock here shows no wrong waits.

import { signal } from "@preact/signals";
import { skew } from "./board";

export const now = signal(Date.now());

setInterval(() => {
  now.value = Date.now() + skew.value;
}, 500);

export const serverNow = () => Date.now() + skew.value;
