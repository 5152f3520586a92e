// Records: looked up, told as a timeline, heard, and taken away as a file.

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { api, get, query, segment } from "../api";
import { callerOf } from "../caller";
import { askDirectory } from "../directory";
import { clock, count, dateTime, dayAfter, number, time, today } from "../format";
import { open, words } from "../language";
import { Dialog } from "../parts/dialog";
import { detail } from "../parts/steps";
import { Story } from "../parts/story";
import { attempt } from "../parts/toast";
import { said, translated } from "../people";
import { timeline } from "../timeline";
import type { CallRecord, Directory } from "../words";
import { Waveform } from "./waveform";

interface Sought {
  since: string;
  until: string;
  from: string;
  to: string;
  operator: string;
  queue: string;
  outcome: string;
  language: string;
  text: string;
}

const sought = signal<Sought>({
  since: "",
  until: "",
  from: "",
  to: "",
  operator: "",
  queue: "",
  outcome: "",
  language: "",
  text: "",
});
const found = signal<CallRecord[] | null>(null);
const next = signal<string | null>(null);
const directory = signal<Directory | null>(null);
/** Until then it is not known where the house is, and which day it is there. */
let begun = false;
/** What is shown was sought so; "more" goes on with it, whatever is typed meanwhile. */
let asked: Sought = sought.value;

const LIMIT = 50;
/** A date field lets one type years of five digits. */
const LAST_DAY = "9999-12-31";

/** Days are those of the house. The end of one is included; numbers are typed with and without spaces. */
function moments(given: Sought): Record<string, string> {
  const bare = (number: string) => number.replaceAll(/[\s-]/g, "");
  const [since, until] = [dayAfter(given.since, 0), dayAfter(given.until, 1)];
  return { ...given, since, until, from: bare(given.from), to: bare(given.to) };
}

async function look(cursor: string | null): Promise<void> {
  if (cursor === null) asked = sought.value;
  const mine = asked;
  const answer = await get<{ records: CallRecord[]; next?: string | null }>(
    `/records${query({ ...moments(mine), limit: LIMIT, cursor })}`,
  );
  // A slower answer to an older question is nothing any more.
  if (asked !== mine) return;
  found.value = cursor ? [...(found.value ?? []), ...answer.records] : answer.records;
  next.value = answer.next ?? null;
}

function Filters() {
  const t = words.value.admin;
  const now = sought.value;
  const seek = (name: keyof Sought, value: string) => {
    sought.value = { ...sought.value, [name]: value.trim() };
  };
  const field = (name: keyof Sought, label: string) => (
    <label>
      {label}
      <input name={name} value={now[name]} onInput={(event) => seek(name, event.currentTarget.value)} />
    </label>
  );
  const day = (name: "since" | "until", label: string) => (
    <label>
      {label}
      <input
        type="date"
        name={name}
        max={LAST_DAY}
        value={now[name]}
        onInput={(event) => seek(name, event.currentTarget.value)}
      />
    </label>
  );
  const choice = (name: keyof Sought, label: string, options: [string, string][]) => (
    <label>
      {label}
      <select
        name={name}
        value={now[name]}
        onChange={(event) => {
          sought.value = { ...sought.value, [name]: event.currentTarget.value };
          void attempt(() => look(null));
        }}
      >
        <option value="">{t.any}</option>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
  const same = query(moments(now));
  return (
    <form
      class="panel filters"
      onSubmit={(event) => {
        event.preventDefault();
        void attempt(() => look(null));
      }}
    >
      {day("since", t.from)}
      {day("until", t.to)}
      {field("from", t.caller)}
      {field("to", t.dialled)}
      {choice(
        "queue",
        t.queue,
        (directory.value?.queues ?? []).map((one) => [one.id, one.name || one.id]),
      )}
      {choice(
        "operator",
        t.operator,
        (directory.value?.operators ?? []).map((one) => [one.id, `${one.name || one.id} ${one.id}`]),
      )}
      {choice("outcome", t.outcome, Object.entries(t.outcomeOf))}
      {field("language", t.language)}
      {field("text", t.text)}
      <div class="row end">
        <button type="submit" class="main">
          {words.value.common.search}
        </button>
        <a class="export" href={`${api}/records.csv${same}`} download="records.csv">
          {t.exportCsv}
        </a>
        <a class="export" href={`${api}/records.jsonl${same}`} download="records.jsonl">
          {t.exportJson}
        </a>
      </div>
    </form>
  );
}

const names = () => ({
  queue: (id: string | null | undefined) => directory.value?.queues.find((one) => one.id === id)?.name || id || "–",
  operator: (id: string | null | undefined) => {
    const { operators, people } = directory.value ?? {};
    const name = operators?.find((one) => one.id === id)?.name ?? people?.[id ?? ""];
    return name && name !== id ? `${name} ${id}` : (id ?? "–");
  },
});

function Recorded({ record }: { record: CallRecord }) {
  const t = words.value.admin;
  const recording = record.recording;
  if (recording?.deleted_at) return <p class="soft">{t.recordingDeleted}</p>;
  if (!recording?.file)
    return <p class="soft">{recording?.why ? `${t.noRecording}: ${translated(recording.why)}` : t.noRecording}</p>;
  return (
    <>
      <Waveform call={record.call_id} recording={recording} />
      {recording.why && <p class="warn-text">{translated(recording.why)}</p>}
    </>
  );
}

function Facts({ record }: { record: CallRecord }) {
  const t = words.value.admin;
  const lasted = (ms: number | null | undefined) => (ms == null ? "–" : clock(ms));
  const { queue, operator } = names();
  const facts: [string, string][] = [
    [t.outcome, open(t.outcomeOf, record.outcome)],
    [t.queue, queue(record.queue)],
    [t.operator, operator(record.operator)],
    [t.language, open(words.value.language_, record.language)],
    [t.wait, lasted(record.wait_ms)],
    [t.talk, lasted(record.talk_ms)],
    [words.value.operator.held, lasted(record.hold_ms)],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function One({ record, close }: { record: CallRecord; close: () => void }) {
  const t = words.value;
  const [answer, setAnswer] = useState<unknown>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  useEffect(() => {
    get(`/calls/${segment(record.call_id)}/explain`).then(setAnswer, (problem) => setWrong(said(problem)));
  }, [record.call_id]);
  return (
    <Dialog
      title={`${number(callerOf(record), t.common.noNumber)} · ${dateTime(record.arrived_at)}`}
      wide
      onClose={close}
    >
      <div class="stack record">
        <Facts record={record} />
        {(record.notes ?? []).map((note) => (
          <p key={note.by} class="card" data-note={note.by}>
            <span>
              <span class="soft">
                {names().operator(note.by)}
                {note.at ? ` · ${dateTime(note.at)}` : ""}
              </span>
              <br />
              {note.text}
            </span>
          </p>
        ))}
        <section>
          <h3>{t.admin.recording}</h3>
          <Recorded record={record} />
        </section>
        <section>
          <h3>{t.admin.timeline}</h3>
          <ol class="timeline" data-list="timeline">
            {timeline(record).map((step, index) => (
              <li key={index}>
                <time>{time(step.at, true)}</time>
                <span>
                  <span class="strong">{t.admin.step[step.kind]}</span>{" "}
                  <span class="soft">{detail(step, names())}</span>
                </span>
              </li>
            ))}
          </ol>
        </section>
        <section>
          <h3>{t.admin.explain}</h3>
          {wrong && <p class="bad-text">{wrong}</p>}
          {answer === null ? !wrong && <p class="soft">{t.common.loading}</p> : <Story answer={answer} />}
        </section>
        <details>
          <summary>{t.admin.allFields}</summary>
          <pre>{JSON.stringify(record, null, 2)}</pre>
        </details>
      </div>
    </Dialog>
  );
}

export function Records() {
  const t = words.value;
  const [shown, show] = useState<CallRecord | null>(null);
  useEffect(() => {
    if (!begun) sought.value = { ...sought.value, since: today() };
    begun = true;
    void attempt(() => look(null));
    if (!directory.value) {
      askDirectory().then(
        (answer) => {
          directory.value = answer;
        },
        () => {},
      );
    }
  }, []);
  const list = found.value;
  const { queue, operator } = names();
  return (
    <div class="stack">
      <Filters />
      <section class="panel">
        <h2 aria-live="polite">
          {!list ? t.common.loading : next.value ? t.admin.foundFirst(list.length) : t.admin.found(list.length)}
        </h2>
        {list?.length === 0 && <p class="soft">{t.admin.none}</p>}
        {list && list.length > 0 && (
          <div class="scroll">
            <table data-table="records">
              <thead>
                <tr>
                  <th scope="col">{t.admin.at}</th>
                  <th scope="col">{t.admin.caller}</th>
                  <th scope="col">{t.admin.queue}</th>
                  <th scope="col">{t.admin.operator}</th>
                  <th scope="col">{t.admin.outcome}</th>
                  <th scope="col" class="number">
                    {t.admin.wait}
                  </th>
                  <th scope="col" class="number">
                    {t.admin.talk}
                  </th>
                  <th scope="col">{t.admin.inTime}</th>
                  <th scope="col">{t.admin.note}</th>
                </tr>
              </thead>
              <tbody>
                {list.map((record) => (
                  <tr key={record.call_id}>
                    <td>
                      <button type="button" class="link" data-record={record.call_id} onClick={() => show(record)}>
                        {dateTime(record.arrived_at)}
                      </button>
                    </td>
                    <td>{number(callerOf(record), t.common.noNumber)}</td>
                    <td>{queue(record.queue)}</td>
                    <td>{operator(record.operator)}</td>
                    <td>
                      {open(t.admin.outcomeOf, record.outcome)}
                      {record.recording?.file && !record.recording.deleted_at ? " ♪" : ""}
                    </td>
                    <td class="number">{record.wait_ms != null ? clock(record.wait_ms) : "–"}</td>
                    <td class="number">{record.talk_ms != null ? clock(record.talk_ms) : "–"}</td>
                    <td class={record.within_service_level === false ? "bad-text" : "good-text"}>
                      {record.within_service_level === true ? "✓" : record.within_service_level === false ? "✗" : ""}
                    </td>
                    <td class="short">{(record.notes ?? []).map((note) => note.text).join(" · ")}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {next.value && (
          <button type="button" onClick={() => void attempt(() => look(next.value))}>
            {t.common.more} ({count(LIMIT)})
          </button>
        )}
      </section>
      {shown && <One record={shown} close={() => show(null)} />}
    </div>
  );
}
