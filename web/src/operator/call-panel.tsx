// The call on this desk: who calls, what they chose, how long they waited, and what they called about before.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { queues } from "../board";
import { callerOf } from "../caller";
import { clock, number, time, when } from "../format";
import { type Act, KEYS, label } from "../keys";
import { called, open, words } from "../language";
import { cameBack, consulted, isHeard, nameOf, partOf } from "../operators";
import { Since } from "../parts/time";
import type { CallNow, Emergency, Note as NoteOf, Stage } from "../words";
import { Actions, type Window_ } from "./actions";
import { Before } from "./before";
import {
  adoptNote,
  beginNote,
  call,
  clockFrom,
  conferenceOf,
  contacts,
  cut,
  desk,
  directory,
  goneFrom,
  type Last,
  last,
  me,
  mineOf,
  mutedFor,
  noted,
  others,
  othersOf,
  phone,
  readContacts,
  readNote,
  turnTo,
  type Went,
  wrapsUp,
  writeNote,
  writing,
} from "./desk";
import { emergencyName } from "./handing-off";
import { left } from "./ringing";

const colleague = (id: string) => directory.value.operators.find((one) => one.id === id)?.name || id;

/** Who wrote something: an operator, or another who may sign in. */
const author = ({ by, name }: NoteOf) => name || colleague(by);

const queueName = (id: string | null | undefined) => (id ? queues.value.get(id)?.name || id : "–");

/** A node of the menus, or a queue. */
function categoryName(id: string): string {
  const names = directory.value?.choice_names?.[id];
  return names ? called({ id, names }) : queueName(id);
}

/** How one leaves an emergency: by hanging up, or without those who were called. */
function wayOut({ target, stage }: Emergency): string {
  const t = words.value.operator;
  const name = emergencyName(target);
  const leaves = stage === "ringing" ? t.emergencyLeaveRings(name) : t.emergencyLeave(name);
  if (stage === "confirmed") return leaves;
  const act = KEYS[`emergency${directory.value.emergencies.findIndex(({ id }) => id === target) + 1}` as Act];
  return act ? `${leaves}${t.emergencyOut(label(act), name)}` : leaves;
}

function Situation({ of }: { of: CallNow }) {
  const t = words.value.operator;
  const lines: { text: string; state: string }[] = [];
  const { muted } = phone.value;
  // The muted are not told in the same breath that they are heard.
  const three = muted ? words.value.stage.conference : conferenceOf(of);
  if (muted) lines.push({ text: mutedFor(of), state: "warning" });
  const [mine, part] = [me.value, me.value?.part];
  if (cut.value) {
    // Who hears whom is not known then: the state tells it.
  } else if (desk.value.asked) {
    const act = of.consulting?.caller_hears ? "conference" : "consulted";
    const asked = {
      call: of.id,
      act,
      stage: of.consulting?.stage ?? "talking",
      operator: of.operator ?? null,
    } as const;
    const text = muted && isHeard(asked) ? three : partOf(asked);
    lines.push({ text, state: act === "conference" ? "talking" : "consulting" });
  } else if (part?.call === of.id) {
    if (!muted || !isHeard(part)) lines.push({ text: partOf(part), state: "consulting" });
  } else if (of.caller_gone) {
    lines.push({ text: goneFrom(of), state: "warning" });
  } else if (of.consulting) {
    const who = consulted(of.consulting);
    const talking = of.consulting.stage === "talking";
    if (of.stage === "conference") lines.push({ text: `${three}: ${who}`, state: "talking" });
    else lines.push({ text: talking ? t.consulting(who) : t.consultRinging(who), state: "consulting" });
  }
  if (of.recording === "paused") lines.push({ text: t.recordingPaused, state: "warning" });
  if (of.recording === "soon" && desk.value.together) lines.push({ text: t.recordingSoon, state: "info" });
  if (of.stage === "lost") lines.push({ text: t.lost, state: "urgent" });
  if (of.emergency) {
    const { target, stage } = of.emergency;
    const name = emergencyName(target);
    const told = { ringing: t.emergencyCalling, talking: t.emergencyWith, confirmed: t.emergencyConfirmed };
    // With somebody consulted beside them it is said above who hears whom.
    const all = of.stage === "conference" && !of.consulting && !of.caller_gone ? ` · ${three}` : "";
    lines.push({ text: `${told[stage](name)}${all}`, state: "urgent" });
    if (desk.value.leaves) lines.push({ text: wayOut(of.emergency), state: "info" });
  }
  if (of.emergency_failed && !of.emergency && !of.caller_gone) {
    const { target, at } = of.emergency_failed;
    lines.push({ text: t.emergencyFailed(emergencyName(target), time(at)), state: "urgent" });
  }
  const theirs = of.operator === mine?.id || (of.rung ?? []).includes(mine?.id ?? "");
  if (of.returned && theirs && !of.caller_gone) lines.push({ text: cameBack(of.returned, mine?.id), state: "warning" });
  for (const { operator, mode, stage } of of.supervised_by) {
    // Who only listens is not told of: supervisors listen to how it is without them. Who is still rung says nothing yet.
    if (mode !== "listen" && stage !== "ringing" && operator !== mine?.id)
      lines.push({ text: `${t.supervised[mode]} · ${colleague(operator)}`, state: "consulting" });
  }
  return (
    <div role="status" class="situations">
      {lines.map(({ text, state }) => (
        <p key={text} class="situation" data-state={state}>
          {text}
        </p>
      ))}
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Facts({ of }: { of: CallNow }) {
  const t = words.value;
  return (
    <dl class="facts">
      <Fact name={t.operator.queue}>{queueName(of.queue)}</Fact>
      <Fact name={t.operator.waited}>
        {!of.line_since ? "–" : of.line_wait_ms != null ? clock(of.line_wait_ms) : <Since at={of.line_since} />}
      </Fact>
      <Fact name={t.operator.sinceCall}>
        <Since at={of.arrived_at} />
      </Fact>
      {of.place ? <Fact name={t.operator.place}>{of.place}</Fact> : null}
      <Fact name={t.operator.language}>{open(t.language_, of.language)}</Fact>
      <Fact name={t.operator.choices}>{of.choices ? t.operator.pressed(of.choices) : t.operator.noChoice}</Fact>
      {Object.entries(of.digits ?? {}).map(([name, value]) => (
        <Fact key={name} name={name}>
          {value}
        </Fact>
      ))}
      {of.category && of.category !== of.queue && <Fact name={t.operator.category}>{categoryName(of.category)}</Fact>}
      <Fact name={t.operator.called}>{of.callback_of ? "–" : of.to}</Fact>
    </dl>
  );
}

function History({ of }: { of: CallNow }) {
  const t = words.value;
  const list = contacts.value?.of === of.id ? contacts.value.list : null;
  const nobody = callerOf(of) === null;
  return (
    <section aria-label={t.operator.history}>
      <h2>{t.operator.history}</h2>
      {list === null || list === "unknown" || list.length === 0 ? (
        <p class="soft" aria-live="polite">
          {nobody
            ? t.operator.historyHidden
            : list === null
              ? t.common.loading
              : list === "unknown"
                ? t.operator.historyUnknown
                : t.operator.historyNone}
        </p>
      ) : (
        <ul class="history">
          {list.map((one) => (
            <li key={one.call_id}>
              <span>{when(one.arrived_at, t.common)}</span>
              <span>
                {one.callback_of ? `${t.stage.callback}: ` : ""}
                {open(t.admin.outcomeOf, one.outcome)}
              </span>
              <span class="soft">{queueName(one.queue)}</span>
              <span class="soft">{one.operator ? colleague(one.operator) : ""}</span>
              {(one.notes ?? []).map((note) => (
                <span key={note.by} class="history-note">
                  {note.text} <span class="soft">{author(note)}</span>
                </span>
              ))}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** How often they called: as far as the contacts tell. */
function Visits({ of }: { of: CallNow }) {
  const list = contacts.value?.of === of.id ? contacts.value.list : null;
  if (!Array.isArray(list) || callerOf(of) === null) return null;
  return (
    <span class="chip plain" data-field="visits">
      {words.value.operator.visits(list.length)}
    </span>
  );
}

/** What others noted on the call: it comes as they write. */
function Notes({ list }: { list: NoteOf[] }) {
  if (list.length === 0) return null;
  const t = words.value.operator;
  return (
    <section aria-label={t.notes}>
      <h2>{t.notes}</h2>
      <ul class="notes" aria-live="polite">
        {list.map((note) => (
          <li key={note.by} data-note={note.by}>
            <span class="soft">
              {author(note)} {note.at ? time(note.at) : ""}
            </span>
            <span>{note.text}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Whether what is said is recorded: told from the first ring on. */
function Recorded({ of }: { of: CallNow }) {
  const t = words.value.operator.recorded;
  const is = of.recording ?? "off";
  const state = is === "on" ? "talking" : is === "off" ? "signed_out" : "warning";
  return (
    <span class="chip" data-field="recording" data-value={is} data-state={state}>
      {t[is]}
    </span>
  );
}

function Note() {
  const t = words.value.operator;
  const note = noted.value;
  if (!note) return null;
  const dirty = note.text !== note.saved;
  const state = note.failed && dirty ? t.noteFailed : dirty ? t.noteDirty : note.text ? t.noteSaved : t.noteHint;
  return (
    <label class="note">
      <span class="row">
        <span class="grow">
          {t.note}
          {note.call !== (call.value ?? wrapsUp.value)?.id && last.value?.id === note.call && (
            <span class="soft"> · {number(last.value.from, words.value.common.noNumber)}</span>
          )}
        </span>
        <span class={note.failed && dirty ? "bad-text strong" : ""} data-field="note-state">
          {state}
        </span>
        <kbd>O</kbd>
      </span>
      <textarea
        id="note"
        rows={3}
        maxLength={4000}
        value={note.text}
        onInput={(event) => writeNote(event.currentTarget.value)}
        onFocus={() => turnTo(true)}
        // Where the page loses the focus, the field is still the active one in it.
        onBlur={(event) => turnTo(false, document.activeElement === event.currentTarget)}
      />
    </label>
  );
}

function wentSaid(went: Went): string {
  const t = words.value.operator;
  if (went === null) return t.justEnded;
  return typeof went === "string" ? t.went[went] : t.taken(nameOf(went.taken));
}

/** Nobody is on the line any more: whose talk it was. */
function Ended({ of }: { of: Last }) {
  const t = words.value;
  const known = others.value?.of === of.id ? others.value : null;
  useEffect(() => void readNote(of.id), [of.id, writing.value]);
  return (
    <>
      <div class="row">
        <p class="caller grow">{number(of.from, t.common.noNumber)}</p>
        {known && (
          <span class="chip" data-state="wrap_up" data-field="went">
            {wentSaid(known.went)}
          </span>
        )}
        <span class="soft">{queueName(of.queue)}</span>
      </div>
      {known && <Notes list={known.notes} />}
    </>
  );
}

/** Nobody is on the line: what is still to be set up. */
function Nobody() {
  const t = words.value.operator;
  return (
    <>
      <p class="nothing">{t.noCall}</p>
      <p class="soft">{t.noCallHint}</p>
      <Before />
    </>
  );
}

function Caller({ show, stage, ringing }: { show: (what: Window_) => void; stage: Stage; ringing: boolean }) {
  const t = words.value;
  const of = call.value;
  return (
    <>
      <div class="row">
        <p class="caller" data-field="from">
          {number(of ? callerOf(of) : phone.value.session?.from, t.common.noNumber)}
        </p>
        {of && <Visits of={of} />}
        {of?.callback_of && <span class="chip plain">{t.stage.callback}</span>}
        <span class="grow" />
        {of && <Recorded of={of} />}
        <span class="chip" data-state={stage}>
          {of?.caller_gone ? t.operator.callerGoneShort : t.stage[stage]}
        </span>
        {of && (
          <span class="strong">
            <Since at={ringing ? of.since : clockFrom(of)} />
          </span>
        )}
      </div>
      <Actions show={show} />
      {of && <Situation of={of} />}
      {of && <Facts of={of} />}
      {of && <History of={of} />}
      {of && <Notes list={othersOf(of.notes)} />}
    </>
  );
}

/** One panel for all of it, so that the note in which somebody writes is the same field when the caller has hung up. */
export function CallPanel({ show }: { show: (what: Window_) => void }) {
  const t = words.value.operator;
  const of = call.value;
  const sip = phone.value.session;
  const talks = of !== null && of.stage !== "ringing" && of.operator === me.value?.id;
  useEffect(() => {
    if (of) void readContacts(of.id);
  }, [of?.id]);
  // Whoever still writes of the talk before writes on; then the note of this one begins.
  useEffect(() => {
    if (!of || !talks || writing.value) return;
    beginNote(of.id, mineOf(of.notes));
    if (others.peek()?.of === of.id) others.value = null;
  }, [of?.id, talks, writing.value]);
  const saved = mineOf(of?.notes);
  useEffect(() => {
    if (of && talks) adoptNote(of.id, saved);
  }, [of?.id, talks, saved]);

  const there = of !== null || sip !== null;
  const ended = there ? null : wrapsUp.value;
  const ringing = sip?.stage === "ringing";
  const stage = ringing ? "ringing" : (of?.stage ?? "talking");
  const unsaved = Boolean(noted.value?.failed && noted.value.text !== noted.value.saved);
  const its = noted.value && noted.value.call === (talks && of ? of.id : ended?.id);
  const notes = its || writing.value || unsaved || noted.value?.call === left.value;
  return (
    <section
      class={`panel call ${ringing ? "rings" : ""} ${there || ended ? "" : "empty"}`}
      aria-label={there ? t.caller : ended ? t.wrapUp : t.noCall}
      data-call={there ? (of?.id ?? sip?.call ?? "") : undefined}
      data-stage={there ? stage : undefined}
    >
      {there ? (
        <Caller key="caller" show={show} stage={stage} ringing={ringing} />
      ) : ended ? (
        <Ended key="ended" of={ended} />
      ) : (
        <Nobody key="nobody" />
      )}
      {notes && <Note key="note" />}
    </section>
  );
}
