// A ringing call is noticed from another tab: the title and the icon blink, a notification stays until it is over.

import { effect } from "@preact/signals";
import { callerOf } from "../caller";
import { number } from "../format";
import { words } from "../language";
import { call, phone } from "./desk";

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

export function watch(): void {
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
