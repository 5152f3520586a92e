// Beside the call: my day, the queues, my callbacks, and who else is there.

import { operators, queues } from "../board";
import { callerOf } from "../caller";
import { clock, count, number, percent, time } from "../format";
import { open, words } from "../language";
import { doing, STATES } from "../operators";
import { Since } from "../parts/time";
import { callbacks, me, today } from "./desk";

/** Those who can help soonest; the others are found when one transfers. */
const COLLEAGUES = 12;

function MyDay() {
  const t = words.value.operator;
  const mine = today.value;
  // What is not known yet is not nothing.
  const lasted = (ms: number | null | undefined) => (ms === null || ms === undefined ? "–" : clock(ms));
  const cells = [
    [t.answered, count(mine?.answered ?? me.value?.answered ?? 0)],
    [t.handled, count(mine?.handled ?? 0)],
    [t.average, lasted(mine?.average_handle_ms ?? mine?.average_ms)],
    [t.level, percent(mine?.service_level)],
    [t.talk, lasted(mine?.talk_ms ?? me.value?.talk_ms)],
    [t.held, lasted(mine?.hold_ms)],
    [t.wrapped, lasted(mine?.wrap_up_ms)],
  ];
  return (
    <section class="panel">
      <h2>{t.todayTitle}</h2>
      <dl class="facts" data-field="today">
        {cells.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {mine?.missed ? <p class="warn-text missed">{t.missed(mine.missed)}</p> : null}
    </section>
  );
}

function Queues() {
  const t = words.value.operator;
  return (
    <section class="panel">
      <table class="queues">
        <thead>
          <tr>
            <th scope="col">{t.queues}</th>
            <th scope="col" class="number">
              {t.waiting}
            </th>
            <th scope="col" class="number">
              {t.longest}
            </th>
            <th scope="col" class="number">
              {t.readyCount}
            </th>
          </tr>
        </thead>
        <tbody>
          {[...queues.value.values()].map((queue) => (
            <tr key={queue.id} class={queue.open ? "" : "soft"}>
              <td>{queue.name || queue.id}</td>
              <td class={`number ${queue.waiting > 0 ? "strong warn-text" : ""}`}>{queue.waiting}</td>
              <td class="number">
                <Since at={queue.longest_since} />
              </td>
              <td class="number">{queue.open ? queue.ready : words.value.supervisor.closed}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Callbacks() {
  const t = words.value;
  return (
    <section class="panel" data-panel="callbacks">
      <h2>{t.operator.callbacks}</h2>
      {callbacks.value.length === 0 ? (
        <p class="soft">{t.operator.callbacksNone}</p>
      ) : (
        <ul class="lines">
          {callbacks.value.map((one) => (
            <li key={one.call_id}>
              <span class="strong grow">{number(callerOf(one), t.common.noNumber)}</span>
              <span class="soft">{open(t.admin.outcomeOf, one.outcome)}</span>
              <span class="soft">{time(one.arrived_at)}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Colleagues() {
  const t = words.value;
  const present = [...operators.value.values()].filter((one) => one.state !== "signed_out" && one.id !== me.value?.id);
  present.sort((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) || a.id.localeCompare(b.id));
  return (
    <section class="panel">
      <h2>
        {t.operator.colleagues} <span class="strong">{present.length}</span>
      </h2>
      {present.length === 0 ? (
        <p class="soft">{t.operator.alone}</p>
      ) : (
        <ul class="lines">
          {present.slice(0, COLLEAGUES).map((one) => (
            <li key={one.id}>
              <span class="grow">
                {one.name || one.id} <span class="soft">{one.seat}</span>
              </span>
              <span class="chip" data-state={one.state}>
                {doing(one)}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

export function Side() {
  return (
    <aside class="stack">
      <MyDay />
      <Queues />
      <Callbacks />
      <Colleagues />
    </aside>
  );
}
