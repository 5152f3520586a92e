// The files in force, those that were, what a change would do, and the ways back.

import { effect, signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { get, post } from "../api";
import { configuration } from "../board";
import { askDirectory } from "../directory";
import { dateTime, today, yesterday } from "../format";
import { words } from "../language";
import { Dialog } from "../parts/dialog";
import { attempt, say } from "../parts/toast";
import type { Checked, Configuration, Difference, Simulated, Version } from "../words";
import { changeInWords } from "./changes";
import { SimulatedPanel, simulated, skillNames } from "./simulated";

/** Changes of a version that are shown without being asked for. */
const AT_ONCE = 3;

const inForce = signal<Configuration | null>(null);
const versions = signal<Version[]>([]);
/** What was changed here, by file; nothing of it is anywhere else. */
const changed = signal<Record<string, string>>({});
const checked = signal<Checked | null>(null);

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
          <li key={change}>{changeInWords(change, words.value.changes)}</li>
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

/** Any two versions, side by side. */
function Compare({ compare }: { compare: (a: number, b: number) => void }) {
  const t = words.value.admin;
  const numbers = versions.value.map((one) => one.version);
  const [from, setFrom] = useState<number | null>(null);
  const [to, setTo] = useState<number | null>(null);
  if (numbers.length < 2) return null;
  const [a, b] = [from ?? numbers[1] ?? 0, to ?? numbers[0] ?? 0];
  const choice = (label: string, value: number, set: (value: number) => void) => (
    <select
      class="inline"
      aria-label={label}
      value={String(value)}
      onChange={(event) => set(Number(event.currentTarget.value))}
    >
      {numbers.map((one) => (
        <option key={one} value={String(one)}>
          {one}
        </option>
      ))}
    </select>
  );
  return (
    <div class="row compare">
      {choice(`${t.compare} ${t.from}`, a, setFrom)}
      <span aria-hidden="true">→</span>
      {choice(`${t.compare} ${t.to}`, b, setTo)}
      <button type="button" class="small" disabled={a === b} onClick={() => compare(a, b)}>
        {t.compare}
      </button>
    </div>
  );
}

function Versions() {
  const t = words.value;
  const [shown, show] = useState<{ title: string; difference: Difference } | null>(null);
  const [back, setBack] = useState<Version | null>(null);
  const [note, setNote] = useState("");
  const present = inForce.value?.version;
  const compare = (a: number, b: number) =>
    void attempt(async () => {
      const difference = await get<Difference>(`/config/versions/${a}/diff/${b}`);
      show({ title: `${t.admin.compare} ${a} → ${b}`, difference });
    });
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
      <Compare compare={compare} />
      <ul class="versions">
        {versions.value.map((one) => (
          <li key={one.version} data-version={one.version}>
            <p class="row">
              <strong>{one.version}</strong>
              <span class="soft">{dateTime(one.at).slice(0, 16)}</span>
              <span class="grow">{one.author}</span>
              {one.version === present && (
                <span class="chip" data-state="ready">
                  {t.admin.inForce}
                </span>
              )}
            </p>
            {one.note && <p>{one.note}</p>}
            {(one.changes ?? []).slice(0, AT_ONCE).map((change) => (
              <p key={change} class="hint">
                {changeInWords(change, t.changes)}
              </p>
            ))}
            {(one.changes ?? []).length > AT_ONCE && (
              <details class="hint">
                <summary>{t.admin.moreChanges((one.changes ?? []).length - AT_ONCE)}</summary>
                {(one.changes ?? []).slice(AT_ONCE).map((change) => (
                  <p key={change}>{changeInWords(change, t.changes)}</p>
                ))}
              </details>
            )}
            {present !== undefined && one.version !== present && (
              <div class="row">
                <button type="button" class="small" onClick={() => compare(one.version, present)}>
                  {t.admin.compareInForce}
                </button>
                <button type="button" class="small" onClick={() => setBack(one)}>
                  {t.admin.rollback}
                </button>
              </div>
            )}
          </li>
        ))}
      </ul>
      {shown && (
        <Dialog title={shown.title} wide onClose={() => show(null)}>
          <DifferenceOf shown={shown.difference} />
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

/** Files with faults mean nothing: what would be different is not known. */
export const isSound = (check: Checked): boolean => (check.faults ?? []).length === 0;

/** The changes but for those of one file. */
export function without(changes: Record<string, string>, file: string | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(changes).filter(([name]) => name !== file));
}

/** A fault leads to where it is: `queues.toml:3:8: …`. */
export function place(line: string): { file: string; line: number; column: number } | null {
  const [, file, at, column] = /^(?:.*\/)?([\w.-]+):(\d+):(\d+): /.exec(line) ?? [];
  return file ? { file, line: Number(at), column: Number(column) } : null;
}

function Told({ lines, go }: { lines: string[]; go: (to: { file: string; line: number; column: number }) => void }) {
  return (
    <ul class="told">
      {lines.map((line) => {
        const to = place(line);
        return (
          <li key={line}>
            {to ? (
              <button type="button" class="link" onClick={() => go(to)}>
                {line}
              </button>
            ) : (
              line
            )}
          </li>
        );
      })}
    </ul>
  );
}

function Outcome({ go }: { go: (to: { file: string; line: number; column: number }) => void }) {
  const t = words.value;
  const check = checked.value;
  return (
    <>
      {check && (
        <section class="panel" role="status" data-panel="checked">
          <h2>{t.admin.check}</h2>
          {(check.faults ?? []).length + (check.warnings ?? []).length === 0 && (
            <p class="good-text strong">✓ {t.admin.checkClean}</p>
          )}
          <Told lines={[...(check.faults ?? []), ...(check.warnings ?? [])]} go={go} />
          {check.changes && isSound(check) && <DifferenceOf shown={{ changes: check.changes }} />}
          {check.report && (
            <details>
              <summary>{t.admin.report}</summary>
              <pre>{check.report}</pre>
            </details>
          )}
        </section>
      )}
      <SimulatedPanel />
    </>
  );
}

export function Configured() {
  const t = words.value;
  const [name, setName] = useState<string | null>(null);
  const [busy, setBusy] = useState<"" | "check" | "simulate" | "reload">("");
  const [note, setNote] = useState("");
  const [recorded, setRecorded] = useState(false);
  const [date, setDate] = useState(yesterday());
  const day = recorded ? date : "";
  const source = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    void attempt(read);
    askDirectory().then(
      (answer) => {
        skillNames.value = answer.skill_names ?? {};
      },
      () => {},
    );
  }, []);
  const files = inForce.value?.files ?? {};
  const names = Object.keys(files);
  const current = name !== null && names.includes(name) ? name : names[0];
  const text = current === undefined ? "" : (changed.value[current] ?? files[current] ?? "");
  const edit = (next: string) => {
    if (current === undefined) return;
    const others = without(changed.value, current);
    changed.value = next === files[current] ? others : { ...others, [current]: next };
  };
  const undo = (left: Record<string, string>) => {
    changed.value = left;
    checked.value = null;
    simulated.value = null;
  };
  /** The caret at a line and column of a file, and in sight. */
  const go = (to: { file: string; line: number; column: number }) => {
    if (!names.includes(to.file)) return;
    setName(to.file);
    setTimeout(() => {
      const element = source.current;
      if (!element) return;
      const before = element.value.split("\n").slice(0, to.line - 1);
      const at = before.reduce((sum, line) => sum + line.length + 1, 0) + to.column - 1;
      element.focus();
      element.setSelectionRange(at, at);
      element.scrollTop = Math.max(0, (to.line - 5) * (element.scrollHeight / element.value.split("\n").length));
    });
  };
  const working = async (at: "check" | "simulate" | "reload", what: () => Promise<void>) => {
    setBusy(at);
    await attempt(what);
    setBusy("");
  };
  const reload = (dry_run: boolean) =>
    working("reload", async () => {
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
            {Object.keys(changed.value).length > 0 && (
              <span class="chip" data-state="warning">
                {t.admin.onlyHere}
              </span>
            )}
          </div>
          <p class="hint">{t.admin.edit}</p>
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
            ref={source}
            class="source"
            aria-label={current ?? t.admin.files}
            spellcheck={false}
            wrap="off"
            value={text}
            readOnly={busy === "check" || busy === "simulate"}
            onInput={(event) => edit(event.currentTarget.value)}
          />
          <div class="row">
            <select
              class="inline"
              aria-label={t.admin.simulatedDay}
              value={recorded ? "recorded" : ""}
              onChange={(event) => setRecorded(event.currentTarget.value !== "")}
            >
              <option value="">{t.admin.dayCity}</option>
              <option value="recorded">{t.admin.dayRecorded}</option>
            </select>
            {recorded && (
              <input
                type="date"
                class="note"
                aria-label={t.admin.dayRecorded}
                max={today()}
                value={date}
                onInput={(event) => setDate(event.currentTarget.value)}
              />
            )}
            <span class="grow" />
            <button
              type="button"
              disabled={busy !== ""}
              onClick={() =>
                void working("check", async () => {
                  const asked = changed.value;
                  const answer = await post<Checked>("/config/check", sent());
                  // What was found in a text that stands there no more is of no use.
                  if (changed.value === asked) checked.value = answer;
                })
              }
            >
              {busy === "check" ? t.admin.checking : t.admin.check}
            </button>
            <button
              type="button"
              class="main"
              disabled={busy !== ""}
              onClick={() =>
                void working("simulate", async () => {
                  const asked = changed.value;
                  const played = await post<Simulated>("/config/simulate", {
                    ...sent(),
                    ...(day ? { recorded: day } : {}),
                  });
                  if (changed.value === asked) simulated.value = { played, recorded: day };
                })
              }
            >
              {busy === "simulate" ? t.admin.simulating : t.admin.simulate}
            </button>
            <button
              type="button"
              title={current}
              disabled={busy !== "" || current === undefined || !(current in changed.value)}
              onClick={() => undo(without(changed.value, current))}
            >
              {t.admin.reset}
            </button>
            {Object.keys(changed.value).length > 1 && (
              <button type="button" disabled={busy !== ""} onClick={() => undo({})}>
                {t.admin.resetAll(Object.keys(changed.value).length)}
              </button>
            )}
          </div>
        </section>
        <Outcome go={go} />
        <section class="panel stack">
          <h2>{t.admin.reload}</h2>
          <p class="hint">{t.admin.reloadWhat}</p>
          <div class="row">
            <input
              class="grow note"
              aria-label={t.admin.reloadNote}
              placeholder={t.admin.reloadNote}
              value={note}
              onInput={(event) => setNote(event.currentTarget.value)}
            />
            <button type="button" disabled={busy !== ""} onClick={() => void reload(true)}>
              {t.admin.dryRun}
            </button>
            <button type="button" disabled={busy !== ""} onClick={() => void reload(false)}>
              {t.admin.reloadNow}
            </button>
          </div>
        </section>
      </div>
      <Versions />
    </div>
  );
}
