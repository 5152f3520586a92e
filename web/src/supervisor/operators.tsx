// Every operator, and what a supervisor may do: their state, and the call they are in.

import { computed, signal } from "@preact/signals";
import { calls, operators, queues } from "../board";
import { callerOf } from "../caller";
import { sinceWhen, stageOf, targetName } from "../emergencies";
import { count, number } from "../format";
import { open, words } from "../language";
import { doing, KINDS, type Kind, kindName, kindOf, nameOf, STATES, tintOf } from "../operators";
import { Left, Since } from "../parts/time";
import { session } from "../people";
import type { CallNow, OperatorNow } from "../words";
import { explain, setNotReady, setOut, setReady, supervise, supervised, takeOver } from "./acts";

const search = signal("");
const only = signal<Kind | "">("");
export const reasons = signal<string[]>([]);

/** More are not drawn: one searches for them. */
const SHOWN = 200;

const list = computed(() => {
  const needle = search.value.trim().toLowerCase();
  const found = [...operators.value.values()].filter(
    (one) =>
      (only.value === "" || kindOf(one) === only.value) &&
      (needle === "" || [one.name, one.id, one.seat].some((text) => text?.toLowerCase().includes(needle))),
  );
  return found.sort(
    (a, b) =>
      STATES.indexOf(a.state) - STATES.indexOf(b.state) || a.since.localeCompare(b.since) || a.id.localeCompare(b.id),
  );
});

const counts = computed(() => {
  const found = new Map<Kind, number>();
  for (const kind of [...operators.value.values()].map(kindOf)) found.set(kind, (found.get(kind) ?? 0) + 1);
  return found;
});

/** What is done less often than listening: one choice, so that a row stays a row. */
function More({ operator, call, own }: { operator: OperatorNow; call: CallNow | null; own: boolean }) {
  const t = words.value.supervisor;
  const act = (value: string) => {
    if (value === "ready") void setReady(operator.id);
    else if (value === "out") void setOut(operator.id);
    else if (value.startsWith("not:")) void setNotReady(operator.id, value.slice(4));
    else if (value === "take" && call) void takeOver(call.id);
    else if (value === "explain" && call) void explain(call.id);
  };
  return (
    <select
      class="inline"
      aria-label={`${t.more}: ${operator.name || operator.id}`}
      value=""
      onChange={(event) => {
        act(event.currentTarget.value);
        event.currentTarget.value = "";
      }}
    >
      <option value="">{t.more}…</option>
      {call && (
        <optgroup label={t.caller}>
          {!own && <option value="take">{t.takeOver}</option>}
          <option value="explain">{t.explainTitle}</option>
        </optgroup>
      )}
      <optgroup label={t.state}>
        <option value="ready">{t.setReady}</option>
        {reasons.value.map((reason) => (
          <option key={reason} value={`not:${reason}`}>
            {t.setNotReady} · {open(words.value.reason, reason)}
          </option>
        ))}
        <option value="out">{t.setOut}</option>
      </optgroup>
    </select>
  );
}

/** What comes after what they do: ready needs no word. */
function nextOf(next: string | null | undefined): string {
  const t = words.value;
  if (!next) return "";
  if (next === "signed_out") return t.state.signed_out;
  return next === "signed_in" || next === "sign_in" ? t.state.not_ready : open(t.reason, next);
}

/** A supervisor in the talk, or on the way into it. */
function beside({ operator, mode, stage }: CallNow["supervised_by"][number]): string {
  const t = words.value;
  const what = `${t.supervisor[mode]} ${nameOf(operator)}`;
  return stage === "ringing" ? `${what} (${t.stage.ringing})` : what;
}

/** Of those who are not there it is not known since when: the house may have begun after they left. */
function Lasts({ operator }: { operator: OperatorNow }) {
  const { state, since, until } = operator;
  if (state === "signed_out") return <span class="soft">–</span>;
  if (until && state === "wrap_up")
    return (
      <>
        <Left until={until} />
        <span class="second">{words.value.supervisor.left}</span>
      </>
    );
  // A phone that was lost and is back begins no talk.
  const call = state === "talking" ? calls.value.get(operator.call ?? "") : null;
  return <Since at={call?.operator === operator.id && call.operator_since ? call.operator_since : since} />;
}

function Row({ operator }: { operator: OperatorNow }) {
  const t = words.value;
  const call = calls.value.get(operator.call ?? "") ?? null;
  // With the emergency service alone nobody listens in: the caller has hung up.
  const together = call !== null && ["talking", "holding", "consulting", "conference"].includes(call.stage);
  const talks = together && !call.caller_gone;
  // Nobody listens to themselves.
  const own = operator.id === session.value?.person.id;
  const mine = supervised.value?.call.id === call?.id ? supervised.value?.mode : null;
  const next = nextOf(operator.next);
  const alarming = call?.emergency ? { ...call, emergency: call.emergency } : null;
  const queue = queues.value.get(call?.queue ?? "")?.name ?? "";
  return (
    <tr data-operator={operator.id}>
      <th scope="row">
        <span class="cut" title={operator.name}>
          {operator.name || operator.id}
        </span>
        <span class="second">{[operator.id, operator.seat].filter(Boolean).join(" · ")}</span>
      </th>
      <td>
        <span class="chip" data-state={tintOf(kindOf(operator))}>
          {doing(operator)}
        </span>
        {alarming && (
          <span
            class="second strong bad-text cut"
            data-field="emergency"
            title={`${targetName(alarming.emergency.target)} · ${stageOf(alarming)}`}
          >
            {alarming.emergency.target} <Since at={sinceWhen(alarming)} /> · {stageOf(alarming)}
          </span>
        )}
        {(operator.reason || next) && (
          <span class="second">
            {operator.reason ? open(t.reason, operator.reason) : ""} {next && `→ ${next}`}
          </span>
        )}
      </td>
      <td class="number">
        <Lasts operator={operator} />
      </td>
      <td>
        {call ? (
          <>
            {number(callerOf(call), t.common.noNumber)}
            <span class="second cut" title={call.caller_gone ? t.supervisor.callerGone : queue}>
              {call.caller_gone
                ? t.supervisor.callerGone
                : call.supervised_by.length > 0
                  ? call.supervised_by.map(beside).join(t.common.comma)
                  : queue}
            </span>
          </>
        ) : (
          <span class="soft">–</span>
        )}
      </td>
      <td class="number late-2">{count(operator.answered)}</td>
      <td class="acts">
        <div class="row tight">
          {talks && !own && (
            <div class="together">
              {(["listen", "whisper", "barge"] as const).map((mode) => (
                <button
                  key={mode}
                  type="button"
                  class={`small ${mine === mode ? "on" : ""}`}
                  aria-pressed={mine === mode}
                  onClick={() => void supervise(call.id, mode)}
                >
                  {t.supervisor[mode]}
                </button>
              ))}
            </div>
          )}
          <More operator={operator} call={talks ? call : null} own={own} />
        </div>
      </td>
    </tr>
  );
}

export function Operators() {
  const t = words.value;
  return (
    <section class="panel">
      <div class="row">
        <h2>{t.supervisor.operators}</h2>
        <div class="row grow">
          {KINDS.filter((kind) => counts.value.has(kind)).map((kind) => (
            <button
              key={kind}
              type="button"
              class="quiet small filter"
              data-kind={kind}
              aria-pressed={only.value === kind}
              onClick={() => {
                only.value = only.value === kind ? "" : kind;
              }}
            >
              <span class="chip" data-state={tintOf(kind)}>
                {kindName(kind)} {counts.value.get(kind)}
              </span>
            </button>
          ))}
        </div>
        <input
          type="search"
          class="search"
          aria-label={t.supervisor.filter}
          placeholder={t.supervisor.filter}
          value={search.value}
          onInput={(event) => {
            search.value = event.currentTarget.value;
          }}
        />
      </div>
      <div class="sheet">
        <table class="dense" data-table="operators">
          <thead>
            <tr>
              <th scope="col">{t.supervisor.operator}</th>
              <th scope="col">{t.supervisor.state}</th>
              <th scope="col" class="number">
                {t.supervisor.since}
              </th>
              <th scope="col">{t.supervisor.caller}</th>
              <th scope="col" class="number late-2">
                {t.supervisor.answered}
              </th>
              <th scope="col" class="acts">
                {t.supervisor.actions}
              </th>
            </tr>
          </thead>
          <tbody>
            {list.value.slice(0, SHOWN).map((operator) => (
              <Row key={operator.id} operator={operator} />
            ))}
          </tbody>
        </table>
      </div>
      {list.value.length === 0 && <p class="soft empty">{t.supervisor.noOperators}</p>}
      {list.value.length > SHOWN && <p class="hint">{t.supervisor.moreOperators(list.value.length - SHOWN)}</p>}
    </section>
  );
}
