// The call on this desk: who calls, what they chose, how long they waited, and what they called about before.

import { useEffect } from "preact/hooks";
import { queues } from "../board";
import { now } from "../clock";
import { clock, dateTime, number, since } from "../format";
import { open, words } from "../language";
import type { CallNow } from "../words";
import { call, contacts, desk, directory, me, noted, phone, readContacts, saveNote } from "./desk";

export function whom(id: string): string {
  const of = directory.value;
  const found =
    of.operators.find((one) => one.id === id) ??
    of.queues.find((one) => one.id === id) ??
    of.emergencies.find((one) => one.id === id);
  return found ? found.name || found.id : number(id);
}

function Situation({ of }: { of: CallNow }) {
  const t = words.value.operator;
  const lines: { text: string; state: string }[] = [];
  if (phone.value.muted) lines.push({ text: t.muted, state: "warning" });
  if (of.consulting) {
    const who = whom(of.consulting.to);
    const talking = of.consulting.stage === "talking";
    if (of.stage === "conference") lines.push({ text: `${t.conference}: ${who}`, state: "talking" });
    else lines.push({ text: talking ? t.consulting(who) : t.consultRinging(who), state: "consulting" });
  } else if (of.stage === "conference") lines.push({ text: t.conference, state: "talking" });
  if (of.emergency) {
    const [name, stage] = [whom(of.emergency.target), of.emergency.stage];
    const text = /confirm/.test(stage)
      ? t.emergencyConfirmed(name)
      : /talk|connect|answer/.test(stage)
        ? t.emergencyWith(name)
        : t.emergencyCalling(name);
    lines.push({ text, state: "urgent" });
  }
  for (const { operator, mode } of of.supervised_by) {
    // Who only listens is not told of: supervisors listen to how it is without them.
    if (mode !== "listen") lines.push({ text: `${t.supervised[mode]} · ${whom(operator)}`, state: "consulting" });
  }
  if (lines.length === 0) return null;
  return (
    <div role="status">
      {lines.map(({ text, state }) => (
        <p key={text} class="situation" data-state={state}>
          {text}
        </p>
      ))}
    </div>
  );
}

function History({ of }: { of: CallNow }) {
  const t = words.value;
  const list = contacts.value?.of === of.id ? contacts.value.list : [];
  return (
    <section aria-label={t.operator.history}>
      <h2>{t.operator.history}</h2>
      {list.length === 0 ? (
        <p class="soft">{t.operator.historyNone}</p>
      ) : (
        <ul class="history">
          {list.slice(0, 3).map((one) => (
            <li key={one.call_id}>
              <span class="soft">{dateTime(one.arrived_at).slice(0, 16)}</span>
              <span>{open(t.admin.outcomeOf, one.outcome)}</span>
              <span class="soft">{queues.value.get(one.queue ?? "")?.name ?? one.queue ?? ""}</span>
              <span class="soft">{one.operator ? whom(one.operator) : ""}</span>
              {one.note && <span class="history-note">{one.note}</span>}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Note() {
  const t = words.value.operator;
  const note = noted.value;
  if (!note) return null;
  return (
    <label class="note">
      <span class="row">
        <span class="grow">{t.note}</span>
        <kbd>O</kbd>
      </span>
      <textarea
        id="note"
        rows={3}
        maxLength={4000}
        value={note.text}
        disabled={!desk.value.note}
        onInput={(event) => {
          noted.value = { ...note, text: event.currentTarget.value };
        }}
        onBlur={() => void saveNote()}
      />
      <span class="hint">{t.noteHint}</span>
    </label>
  );
}

export function CallPanel() {
  const t = words.value;
  const of = call.value;
  const sip = phone.value.session;
  useEffect(() => {
    if (!of) return;
    void readContacts(of.id);
    if (noted.value?.call !== of.id && of.operator === me.value?.id) {
      noted.value = { call: of.id, text: of.note ?? "", saved: of.note ?? "" };
    }
  }, [of?.id, of?.operator]);

  if (!of && !sip) {
    return (
      <section class="panel call empty" aria-label={t.stage.talking}>
        <p class="nothing">{t.operator.noCall}</p>
        <p class="soft">{t.operator.noCallHint}</p>
        {me.value?.state === "wrap_up" && <Note />}
      </section>
    );
  }
  const ringing = sip?.stage === "ringing";
  const queue = of?.queue ? (queues.value.get(of.queue)?.name ?? of.queue) : "–";
  const waited = of?.queued_at
    ? (of.connected_at ? Date.parse(of.connected_at) : now.value) - Date.parse(of.queued_at)
    : 0;
  const choices = [of?.choices, ...Object.entries(of?.digits ?? {}).map(([name, value]) => `${name} ${value}`)]
    .filter(Boolean)
    .join("，");
  const stage = ringing ? "ringing" : (of?.stage ?? "talking");
  return (
    <section
      class={`panel call ${ringing ? "rings" : ""}`}
      aria-label={t.operator.caller}
      data-call={of?.id ?? sip?.call ?? ""}
      data-stage={stage}
    >
      <div class="row">
        <p class="caller grow" data-field="from">
          {number(of?.from ?? sip?.from)}
        </p>
        <span class="chip" data-state={stage}>
          {t.stage[stage]}
        </span>
        <span class="strong">{of ? clock(since(of.connected_at ?? of.since, now.value)) : ""}</span>
      </div>
      {of && <Situation of={of} />}
      {of && (
        <dl class="facts">
          <div>
            <dt>{t.operator.queue}</dt>
            <dd>{queue}</dd>
          </div>
          <div>
            <dt>{t.operator.waited}</dt>
            <dd>{clock(waited)}</dd>
          </div>
          {of.place ? (
            <div>
              <dt>{t.operator.place}</dt>
              <dd>{of.place}</dd>
            </div>
          ) : null}
          <div>
            <dt>{t.operator.language}</dt>
            <dd>{open(t.language_, of.language)}</dd>
          </div>
          <div>
            <dt>{t.operator.choices}</dt>
            <dd>{choices || "–"}</dd>
          </div>
          <div>
            <dt>{t.operator.called}</dt>
            <dd>{of.to}</dd>
          </div>
        </dl>
      )}
      {of && <History of={of} />}
      {!ringing && <Note />}
    </section>
  );
}
