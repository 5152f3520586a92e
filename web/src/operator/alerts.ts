// A ringing call is noticed from another tab: the title blinks, a notification stays until it is over.

import { effect } from "@preact/signals";
import { number } from "../format";
import { words } from "../language";
import { call, phone } from "./desk";

let shown: Notification | null = null;
let blink: ReturnType<typeof setInterval> | null = null;

function title(ringing: boolean): void {
  const t = words.value;
  const plain = `${t.page.operator} · ${t.common.house}`;
  if (blink) clearInterval(blink);
  blink = null;
  document.title = plain;
  if (!ringing) return;
  const who = number(call.value?.from ?? phone.value.session?.from);
  const loud = `${t.operator.ringTitle} ${who}`;
  document.title = loud;
  blink = setInterval(() => {
    document.title = document.title === loud ? plain : loud;
  }, 1_000);
}

export function watch(): void {
  effect(() => {
    const session = phone.value.session;
    const ringing = session?.stage === "ringing";
    title(ringing);
    if (!ringing) {
      shown?.close();
      shown = null;
      return;
    }
    if (shown || typeof Notification === "undefined" || Notification.permission !== "granted") return;
    const who = number(call.value?.from ?? session?.from);
    shown = new Notification(words.value.operator.incoming(who), {
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

export const mayAsk = () => typeof Notification !== "undefined" && Notification.permission === "default";
