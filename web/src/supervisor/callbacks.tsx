// Citizens who wait to be called back: in whose name, since when, and when it is tried next.

import { callbacks, queues } from "../board";
import { number, time, when } from "../format";
import { words } from "../language";
import { nameOf } from "../operators";
import { Since } from "../parts/time";
import type { CallbackNow } from "../words";

/** More are not drawn. */
const SHOWN = 200;

function Next({ of }: { of: CallbackNow }) {
  const t = words.value.supervisor.callback;
  if (of.stage === "dialling")
    return (
      <span class="chip" data-state="ringing">
        {t.dialling} {of.operator ? nameOf(of.operator) : ""}
      </span>
    );
  return <>{of.stage === "later" && of.next_at ? t.notBefore(time(of.next_at)) : t.inTurn}</>;
}

export function Callbacks() {
  const t = words.value;
  const list = [...callbacks.value.values()];
  list.sort((a, b) => Date.parse(a.since) - Date.parse(b.since) || a.id.localeCompare(b.id));
  if (list.length === 0) return null;
  return (
    <section class="panel" data-panel="waiting-callbacks">
      <h2>
        {t.supervisor.callbacks} <span class="strong">{list.length}</span>
      </h2>
      <div class="scroll tall">
        <table class="dense" data-table="callbacks">
          <thead>
            <tr>
              <th scope="col">{t.supervisor.callback.number}</th>
              <th scope="col">{t.supervisor.queue}</th>
              <th scope="col" class="number">
                {t.supervisor.waited}
              </th>
              <th scope="col" class="number late-2">
                {t.supervisor.place}
              </th>
              <th scope="col">{t.supervisor.callback.next}</th>
              <th scope="col" class="number">
                {t.supervisor.callback.tries}
              </th>
              <th scope="col" class="late-3">
                {t.supervisor.callback.expires}
              </th>
            </tr>
          </thead>
          <tbody>
            {list.slice(0, SHOWN).map((of) => (
              <tr key={of.id} data-callback={of.id}>
                <th scope="row">{number(of.number)}</th>
                <td>
                  <span class="cut">{queues.value.get(of.queue)?.name || of.queue}</span>
                </td>
                <td class="number strong">
                  <Since at={of.since} />
                </td>
                <td class="number late-2">{of.place ?? "–"}</td>
                <td>
                  <Next of={of} />
                </td>
                <td class="number">{t.supervisor.callback.triesOf(of.tries, of.most_tries)}</td>
                <td class="late-3">{when(of.expires_at, t.common)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {list.length > SHOWN && <p class="hint">{t.supervisor.moreCallbacks(list.length - SHOWN)}</p>}
    </section>
  );
}
