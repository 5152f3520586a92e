// The supervisor's page: everybody who waits, everybody who works, and what a supervisor does about it. A supervisor who
// signed in with a seat listens and speaks on the phone of this page.

import { effect } from "@preact/signals";
import { alarms, configuration, figures, loaded } from "../board";
import { now } from "../clock";
import { askDirectory } from "../directory";
import { emergencies, targets } from "../emergencies";
import { clock, count, percent, since } from "../format";
import { listen } from "../keys";
import { words } from "../language";
import { watchPart } from "../part-over";
import { begin } from "../parts/begin";
import { Dialog } from "../parts/dialog";
import { Elsewhere } from "../parts/elsewhere";
import { Frame } from "../parts/frame";
import { Story } from "../parts/story";
import { attempt } from "../parts/toast";
import * as phones from "../phone/phone";
import { reclaimWhenLost } from "../phone/reclaiming";
import { phoneWhileSeated } from "../phone/seated";
import * as tone from "../phone/tone";
import { away, explained, reclaim } from "./acts";
import { Callbacks } from "./callbacks";
import { Emergencies } from "./emergencies";
import { doing, Mine } from "./mine";
import { Operators, reasons } from "./operators";
import { Queues, tint, Waiting } from "./queues";
import { Alarms, Notices, Schedules } from "./side";
import "./supervisor.css";

function House() {
  const t = words.value;
  const today = figures.value;
  if (!today) return null;
  const cells = [
    { name: t.wall.callsToday, value: count(today.offered), kind: "" },
    { name: t.supervisor.answered, value: count(today.answered), kind: "" },
    { name: t.wall.waiting, value: count(today.waiting), kind: today.waiting > 0 ? "warn-text" : "" },
    { name: t.wall.longest, value: clock(since(today.longest_since, now.value)), kind: "" },
    {
      name: t.wall.level(today.answer_within_ms / 1000),
      value: percent(today.service_level, today.goal),
      kind: tint(today.service_level, today.goal),
    },
    {
      name: t.wall.level15,
      value: percent(today.service_level_15min, today.goal),
      kind: tint(today.service_level_15min, today.goal),
    },
  ];
  return (
    <dl class="house">
      {cells.map(({ name, value, kind }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class={kind}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Faults() {
  const t = words.value.fault;
  return (
    <div role="alert" class="alerts">
      <Emergencies />
      <Elsewhere />
      {phones.phone.value.faults.map((fault) => (
        <p key={fault} class="card" data-state="urgent" data-fault={fault}>
          <strong>{t[fault].title}</strong> {t[fault].what}
        </p>
      ))}
    </div>
  );
}

function Explained() {
  const t = words.value;
  const shown = explained.value;
  if (!shown) return null;
  return (
    <Dialog
      title={t.supervisor.explainTitle}
      wide
      onClose={() => {
        explained.value = null;
      }}
    >
      {shown.answer === null ? <p class="soft">{t.common.loading}</p> : <Story answer={shown.answer} whole />}
    </Dialog>
  );
}

function Supervisor() {
  return (
    <Frame page="supervisor" ownTitle>
      <div class="stack">
        <House />
        <Faults />
        <Mine />
        <div class="board">
          <div class="stack">
            <Queues />
            <Waiting />
            <Callbacks />
            <Operators />
          </div>
          <aside class="stack">
            <Alarms />
            <Notices />
            <Schedules />
          </aside>
        </div>
      </div>
      <Explained />
    </Frame>
  );
}

const names = () =>
  attempt(async () => {
    const directory = await askDirectory();
    reasons.value = directory.reasons;
    targets.value = directory.emergencies;
  });

/** What is alarming is noticed from another tab: its number is in the title, and what is new is heard once. */
function watchAlarms(): void {
  const alarming = () => new Set([...alarms.value.keys(), ...emergencies.value.map((call) => `emergency ${call.id}`)]);
  let former = alarming();
  effect(() => {
    const t = words.value;
    const ids = alarming();
    document.title = `${ids.size > 0 ? `▲${ids.size} ` : ""}${t.page.supervisor} · ${t.common.house}`;
    if ([...ids].some((id) => !former.has(id))) void tone.beepOnce();
    former = ids;
  });
}

let begun = false;
effect(() => {
  if (!loaded.value || begun) return;
  begun = true;
  void names();
  watchAlarms();
  reclaimWhenLost(away, (call) => void reclaim(call));
  phoneWhileSeated();
  watchPart();
  listen(doing);
});
effect(() => {
  if (configuration.value > 0) void names();
});

begin("supervisor", Supervisor);
