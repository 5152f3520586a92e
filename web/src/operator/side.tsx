// Beside the call: my day, the queues, my callbacks, and who else is there.

import { operators, queues } from "../board";
import { now } from "../clock";
import { clock, count, number, percent, since, time } from "../format";
import { open, words } from "../language";
import { STATES } from "../operators";
import { callbacks, me, today } from "./desk";

/** Those who can help soonest; the others are found when one transfers. */
const COLLEAGUES = 14;

export function Side() {
  const t = words.value;
  const mine = today.value;
  const present = [...operators.value.values()].filter((one) => one.state !== "signed_out" && one.id !== me.value?.id);
  present.sort((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) || a.id.localeCompare(b.id));
  return (
    <aside class="stack">
      <section class="panel">
        <h2>{t.operator.todayTitle}</h2>
        <dl class="facts" data-field="today">
          <div>
            <dt>{t.operator.answered}</dt>
            <dd>{count(mine?.answered ?? me.value?.answered ?? 0)}</dd>
          </div>
          <div>
            <dt>{t.operator.average}</dt>
            <dd>{mine?.average_ms ? clock(mine.average_ms) : "–"}</dd>
          </div>
          <div>
            <dt>{t.operator.level}</dt>
            <dd>{percent(mine?.service_level)}</dd>
          </div>
          <div>
            <dt>{t.operator.talk}</dt>
            <dd>{clock(mine?.talk_ms ?? me.value?.talk_ms ?? 0)}</dd>
          </div>
          <div>
            <dt>{t.operator.held}</dt>
            <dd>{clock(mine?.hold_ms ?? 0)}</dd>
          </div>
          <div>
            <dt>{t.operator.wrapped}</dt>
            <dd>{clock(mine?.wrap_up_ms ?? 0)}</dd>
          </div>
        </dl>
      </section>
      <section class="panel">
        <h2>{t.operator.queues}</h2>
        <table>
          <thead>
            <tr>
              <th scope="col">{t.operator.queue}</th>
              <th scope="col" class="number">
                {t.operator.waiting}
              </th>
              <th scope="col" class="number">
                {t.operator.longest}
              </th>
              <th scope="col" class="number">
                {t.operator.readyCount}
              </th>
            </tr>
          </thead>
          <tbody>
            {[...queues.value.values()].map((queue) => (
              <tr key={queue.id}>
                <td>{queue.name || queue.id}</td>
                <td class={`number ${queue.waiting > 0 ? "strong warn-text" : ""}`}>{queue.waiting}</td>
                <td class="number">{queue.longest_since ? clock(since(queue.longest_since, now.value)) : "–"}</td>
                <td class="number">{queue.ready}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <section class="panel">
        <h2>{t.operator.callbacks}</h2>
        {callbacks.value.length === 0 ? (
          <p class="soft">{t.operator.callbacksNone}</p>
        ) : (
          <ul class="lines">
            {callbacks.value.map((one) => (
              <li key={one.call_id}>
                <span class="strong grow">{number(one.to)}</span>
                <span class="soft">{open(t.admin.outcomeOf, one.outcome)}</span>
                <span class="soft">{time(one.arrived_at)}</span>
              </li>
            ))}
          </ul>
        )}
      </section>
      <section class="panel">
        <h2>{t.operator.colleagues}</h2>
        {present.length === 0 ? (
          <p class="soft">{t.common.none}</p>
        ) : (
          <ul class="lines">
            {present.slice(0, COLLEAGUES).map((one) => (
              <li key={one.id}>
                <span class="grow">
                  {one.name || one.id} <span class="soft">{one.seat}</span>
                </span>
                <span class="chip" data-state={one.state}>
                  {t.state[one.state]}
                </span>
              </li>
            ))}
          </ul>
        )}
      </section>
    </aside>
  );
}
