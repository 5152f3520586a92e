// Alarms, notices, and what is open.

import { useState } from "preact/hooks";
import { alarms, queues, schedules, standing } from "../board";
import { now } from "../clock";
import { clock, since, time } from "../format";
import { language, open, words } from "../language";
import type { Level, ScheduleNow } from "../words";
import { flip, publish, takeDown } from "./acts";

export function Alarms() {
  const t = words.value.supervisor;
  const list = [...alarms.value.values()].sort((a, b) => a.since.localeCompare(b.since));
  return (
    <section class="panel" data-panel="alarms">
      <h2>{t.alarms}</h2>
      <div role="alert">
        {list.length === 0 ? (
          <p class="soft">{t.noAlarms}</p>
        ) : (
          list.map((alarm) => (
            <p key={alarm.id} class="alarm" data-state="urgent">
              <span class="row">
                <strong class="grow">{open(t.alarmKind, alarm.kind)}</strong>
                <span class="soft">{clock(since(alarm.since, now.value))}</span>
              </span>
              <span>{language.value === "en" ? (alarm.text_en ?? alarm.text) : alarm.text}</span>
            </p>
          ))
        )}
      </div>
    </section>
  );
}

export function Notices() {
  const t = words.value.supervisor;
  const [text, setText] = useState("");
  const [level, setLevel] = useState<Level>("info");
  const send = async (event: Event) => {
    event.preventDefault();
    if (await publish(text.trim(), level)) setText("");
  };
  return (
    <section class="panel" data-panel="notices">
      <h2>{t.notice}</h2>
      <form class="stack" onSubmit={send}>
        <textarea
          rows={2}
          maxLength={500}
          required
          aria-label={t.noticeText}
          placeholder={t.noticeText}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <div class="row">
          <select
            class="inline"
            aria-label={t.notice}
            value={level}
            onChange={(event) => setLevel(event.currentTarget.value as Level)}
          >
            {(["info", "warning", "urgent"] as const).map((one) => (
              <option key={one} value={one}>
                {t.level_[one]}
              </option>
            ))}
          </select>
          <span class="grow" />
          <button type="submit" class="main" disabled={text.trim() === ""}>
            {t.noticeSend}
          </button>
        </div>
      </form>
      <ul class="lines">
        {standing.value.map((notice) => (
          <li key={notice.id}>
            <span class="grow">{notice.text}</span>
            <button type="button" class="small" onClick={() => void takeDown(notice.id)}>
              {t.noticeRemove}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Schedule({ schedule }: { schedule: ScheduleNow }) {
  const t = words.value.supervisor;
  const [note, setNote] = useState("");
  const names = (schedule.queues ?? []).map((id) => queues.value.get(id)?.name ?? id).join("，");
  const to = async (where: "open" | "closed" | "auto") => {
    if (await flip(schedule.id, where, note.trim())) setNote("");
  };
  return (
    <div class="schedule" data-schedule={schedule.id}>
      <p class="row">
        <strong>{schedule.id}</strong>
        <span class="chip" data-state={schedule.open ? "ready" : "signed_out"}>
          {schedule.open ? t.open : t.closed}
        </span>
        <span class="hint grow">
          {t.switched[schedule.switch] ?? schedule.switch}
          {schedule.until ? ` ${t.until} ${time(schedule.until)}` : ""}
          {schedule.by ? ` · ${schedule.by}` : ""}
        </span>
      </p>
      {names && <p class="hint">{names}</p>}
      <div class="row">
        <input
          class="grow"
          aria-label={`${t.switchNote}: ${schedule.id}`}
          placeholder={t.switchNote}
          value={note}
          onInput={(event) => setNote(event.currentTarget.value)}
        />
        {(["open", "closed", "auto"] as const).map((where) => (
          <button
            key={where}
            type="button"
            class={`small ${schedule.switch === where ? "on" : ""}`}
            aria-pressed={schedule.switch === where}
            onClick={() => void to(where)}
          >
            {where === "open" ? t.switchOpen : where === "closed" ? t.switchClosed : t.switchAuto}
          </button>
        ))}
      </div>
    </div>
  );
}

export function Schedules() {
  const t = words.value.supervisor;
  return (
    <section class="panel">
      <h2>{t.schedules}</h2>
      <div class="stack">
        {[...schedules.value.values()].map((schedule) => (
          <Schedule key={schedule.id} schedule={schedule} />
        ))}
      </div>
    </section>
  );
}
