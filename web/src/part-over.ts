// That a consultation is over is said to the consulted, in one sentence: why nobody is there any more, or who is.

import { effect } from "@preact/signals";
import { operators } from "./board";
import { words } from "./language";
import { nameOf } from "./operators";
import { say } from "./parts/toast";
import { session } from "./people";

/** What was so before the page began is not said. */
export function watchPart(): void {
  const told = () => operators.value.get(session.value?.person.id ?? "")?.part_over ?? null;
  let former = told()?.at;
  effect(() => {
    const now = told();
    const is = former === now?.at;
    former = now?.at;
    if (now && !is) say(words.peek().partOver[now.how](nameOf(now.operator)), true);
  });
}
