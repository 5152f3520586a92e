// The state, so big that it cannot be mistaken, with its clock; and what changes it.

import { now } from "../clock";
import { clock, countdown, since } from "../format";
import { open, words } from "../language";
import { KeyButton } from "../parts/key-button";
import { desk, extend, finish, me, phone, ready } from "./desk";

export function StatePanel({ onNotReady }: { onNotReady: () => void }) {
  const t = words.value;
  const operator = me.value;
  if (!operator) return null;
  const can = desk.value;
  const state = operator.state;
  const wrapUp = state === "wrap_up" && operator.until;
  const left = operator.until ? Date.parse(operator.until) - now.value : 0;
  const reason = state === "not_ready" && operator.reason ? ` · ${open(t.reason, operator.reason)}` : "";
  const next = operator.next;
  return (
    <section class="state" data-state={state} aria-label={t.supervisor.state}>
      <div class="state-word">
        <p class="word" role="status" data-field="state" data-value={state}>
          {t.state[state]}
          {reason}
        </p>
        <p class="hint">
          {next ? t.next(next === "signed_out" ? t.state.signed_out : open(t.reason, next)) : t.stateHint[state]}
        </p>
      </div>
      <p class="state-clock" data-field="state-clock">
        {wrapUp ? countdown(left) : clock(since(operator.since, now.value))}
      </p>
      <div class="row">
        {can.wrapUp && (
          <>
            <KeyButton act="finish" kind="main" onAct={() => void finish()}>
              {t.operator.finish}
            </KeyButton>
            <KeyButton act="extend" onAct={() => void extend()}>
              {t.operator.extend}
            </KeyButton>
          </>
        )}
        <KeyButton
          act="ready"
          kind={state === "not_ready" || state === "signed_out" ? "good" : ""}
          disabled={!can.ready}
          onAct={() => void ready()}
        >
          {state === "signed_out" ? t.operator.signIn : t.operator.ready}
        </KeyButton>
        <KeyButton act="notReady" disabled={!can.notReady} onAct={onNotReady}>
          {t.operator.notReady}
        </KeyButton>
      </div>
      <p class="phone-state hint" data-field="phone" data-value={phone.value.link}>
        <span class={`dot ${phone.value.link}`} />
        {t.operator.phone[phone.value.link]}
        {phone.value.session?.stage === "talking" && (
          <span
            class={
              phone.value.quality.grade === "poor"
                ? "bad-text"
                : phone.value.quality.grade === "fair"
                  ? "warn-text"
                  : ""
            }
          >
            {" · "}
            {t.operator.quality[phone.value.quality.grade]}
          </span>
        )}
      </p>
    </section>
  );
}
