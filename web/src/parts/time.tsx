// Clocks that go on by themselves: only they are drawn anew each second, not what is around them.

import { now } from "../clock";
import { clock, countdown, since } from "../format";

/** How long ago a moment was. */
export function Since({ at }: { at: string | null | undefined }) {
  return <>{at ? clock(since(at, now.value)) : "–"}</>;
}

/** How long it is to a moment. `say`: in which words, where others beside it tell how long it has been. */
export function Left({ until, say }: { until: string; say?: (clock: string) => string }) {
  const left = countdown(Date.parse(until) - now.value);
  return <>{say ? say(left) : left}</>;
}
