// Every queue, and who waits in it.

import { useState } from "preact/hooks";
import { calls, queues } from "../board";
import { callerOf } from "../caller";
import { now } from "../clock";
import { targetName } from "../emergencies";
import { whyWaits } from "../explain";
import { clock, count, number, percent, since, time } from "../format";
import { open, words } from "../language";
import { cameBack, nameOf } from "../operators";
import { Dialog } from "../parts/dialog";
import { Since } from "../parts/time";
import type { CallNow } from "../words";
import { explain, move } from "./acts";
import { Hand, Switch } from "./switching";

/** Below it a share is bad, in the colour too. */
export const GOAL = 0.95;

export const tint = (share: number | null | undefined, goal = GOAL) =>
  share === null || share === undefined ? "soft" : share >= goal ? "good-text" : "bad-text";

export function Queues() {
  const t = words.value.supervisor;
  const [switching, setSwitching] = useState<string | null>(null);
  const chosen = queues.value.get(switching ?? "");
  // `late-1` gives way first where there is little room.
  const heads: { head: string; late: string; why?: string }[] = [
    { head: t.waiting, late: "" },
    { head: t.longest, late: "" },
    { head: t.expected, late: "late-1" },
    { head: t.ready, late: "" },
    { head: t.talking, late: "late-2" },
    { head: t.offered, late: "late-3", why: t.visits },
    { head: t.answered, late: "late-3", why: t.visits },
    { head: t.abandoned, late: "late-2", why: t.visits },
    { head: t.level, late: "", why: t.undecided },
    { head: t.level15, late: "", why: t.undecided },
  ];
  return (
    <section class="panel">
      <h2 class="hidden">{t.queues}</h2>
      <div class="scroll tall">
        <table class="dense" data-table="queues">
          <thead>
            <tr>
              <th scope="col">{t.queue}</th>
              {heads.map(({ head, late, why }) => (
                <th key={head} scope="col" class={`number ${late}`} {...(why ? { title: why } : {})}>
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[...queues.value.values()].map((queue) => (
              <tr key={queue.id} data-queue={queue.id} class={queue.open ? "" : "closed"}>
                <th scope="row">
                  <div class="named">
                    <span class="cut" title={queue.name || queue.id}>
                      {queue.name || queue.id}
                    </span>
                    <button
                      type="button"
                      class="quiet small filter"
                      title={t.switchQueue}
                      aria-label={`${queue.open ? t.open : t.closed} · ${t.switchQueue}: ${queue.name || queue.id}`}
                      onClick={() => setSwitching(queue.id)}
                    >
                      <span
                        class={`chip ${queue.open ? "" : "plain"}`}
                        data-state={queue.open ? "ready" : "signed_out"}
                      >
                        {queue.open ? t.open : t.closed}
                      </span>
                    </button>
                  </div>
                </th>
                <td class={`number ${queue.waiting > 0 ? "strong warn-text" : ""}`}>
                  {queue.waiting}
                  {queue.callbacks ? (
                    <span class="second" data-field="callbacks" title={t.withCallbacks(queue.callbacks)}>
                      <span aria-hidden="true">☎ {queue.callbacks}</span>
                      <span class="hidden">{t.withCallbacks(queue.callbacks)}</span>
                    </span>
                  ) : null}
                </td>
                <td class="number">
                  <Since at={queue.longest_since} />
                </td>
                <td class="number late-1">{queue.expected_wait_ms == null ? "–" : clock(queue.expected_wait_ms)}</td>
                <td class={`number ${queue.ready === 0 && queue.waiting > 0 ? "bad-text strong" : ""}`}>
                  {queue.ready}
                </td>
                <td class="number late-2">{queue.talking}</td>
                <td class="number late-3">{count(queue.offered)}</td>
                <td class="number late-3">{count(queue.answered)}</td>
                <td class="number late-2">{count(queue.abandoned)}</td>
                <td class={`number strong ${tint(queue.service_level)}`}>{percent(queue.service_level, GOAL)}</td>
                <td class={`number ${tint(queue.service_level_15min)}`}>{percent(queue.service_level_15min, GOAL)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="hint counted">
        {t.visits} {t.undecided}
      </p>
      {chosen && (
        <Dialog
          title={`${t.switchQueue}: ${chosen.name || chosen.id}`}
          leave={words.value.common.cancel}
          onClose={() => setSwitching(null)}
        >
          <div class="stack">
            <p class="row">
              <span class="chip" data-state={chosen.open ? "ready" : "signed_out"}>
                {chosen.open ? t.open : t.closed}
              </span>
              <Hand of={chosen} />
            </p>
            <Switch
              what="queues"
              id={chosen.id}
              name={chosen.name || chosen.id}
              of={chosen}
              done={() => setSwitching(null)}
            />
            <p class="hint">{t.switchHint}</p>
          </div>
        </Dialog>
      )}
    </section>
  );
}

function MoveTo({ call }: { call: CallNow }) {
  const t = words.value.supervisor;
  const [to, setTo] = useState("");
  const others = [...queues.value.values()].filter((queue) => queue.id !== call.queue);
  if (others.length === 0) return null;
  return (
    <select
      class="inline"
      aria-label={`${t.move} (${number(callerOf(call))})`}
      value={to}
      onChange={(event) => {
        const queue = event.currentTarget.value;
        setTo("");
        if (queue) void move(call.id, queue);
      }}
    >
      <option value="">{t.move}…</option>
      {others.map((queue) => (
        <option key={queue.id} value={queue.id}>
          {queue.name || queue.id}
        </option>
      ))}
    </select>
  );
}

/** Who had an operator already, or an emergency service in vain: why they wait once more. */
function Back({ call }: { call: CallNow }) {
  const { emergency_failed: failed, returned } = call;
  return (
    <>
      {failed && (
        <span class="second strong bad-text" data-field="emergency_failed">
          {words.value.emergency.failed(targetName(failed.target), time(failed.at))}
        </span>
      )}
      {returned && (
        <span class="second warn-text" data-field="returned">
          {cameBack(returned)}
        </span>
      )}
    </>
  );
}

export function Waiting() {
  const t = words.value;
  const list = [...calls.value.values()].filter((call) => call.stage === "waiting" || call.stage === "ringing");
  list.sort((a, b) => (a.line_since ?? a.arrived_at).localeCompare(b.line_since ?? b.arrived_at));
  return (
    <section class="panel">
      <h2>
        {t.supervisor.waiting} <span class="strong">{list.length}</span>
      </h2>
      {list.length === 0 ? (
        <p class="soft">{t.supervisor.nobodyWaits}</p>
      ) : (
        <div class="scroll tall">
          <table class="dense" data-table="waiting">
            <thead>
              <tr>
                <th scope="col">{t.supervisor.caller}</th>
                <th scope="col">{t.supervisor.queue}</th>
                <th scope="col" class="number late-2">
                  {t.supervisor.place}
                </th>
                <th scope="col" class="number">
                  {t.supervisor.waited}
                </th>
                <th scope="col" class="number late-1">
                  {t.supervisor.sinceCall}
                </th>
                <th scope="col" class="late-3">
                  {t.supervisor.why}
                </th>
                <th scope="col" class="acts">
                  {t.supervisor.actions}
                </th>
              </tr>
            </thead>
            <tbody>
              {list.slice(0, 200).map((call) => {
                const queue = queues.value.get(call.queue ?? "");
                const waited = since(call.line_since ?? call.arrived_at, now.value);
                const late = waited > (queue?.answer_within_ms ?? 15_000);
                return (
                  <tr key={call.id} data-call={call.id}>
                    <th scope="row">
                      {number(callerOf(call), t.common.noNumber)}{" "}
                      <span class="soft">{call.language ? open(t.language_, call.language) : ""}</span>
                      <Back call={call} />
                    </th>
                    <td>
                      <span class="cut" title={queue?.name ?? ""}>
                        {queue?.name ?? call.queue ?? "–"}
                      </span>
                    </td>
                    <td class="number late-2">{call.place ?? "–"}</td>
                    <td class={`number strong ${late ? "bad-text" : ""}`}>{clock(waited)}</td>
                    <td class="number late-1">{clock(since(call.arrived_at, now.value))}</td>
                    <td class="why late-3">
                      {call.stage === "ringing" ? (
                        <span class="chip" data-state="ringing">
                          {t.stage.ringing} {call.operator ? nameOf(call.operator) : ""}
                        </span>
                      ) : (
                        (whyWaits(call.why, t.explain) ?? <span class="soft">–</span>)
                      )}
                    </td>
                    <td class="acts">
                      <div class="row tight">
                        <button type="button" class="small" onClick={() => void explain(call.id)}>
                          {t.supervisor.explain}
                        </button>
                        <MoveTo call={call} />
                      </div>
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
