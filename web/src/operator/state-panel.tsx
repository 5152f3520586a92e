// The state, so big that it cannot be mistaken, with its clock; and what changes it.

import { connection } from "../board";
import { now } from "../clock";
import { open, words } from "../language";
import { consulted, isHeard, partOf } from "../operators";
import { KeyButton } from "../parts/key-button";
import { Left, Since } from "../parts/time";
import type { OperatorNow } from "../words";
import {
  apart,
  call,
  clockFrom,
  conferenceOf,
  cut,
  desk,
  extend,
  finish,
  goneFrom,
  leaving,
  me,
  mutedFor,
  phone,
  ready,
} from "./desk";

/** Board and phone tell of a ring within so much of each other, in ms. */
const RINGS_WITHIN = 2_000;

/** What the state means just now: who hears whom, above all. */
function hint(operator: OperatorNow): string {
  const t = words.value;
  if (operator.state === "wrap_up") return afterwards(operator.next);
  if (operator.state === "signed_out" && leaving.value) return t.operator.leavesSoon;
  const rung = operator.state === "offered";
  const talks = operator.state === "talking" || operator.state === "holding" || operator.state === "outbound";
  // Of what another tab says and hears nothing is known here.
  if (phone.value.link === "elsewhere" && !phone.value.session && (rung || talks))
    return rung ? t.elsewhere.rings : t.elsewhere.talks;
  // Nor of another phone that registered at the seat after this one.
  const there = phone.value.link === "registered" && !phone.value.session;
  if (rung && there && apart.value && now.value - Date.parse(operator.since) > RINGS_WITHIN)
    return t.elsewhere.ringsAtSeat;
  // Of a house that is not heard of it is not known what its callers hear.
  if (talks && cut.value) return connection.value.state === "live" ? t.operator.linkLost : t.operator.cut;
  if (operator.state === "outbound" && operator.part) {
    if (!phone.value.muted) return partOf(operator.part);
    const muted = mutedFor(call.value);
    return isHeard(operator.part) ? muted : `${muted} ${partOf(operator.part)}`;
  }
  if (operator.state !== "talking" && operator.state !== "holding") return t.stateHint[operator.state];
  const stage = call.value?.stage;
  if (stage === "lost") return t.operator.lost;
  // Of what has just ended, or just begins, nothing is said yet.
  if (desk.value.silent) return there && apart.value ? t.elsewhere.talksAtSeat : "";
  if (phone.value.muted) return mutedFor(call.value);
  if (call.value?.caller_gone) return goneFrom(call.value);
  const asked = call.value?.consulting;
  if (stage === "consulting" && asked)
    return (asked.stage === "talking" ? t.operator.consulting : t.operator.consultRinging)(consulted(asked));
  if (stage === "conference") return conferenceOf(call.value);
  return t.stateHint[operator.state];
}

/** What comes after this: the one place that tells it. Who was not ready before, and asked for nothing, stays so. */
function afterwards(next: string | null | undefined): string {
  const t = words.value;
  if (!next) return t.next.ready;
  if (next === "signed_out") return t.next.signedOut;
  return next === "sign_in" || next === "signed_in" ? t.next.untilReady : t.next.notReady(open(t.reason, next));
}

/** How much is left of what ends by itself, 0 to 1. */
function share(operator: OperatorNow): number | null {
  if (!operator.until || (operator.state !== "wrap_up" && operator.state !== "offered")) return null;
  const [begin, end] = [Date.parse(operator.since), Date.parse(operator.until)];
  return end > begin ? Math.min(1, Math.max(0, (end - now.value) / (end - begin))) : 0;
}

function Remaining({ operator }: { operator: OperatorNow }) {
  const left = share(operator);
  return left === null ? null : (
    <span class="remaining" aria-hidden="true">
      <span style={{ inlineSize: `${left * 100}%` }} />
    </span>
  );
}

function PhoneState() {
  const t = words.value.operator;
  const { link, session, quality } = phone.value;
  const heard = !cut.value && session?.stage === "talking" && quality.grade !== "unknown" ? quality.grade : null;
  const kind = heard === "poor" ? "bad-text strong" : heard === "fair" ? "warn-text" : "";
  return (
    <p class="phone-state hint" data-field="phone" data-value={link}>
      <span class={`dot ${link}`} />
      {t.phone[link]}
      {heard && (
        <span class={kind} title={t.loss(`${Math.round(quality.loss * 100)}%`, quality.roundTrip)}>
          · {t.quality[heard]}
        </span>
      )}
    </p>
  );
}

export function StatePanel({ onNotReady }: { onNotReady: () => void }) {
  const t = words.value;
  const operator = me.value;
  if (!operator) return null;
  const can = desk.value;
  const { state, next } = operator;
  const part = state === "outbound" ? operator.part : null;
  const mine = can.mine && (state === "talking" || state === "holding") ? call.value : null;
  const asks =
    mine?.consulting &&
    !mine.caller_gone &&
    (mine.stage === "consulting" || mine.stage === "conference") &&
    t.stage[mine.stage];
  const from = mine ? clockFrom(mine) : operator.since;
  const idle = state === "ready" || state === "not_ready" || state === "signed_out" || state === "unreachable";
  const reason = state === "not_ready" && operator.reason ? open(t.reason, operator.reason) : "";
  return (
    <section class="state" data-state={state} aria-label={t.supervisor.state}>
      <div class="state-now">
        <p class="word" role="status" data-field="state" data-value={state}>
          {part ? t.act[part.stage === "ringing" ? "rung" : part.act] : asks || t.state[state]}
        </p>
        <p class="state-clock" data-field="state-clock">
          {state === "wrap_up" && operator.until ? <Left until={operator.until} /> : <Since at={from} />}
        </p>
        <Remaining operator={operator} />
      </div>
      <div class="state-words">
        <p>
          {reason && <strong data-field="reason">{reason} · </strong>}
          {next && state !== "wrap_up" && <strong data-field="next">{afterwards(next)} </strong>}
          <span data-field="hint">{hint(operator)}</span>
        </p>
        <PhoneState />
      </div>
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
        {can.ready && (idle || next) && (
          <KeyButton act="ready" kind={idle ? "good" : ""} onAct={() => void ready()}>
            {can.signIn ? t.operator.signIn : idle || can.wrapUp ? t.operator.ready : t.operator.readyAfter}
          </KeyButton>
        )}
        <KeyButton act="notReady" disabled={!can.notReady} onAct={onNotReady}>
          {idle ? t.operator.notReady : t.operator.notReadyAfter}
        </KeyButton>
      </div>
    </section>
  );
}
