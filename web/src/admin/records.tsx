// Records: looked up, told as a timeline, heard, and taken away as a file.

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { api, get, query, segment } from "../api";
import { clock, count, dateTime, number, time, today } from "../format";
import { open, words } from "../language";
import { linesOf } from "../lines";
import { Dialog } from "../parts/dialog";
import { attempt } from "../parts/toast";
import { said } from "../people";
import type { CallRecord, Directory } from "../words";
import { timeline } from "./timeline";
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
  since: today(),
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

const LIMIT = 50;

/** A day as one types it is its midnight here; the end of a day is included. */
function moments(given: Sought): Record<string, string> {
  const at = (day: string, add: number) => {
    if (day === "") return "";
    const date = new Date(`${day}T00:00:00`);
    date.setDate(date.getDate() + add);
    return date.toISOString();
  };
  return { ...given, since: at(given.since, 0), until: at(given.until, 1) };
}

async function look(cursor: string | null): Promise<void> {
  const answer = await get<{ records: CallRecord[]; next?: string | null }>(
    `/records${query({ ...moments(sought.value), limit: LIMIT, cursor })}`,
  );
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
      <input type="date" name={name} value={now[name]} onInput={(event) => seek(name, event.currentTarget.value)} />
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
  const range = query({ since: moments(now).since, until: moments(now).until });
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
        <a class="export" href={`${api}/records.csv${range}`} download="records.csv">
          {t.exportCsv}
        </a>
        <a class="export" href={`${api}/records.jsonl${range}`} download="records.jsonl">
          {t.exportJson}
        </a>
      </div>
    </form>
  );
}

function One({ record, close }: { record: CallRecord; close: () => void }) {
  const t = words.value;
  const [lines, setLines] = useState<string[] | null>(null);
  useEffect(() => {
    get(`/calls/${segment(record.call_id)}/explain`).then(
      (answer) => setLines(linesOf(answer)),
      (problem) => setLines([said(problem)]),
    );
  }, [record.call_id]);
  return (
    <Dialog title={`${number(record.from)} · ${dateTime(record.arrived_at)}`} wide onClose={close}>
      <div class="stack record">
        <section>
          <h3>{t.admin.timeline}</h3>
          <ol class="timeline">
            {timeline(record).map((step) => (
              <li key={`${step.kind}${step.at}${step.operator ?? ""}`}>
                <time>{time(step.at, true)}</time>
                <span class="strong">{t.admin.step[step.kind]}</span>
                <span class="soft">
                  {step.operator && `${step.operator} · ${step.seat ?? ""} · `}
                  {step.outcome && open(t.admin.offer, step.outcome)}
                  {step.ms !== undefined && ` · ${clock(step.ms)}`}
                  {step.kind === "ended_at" && open(t.admin.endedBy, record.ended_by)}
                </span>
              </li>
            ))}
          </ol>
        </section>
        <section>
          <h3>{t.admin.recording}</h3>
          {record.recording ? <Waveform call={record.call_id} /> : <p class="soft">{t.admin.noRecording}</p>}
        </section>
        <section>
          <h3>{t.admin.explain}</h3>
          {lines === null ? <p class="soft">{t.common.loading}</p> : <pre>{lines.join("\n")}</pre>}
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
    void attempt(() => look(null));
    if (!directory.value) {
      get<Directory>("/directory").then(
        (answer) => {
          directory.value = answer;
        },
        () => {},
      );
    }
  }, []);
  const list = found.value;
  const names = new Map(directory.value?.queues.map((one) => [one.id, one.name]));
  return (
    <div class="stack">
      <Filters />
      <section class="panel">
        <h2 aria-live="polite">{list ? t.admin.found(list.length) + (next.value ? " +" : "") : t.common.loading}</h2>
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
                    <td>{number(record.from)}</td>
                    <td>{names.get(record.queue ?? "") || record.queue || "–"}</td>
                    <td>{record.operator ?? "–"}</td>
                    <td>
                      {open(t.admin.outcomeOf, record.outcome)}
                      {record.recording ? " ♪" : ""}
                    </td>
                    <td class="number">{record.wait_ms != null ? clock(record.wait_ms) : "–"}</td>
                    <td class="number">{record.talk_ms != null ? clock(record.talk_ms) : "–"}</td>
                    <td class={record.within_service_level === false ? "bad-text" : "good-text"}>
                      {record.within_service_level === true ? "✓" : record.within_service_level === false ? "✗" : ""}
                    </td>
                    <td class="short">{record.note ?? ""}</td>
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
