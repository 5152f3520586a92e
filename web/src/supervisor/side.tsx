// Alarms, notices, and what is open.

import { useState } from "preact/hooks";
import { alarms, queues, schedules, standing } from "../board";
import { comes, coming } from "../format";
import { language, open, words } from "../language";
import { Since } from "../parts/time";
import type { Level, ScheduleNow } from "../words";
import { publish, takeDown } from "./acts";
import { Hand, Switch } from "./switching";

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
                <span class="soft" aria-hidden="true">
                  <Since at={alarm.since} />
                </span>
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
  const [until, setUntil] = useState("");
  const send = async (event: Event) => {
    event.preventDefault();
    if (!(await publish(text.trim(), level, comes(until)))) return;
    setText("");
    setUntil("");
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
          <input
            type="time"
            class="until"
            aria-label={t.noticeUntil}
            title={t.noticeUntil}
            value={until}
            onInput={(event) => setUntil(event.currentTarget.value)}
          />
          <span class="grow" />
          <button type="submit" class="main" disabled={text.trim() === ""}>
            {t.noticeSend}
          </button>
        </div>
      </form>
      <ul class="lines">
        {standing.value.map((notice) => (
          <li key={notice.id}>
            <span class="grow">
              {notice.text}
              {notice.until && (
                <span class="hint">
                  {" "}
                  {t.until} {coming(notice.until, words.value.common)}
                </span>
              )}
            </span>
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
  const names = (schedule.queues ?? []).map((id) => queues.value.get(id)?.name || id).join(" · ");
  return (
    <div class="schedule" data-schedule={schedule.id}>
      <p class="row">
        <strong>{schedule.name || schedule.id}</strong>
        <span class="chip" data-state={schedule.open ? "ready" : "signed_out"}>
          {schedule.open ? t.open : t.closed}
        </span>
        <Hand of={schedule} />
      </p>
      {names && <p class="hint">{names}</p>}
      <Switch what="schedules" id={schedule.id} name={schedule.name || schedule.id} of={schedule} />
    </div>
  );
}

export function Schedules() {
  const t = words.value.supervisor;
  if (schedules.value.size === 0) return null;
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
