// A ringing call is noticed from another tab: the title and the icon blink, a notification stays until it is over. That a
// consultation is over is said.

import { effect } from "@preact/signals";
import { calls } from "../board";
import { callerOf } from "../caller";
import { number } from "../format";
import { words } from "../language";
import { consulted } from "../operators";
import { watchPart } from "../part-over";
import { say } from "../parts/toast";
import type { CallNow } from "../words";
import { asked, call, desk, phone } from "./desk";

let shown: Notification | null = null;
let blink: ReturnType<typeof setInterval> | null = null;

const who = () => number(call.value ? callerOf(call.value) : phone.value.session?.from, words.value.common.noNumber);

function title(ringing: boolean): void {
  const t = words.value;
  const plain = `${t.page.operator} · ${t.common.house}`;
  if (blink) clearInterval(blink);
  blink = null;
  const show = (loud: string | null) => {
    document.title = loud ?? plain;
    document.getElementById("icon")?.setAttribute("href", loud ? "/ringing.svg" : "/icon.svg");
  };
  if (!ringing) return show(null);
  const loud = `${t.operator.ringTitle} ${who()}`;
  show(loud);
  blink = setInterval(() => show(document.title === loud ? null : loud), 1_000);
}

/** How a consultation ends that its operator did not end: at once they are with the caller again, or with nobody. */
function watchConsultation(): void {
  let former: { call: string; who: string; talked: boolean } | null = null;
  effect(() => {
    const [now, mine] = [call.value, desk.value.mine];
    const was = former;
    const { consulting, id } = now ?? {};
    former =
      mine && id && consulting
        ? { call: id, who: consulted(consulting), talked: consulting.stage === "talking" }
        : null;
    if (!was || former) return;
    const ended = asked.peek()?.call === was.call && asked.peek()?.order;
    if (ended === "return" || ended === "complete" || ended === "hang_up" || ended === "transfer") return;
    const t = words.peek().operator;
    if (!calls.peek().has(was.call)) say(t.consultGone, true);
    else if (!mine || id !== was.call) return;
    else if (was.talked) say(t.consultOver(was.who), true);
    else say(now?.unreached ? t.consultWhyNot(was.who, whyNot(now.unreached)) : t.consultNot(was.who), true);
  });
}

const whyNot = (why: NonNullable<CallNow["unreached"]>) => words.peek().returned.why[why];

export function watch(): void {
  watchConsultation();
  watchPart();
  effect(() => {
    const ringing = phone.value.session?.stage === "ringing";
    title(ringing);
    if (!ringing) {
      shown?.close();
      shown = null;
      return;
    }
    if (shown || typeof Notification === "undefined" || Notification.permission !== "granted") return;
    shown = new Notification(words.value.operator.incoming(who()), {
      tag: "hotline-call",
      requireInteraction: true,
      icon: "/icon.svg",
    });
    shown.onclick = () => {
      window.focus();
      shown?.close();
    };
  });
}
