// How a page begins: who is it, may they, then the board; until then a word instead of an empty page.

import { signal } from "@preact/signals";
import { type ComponentType, render } from "preact";
import { loaded, open } from "../board";
import { words } from "../language";
import { may, said, signInFirst, whoAmI } from "../people";
import { Frame, MAY, type Page } from "./frame";
import "../theme";

const wrong = signal<string | null>(null);

export function begin(page: Page, Content: ComponentType, withBoard = true): void {
  const root = document.getElementById("page");
  if (!root) return;
  const ready = signal(false);
  const Whole = () => {
    if (wrong.value) {
      return (
        <Frame page={page}>
          <p role="alert" class="panel">
            {wrong.value}
          </p>
        </Frame>
      );
    }
    if (!ready.value || (withBoard && !loaded.value)) {
      return (
        <main aria-busy="true">
          <p class="soft">{words.value.common.loading}</p>
        </main>
      );
    }
    return <Content />;
  };
  render(<Whole />, root);
  void (async () => {
    for (let tries = 0; ; tries++) {
      try {
        const who = await whoAmI();
        if (!who) return;
        wrong.value = may(...MAY[page]) ? null : words.value.problem.noRole;
        if (wrong.value) return;
        if (withBoard) open(signInFirst);
        ready.value = true;
        return;
      } catch (problem) {
        wrong.value = said(problem);
        await new Promise((done) => setTimeout(done, Math.min(10_000, 1_000 * 2 ** tries)));
      }
    }
  })();
}
