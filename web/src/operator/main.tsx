// The operator's page: the state, the call, what can be done, and the day. The keyboard alone suffices.

import { effect } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { configuration, loaded } from "../board";
import { type Act, listen } from "../keys";
import { language, speak, words } from "../language";
import { begin } from "../parts/begin";
import { Elsewhere } from "../parts/elsewhere";
import { Frame } from "../parts/frame";
import { attempt } from "../parts/toast";
import { session } from "../people";
import * as phones from "../phone/phone";
import { reclaimWhenLost } from "../phone/reclaiming";
import { phoneWhileSeated } from "../phone/seated";
import { nextTheme } from "../theme";
import type { Window_ } from "./actions";
import * as alerts from "./alerts";
import { CallPanel } from "./call-panel";
import * as desk from "./desk";
import { emergency, watchEmergency } from "./handing-off";
import { watchRinging } from "./ringing";
import { Side } from "./side";
import { StatePanel } from "./state-panel";
import { Windows } from "./windows";
import "./operator.css";

function Faults() {
  const t = words.value;
  // Who leaves has left the seat themselves.
  const known = desk.phone.value.faults.filter((fault) => fault !== "seat_left" || !desk.leaving.value);
  const faults = session.value?.seat ? known : (["no_seat"] as const);
  return (
    <div role="alert" class="alerts">
      <Elsewhere />
      {faults.map((fault) => (
        <p key={fault} class="card" data-state="urgent" data-fault={fault}>
          <strong>{t.fault[fault].title}</strong>
          <span>{t.fault[fault].what}</span>
        </p>
      ))}
    </div>
  );
}

/** One after the other what a key does; `false`: it does nothing now. */
function doing(what: Act, show: (window: Window_) => void): boolean {
  const can = desk.desk.value;
  const when = (may: boolean, act: () => unknown) => {
    if (may) void act();
    return may;
  };
  switch (what) {
    case "answer":
      return when(can.answer, phones.answer);
    case "hangUp":
      return when(can.hangUp, desk.hangUp);
    case "mute":
      return when(can.mute, phones.mute);
    case "hold":
      return when(can.hold, desk.hold);
    case "keypad":
      return when(can.keypad, () => show("keypad"));
    case "consult":
      return when(can.consult, () => show("consult"));
    case "transfer":
      return when(can.transfer, () => show("transfer"));
    case "threeWay":
      return when(can.threeWay, () => desk.order({ order: "conference" }));
    case "back":
      return when(can.back, () => desk.order({ order: "return" }));
    case "complete":
      return when(can.complete, () => desk.order({ order: "complete" }));
    case "reclaim":
      return when(can.reclaim, () => desk.order({ order: "reclaim" }));
    case "recording":
      return when(can.recording !== null, desk.pauseRecording);
    case "emergency1":
    case "emergency2":
    case "emergency3":
    case "emergency4":
      return when(can.emergency, () => emergency(Number(what.slice(-1)) - 1));
    case "note":
      return when(can.note, () => document.getElementById("note")?.focus());
    case "ready":
      return when(can.ready, desk.ready);
    case "notReady":
      return when(can.notReady, () => show("notReady"));
    case "finish":
      return when(can.wrapUp, desk.finish);
    case "extend":
      return when(can.wrapUp, desk.extend);
    case "devices":
    case "help":
    case "signOut":
      return when(true, () => show(what));
    case "theme":
      return when(true, nextTheme);
    case "language":
      return when(true, () => speak(language.value === "zh" ? "en" : "zh"));
  }
}

function Operator() {
  const [window_, show] = useState<Window_ | null>(null);
  const t = words.value.operator;
  useEffect(() => listen((what) => doing(what, show)), []);
  // The keypad belongs to a talk; a transfer too.
  const can = desk.desk.value;
  useEffect(() => {
    if ((window_ === "keypad" && !can.keypad) || ((window_ === "consult" || window_ === "transfer") && !can.together))
      show(null);
  }, [window_, can.keypad, can.together]);
  return (
    <Frame
      page="operator"
      ownTitle
      leave={() => show("signOut")}
      head={
        <>
          <button type="button" class="quiet small" data-act="devices" onClick={() => show("devices")}>
            {t.devices} <kbd>D</kbd>
          </button>
          <button type="button" class="quiet small" data-act="help" onClick={() => show("help")}>
            {t.keys} <kbd>?</kbd>
          </button>
        </>
      }
    >
      <div class="desk">
        <div class="stack">
          <Faults />
          <StatePanel onNotReady={() => show("notReady")} />
          <CallPanel show={show} />
        </div>
        <Side />
      </div>
      <Windows what={window_} close={() => show(null)} />
    </Frame>
  );
}

let begun = false;
effect(() => {
  if (!loaded.value || begun) return;
  begun = true;
  alerts.watch();
  watchEmergency();
  watchRinging();
  reclaimWhenLost(
    () => ({ call: desk.call.value, talks: desk.desk.value.silent, rings: desk.desk.value.rungElsewhere }),
    () => void desk.order({ order: "reclaim" }),
  );
  phoneWhileSeated();
  void attempt(desk.readDirectory);
  void desk.readToday();
  setInterval(() => void desk.readToday(), 30_000);
});
// After each call the figures are read anew, and after each change of the files the names.
let former = "";
effect(() => {
  const state = desk.me.value?.state ?? "";
  if (former !== state && begun) void desk.readToday();
  former = state;
});
effect(() => {
  if (configuration.value > 0) void attempt(desk.readDirectory);
});
// Who asked to be signed out in a call leaves when it is over, and when they have written what they write.
effect(() => {
  if (desk.leaving.value && desk.me.value?.state === "signed_out" && !desk.typing.value) void desk.leave();
});
// A page that gets the phone, or is looked at, goes on where another has written.
let link = desk.phone.value.link;
effect(() => {
  const was = link;
  link = desk.phone.value.link;
  if (was !== link && link === "elsewhere") void desk.saveNote();
  if (was === "elsewhere" && link !== "elsewhere") void desk.takeNote();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") void desk.takeNote();
});
addEventListener("pagehide", () => void desk.saveNote());
addEventListener("beforeunload", (event) => {
  // The call goes on without the page, but the citizen hears nobody for some seconds.
  if (desk.phone.value.session?.stage === "talking" && !navigator.webdriver) event.preventDefault();
});

begin("operator", Operator);
