// The files in force, those that were, what a change would do, and the ways back.

import { effect, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { get, post } from "../api";
import { configuration } from "../board";
import { MINUTES } from "../day";
import { dateTime } from "../format";
import { words } from "../language";
import { Chart } from "../parts/chart";
import { Dialog } from "../parts/dialog";
import { attempt, say } from "../parts/toast";
import type { Checked, Configuration, Difference, Simulated, Version } from "../words";

const inForce = signal<Configuration | null>(null);
const versions = signal<Version[]>([]);
/** What was changed here, by file; nothing of it is anywhere else. */
const changed = signal<Record<string, string>>({});
const checked = signal<Checked | null>(null);
const simulated = signal<Simulated | null>(null);

async function read(): Promise<void> {
  const [files, list] = await Promise.all([
    get<Configuration>("/config"),
    get<Version[] | { versions: Version[] }>("/config/versions"),
  ]);
  inForce.value = files;
  versions.value = Array.isArray(list) ? list : (list.versions ?? []);
}

effect(() => {
  if (configuration.value > 0) void attempt(read);
});

const sent = () => ({ files: changed.value });

export function lineKind(line: string): string {
  return line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : "";
}

function DifferenceOf({ shown }: { shown: Difference }) {
  const t = words.value.admin;
  const [changes, lines] = [shown.changes ?? [], shown.lines ?? []];
  if (changes.length + lines.length === 0) return <p class="soft">{t.noDifference}</p>;
  return (
    <div class="stack">
      <ul class="changes">
        {changes.map((change) => (
          <li key={change}>{change}</li>
        ))}
      </ul>
      {lines.length > 0 && (
        <pre class="difference">
          {lines.map((line, index) => (
            <span key={index} class={lineKind(line)}>
              {line}
              {"\n"}
            </span>
          ))}
        </pre>
      )}
    </div>
  );
}

function Versions() {
  const t = words.value;
  const [from, setFrom] = useState<number | null>(null);
  const [shown, show] = useState<Difference | null>(null);
  const [back, setBack] = useState<Version | null>(null);
  const [note, setNote] = useState("");
  const present = inForce.value?.version;
  const compare = (a: number, b: number) =>
    attempt(async () => show(await get<Difference>(`/config/versions/${a}/diff/${b}`)));
  const rollback = async () => {
    const to = back?.version;
    setBack(null);
    if (await attempt(() => post("/config/rollback", { to, note }))) {
      say(words.value.common.done);
      setNote("");
      void attempt(read);
    }
  };
  return (
    <section class="panel">
      <h2>{t.admin.versions}</h2>
      <ul class="versions">
        {versions.value.map((one) => (
          <li key={one.version} data-version={one.version}>
            <p class="row">
              <strong>{one.version}</strong>
              <span class="soft">{dateTime(one.at)}</span>
              <span class="grow">{one.author}</span>
              {one.version === present && (
                <span class="chip" data-state="ready">
                  {t.admin.inForce}
                </span>
              )}
            </p>
            {one.note && <p>{one.note}</p>}
            {(one.changes ?? []).slice(0, 3).map((change) => (
              <p key={change} class="hint">
                {change}
              </p>
            ))}
            <div class="row">
              {present !== undefined && one.version !== present && (
                <button type="button" class="small" onClick={() => void compare(one.version, present)}>
                  {t.admin.compare} {one.version} → {present}
                </button>
              )}
              {from !== null && from !== one.version && from !== present && (
                <button
                  type="button"
                  class="small"
                  onClick={() => void compare(Math.min(from, one.version), Math.max(from, one.version))}
                >
                  {t.admin.compare} {Math.min(from, one.version)} → {Math.max(from, one.version)}
                </button>
              )}
              <button
                type="button"
                class={`small ${from === one.version ? "on" : ""}`}
                aria-pressed={from === one.version}
                onClick={() => setFrom(from === one.version ? null : one.version)}
              >
                {t.admin.with_}…
              </button>
              {one.version !== present && (
                <button type="button" class="small" onClick={() => setBack(one)}>
                  {t.admin.rollback}
                </button>
              )}
            </div>
          </li>
        ))}
      </ul>
      {shown && (
        <Dialog title={t.admin.compare} wide onClose={() => show(null)}>
          <DifferenceOf shown={shown} />
        </Dialog>
      )}
      {back && (
        <Dialog title={t.admin.rollback} onClose={() => setBack(null)}>
          <div class="stack">
            <p>{t.admin.rollbackAsk(String(back.version))}</p>
            <label>
              {t.admin.reloadNote}
              <input value={note} onInput={(event) => setNote(event.currentTarget.value)} />
            </label>
            <button type="button" class="main" onClick={() => void rollback()}>
              {t.admin.rollback}
            </button>
          </div>
        </Dialog>
      )}
    </section>
  );
}

function Outcome() {
  const t = words.value;
  const [check, played] = [checked.value, simulated.value];
  const quarters = played?.quarters ?? [];
  const of = (pick: (quarter: (typeof quarters)[number]) => number | null | undefined) => {
    const values = new Map(quarters.map((quarter) => [quarter.minute, pick(quarter) ?? null]));
    return MINUTES.map((minute) => values.get(minute) ?? null);
  };
  return (
    <>
      {check && (
        <section class="panel" role="status" data-panel="checked">
          <h2>{t.admin.check}</h2>
          {(check.faults ?? []).length + (check.warnings ?? []).length === 0 && (
            <p class="good-text strong">✓ {t.admin.checkClean}</p>
          )}
          {check.report ? (
            <pre>{check.report}</pre>
          ) : (
            <pre>{[...(check.faults ?? []), ...(check.warnings ?? [])].join("\n")}</pre>
          )}
          <DifferenceOf shown={{ changes: check.changes ?? [] }} />
        </section>
      )}
      {played && (
        <section class="panel" data-panel="simulated">
          <h2>{t.admin.simulated}</h2>
          {quarters.length > 0 && (
            <div class="curves">
              <Chart
                title={t.operator.level}
                minutes={MINUTES}
                unit={(value) => `${value}%`}
                lines={[
                  {
                    name: `${t.operator.level} · ${t.admin.before}`,
                    colour: "--line-strong",
                    kind: "dashed",
                    values: of((q) => share(q.before.service_level)),
                  },
                  {
                    name: t.admin.after,
                    colour: "--accent",
                    kind: "line",
                    values: of((q) => share(q.after.service_level)),
                  },
                ]}
              />
              <Chart
                title={t.supervisor.longest}
                minutes={MINUTES}
                unit={(value) => `${value} ${t.common.unit.s}`}
                lines={[
                  {
                    name: `${t.supervisor.longest} · ${t.admin.before}`,
                    colour: "--line-strong",
                    kind: "dashed",
                    values: of((q) => seconds(q.before.longest_wait_ms)),
                  },
                  {
                    name: t.admin.after,
                    colour: "--accent",
                    kind: "line",
                    values: of((q) => seconds(q.after.longest_wait_ms)),
                  },
                ]}
              />
            </div>
          )}
          {played.report && <pre>{played.report}</pre>}
        </section>
      )}
    </>
  );
}

const share = (value: number | null | undefined) => (value == null ? null : Math.round(value * 1000) / 10);
const seconds = (value: number | null | undefined) => (value == null ? null : Math.round(value / 1000));

export function Configured() {
  const t = words.value;
  const [name, setName] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [note, setNote] = useState("");
  useEffect(() => void attempt(read), []);
  const files = inForce.value?.files ?? {};
  const names = Object.keys(files);
  const current = name !== null && names.includes(name) ? name : names[0];
  const text = current === undefined ? "" : (changed.value[current] ?? files[current] ?? "");
  const edit = (next: string) => {
    if (current === undefined) return;
    const { [current]: _, ...others } = changed.value;
    changed.value = next === files[current] ? others : { ...others, [current]: next };
  };
  const working = async (what: () => Promise<void>) => {
    setBusy(true);
    await attempt(what);
    setBusy(false);
  };
  const reload = (dry_run: boolean) =>
    working(async () => {
      const done = await post<Checked & { needs_restart?: string[] }>("/config/reload", { note, dry_run });
      checked.value = { ...done, faults: [], changes: [...(done.changes ?? []), ...(done.needs_restart ?? [])] };
      if (!dry_run) {
        setNote("");
        await read();
      }
    });
  return (
    <div class="configured">
      <div class="stack">
        <section class="panel stack">
          <div class="row">
            <h2 class="grow">
              {t.admin.files} · {t.admin.version} {inForce.value?.version ?? "–"}
            </h2>
            <span class="hint">{t.admin.edit}</span>
          </div>
          <div class="row tabs" role="tablist" aria-label={t.admin.files}>
            {names.map((one) => (
              <button
                key={one}
                type="button"
                role="tab"
                aria-selected={one === current}
                class={`small ${one === current ? "on" : ""}`}
                onClick={() => setName(one)}
              >
                {one}
                {one in changed.value ? " •" : ""}
              </button>
            ))}
          </div>
          <textarea
            class="source"
            aria-label={current ?? t.admin.files}
            spellcheck={false}
            wrap="off"
            value={text}
            onInput={(event) => edit(event.currentTarget.value)}
          />
          <div class="row">
            <button
              type="button"
              disabled={busy}
              onClick={() =>
                void working(async () => {
                  checked.value = await post<Checked>("/config/check", sent());
                })
              }
            >
              {t.admin.check}
            </button>
            <button
              type="button"
              class="main"
              disabled={busy}
              onClick={() =>
                void working(async () => {
                  simulated.value = await post<Simulated>("/config/simulate", sent());
                })
              }
            >
              {busy ? t.admin.simulating : t.admin.simulate}
            </button>
            <button
              type="button"
              disabled={Object.keys(changed.value).length === 0}
              onClick={() => {
                changed.value = {};
                checked.value = null;
                simulated.value = null;
              }}
            >
              {t.admin.reset}
            </button>
            <span class="grow" />
            <input
              class="note"
              aria-label={t.admin.reloadNote}
              placeholder={t.admin.reloadNote}
              value={note}
              onInput={(event) => setNote(event.currentTarget.value)}
            />
            <button type="button" disabled={busy} onClick={() => void reload(true)}>
              {t.admin.dryRun}
            </button>
            <button type="button" disabled={busy} onClick={() => void reload(false)}>
              {t.admin.reload}
            </button>
          </div>
        </section>
        <Outcome />
      </div>
      <Versions />
    </div>
  );
}
