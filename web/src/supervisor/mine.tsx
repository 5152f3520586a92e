// The call I am in, above everything else, so that nobody forgets that they are heard: as a supervisor, or as the operator
// who took it over.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { operators, queues } from "../board";
import { callerOf } from "../caller";
import { targetName } from "../emergencies";
import { number, time } from "../format";
import type { Act } from "../keys";
import { words } from "../language";
import { cameBack, heardInBarge, nameOf, partOf } from "../operators";
import { KeyButton } from "../parts/key-button";
import { Since } from "../parts/time";
import { session } from "../people";
import * as phones from "../phone/phone";
import type { CallNow } from "../words";
import { hold, leave, own, supervise, supervised, takeOver } from "./acts";

const who = (call: CallNow) => number(callerOf(call), words.value.common.noNumber);

function Bar({ mode, children }: { mode: string; children: ComponentChildren }) {
  const t = words.value.supervisor;
  return (
    <section class="card mine" id="mine" tabIndex={-1} data-state="talking" aria-label={t.mine} data-mode={mode}>
      {children}
    </section>
  );
}

function Answer() {
  return (
    <KeyButton act="answer" kind="small good" onAct={() => void phones.answer()}>
      {words.value.operator.answer}
    </KeyButton>
  );
}

function HangUp() {
  return (
    <KeyButton act="hangUp" kind="small bad" onAct={phones.hangUp}>
      {words.value.operator.hangUp}
    </KeyButton>
  );
}

function Mute() {
  const t = words.value.operator;
  const { muted, session: sip } = phones.phone.value;
  return (
    <KeyButton act="mute" kind="small" pressed={muted} disabled={sip?.stage !== "talking"} onAct={phones.mute}>
      {muted ? t.unmute : t.mute}
    </KeyButton>
  );
}

/** What I took over, or what was offered to me: with whom I talk, and what an operator's page has for it. */
function Own({ call }: { call: CallNow }) {
  const t = words.value;
  const { muted, session: sip } = phones.phone.value;
  const rings = sip?.stage === "ringing";
  const held = call.stage === "holding";
  const failed = call.emergency || call.caller_gone ? null : call.emergency_failed;
  const hears = call.caller_gone
    ? t.operator.callerGone
    : rings
      ? t.stateHint.offered
      : held || call.stage === "consulting"
        ? t.stateHint.holding
        : call.emergency
          ? (call.emergency.stage === "ringing" ? t.operator.emergencyLeaveRings : t.operator.emergencyLeave)(
              call.emergency.target,
            )
          : muted
            ? t.operator.muted
            : t.stateHint.talking;
  return (
    <Bar mode="own">
      <span class="grow" data-field="own">
        <strong>{who(call)}</strong> · {queues.value.get(call.queue ?? "")?.name ?? t.supervisor.noQueue} ·{" "}
        <span class="chip" data-state={rings ? "ringing" : call.stage}>
          {rings ? t.stage.ringing : call.caller_gone ? t.operator.callerGoneShort : t.stage[call.stage]}
        </span>{" "}
        <Since at={rings ? call.since : (call.operator_since ?? call.connected_at ?? call.since)} /> · {hears}
        {call.returned && ` · ${cameBack(call.returned, session.value?.person.id)}`}
        {failed && ` · ${t.emergency.failed(targetName(failed.target), time(failed.at))}`}
      </span>
      {rings ? (
        <Answer />
      ) : (
        <>
          <KeyButton
            act="hold"
            kind="small"
            pressed={held}
            disabled={call.stage !== "talking" && !held}
            onAct={() => void hold(call.id, !held)}
          >
            {held ? t.operator.resume : t.operator.hold}
          </KeyButton>
          <Mute />
        </>
      )}
      <HangUp />
    </Bar>
  );
}

function Supervised({
  call,
  mode,
  soon,
}: {
  call: CallNow;
  mode: "listen" | "whisper" | "barge";
  soon: string | null;
}) {
  const t = words.value.supervisor;
  const { muted, session: sip } = phones.phone.value;
  const unheard = muted && mode !== "listen";
  // Whoever pressed it in an operator's row goes on here.
  useEffect(() => {
    if (document.activeElement?.closest("tr[data-operator]"))
      document.getElementById("mine")?.focus({ preventScroll: true });
  }, []);
  return (
    <Bar mode={mode}>
      <span class="grow">
        {soon ?? (
          <>
            <strong>{t.supervising(who(call), t[mode])}</strong> · {nameOf(call.operator)} ·{" "}
            {unheard ? words.value.operator.mutedAll : mode === "barge" ? heardInBarge(call) : t.heardBy[mode]}
          </>
        )}
      </span>
      {sip?.stage === "ringing" && <Answer />}
      {(["listen", "whisper", "barge"] as const).map((one) => (
        <button
          key={one}
          type="button"
          class={`small ${mode === one ? "on" : ""}`}
          aria-pressed={mode === one}
          onClick={() => void supervise(call.id, one)}
        >
          {t[one]}
        </button>
      ))}
      {mode !== "listen" && <Mute />}
      <button type="button" class="small" onClick={() => void takeOver(call.id)}>
        {t.takeOver}
      </button>
      <KeyButton act="hangUp" kind="small bad" onAct={() => void leave(call.id)}>
        {t.leave}
      </KeyButton>
    </Bar>
  );
}

/** The phone of this page rings or talks for a colleague who asks something, or in what the board does not tell of yet. */
function Asked() {
  const t = words.value;
  const sip = phones.phone.value.session;
  const part = operators.value.get(session.value?.person.id ?? "")?.part;
  return (
    <Bar mode="">
      <span class="grow">
        <strong>{number(sip?.from, t.common.noNumber)}</strong>
        {part && <span data-field="part"> · {partOf(part)}</span>}
      </span>
      {sip?.stage === "ringing" && <Answer />}
      {sip?.stage === "talking" && <Mute />}
      <HangUp />
    </Bar>
  );
}

/** One after the other what a key does here; `false`: it does nothing now. */
export function doing(what: Act): boolean {
  const { session: sip } = phones.phone.value;
  const [mine, part] = [own.value, supervised.value];
  const held = mine?.stage === "holding";
  const when = (may: boolean, act: () => unknown) => {
    if (may) void act();
    return may;
  };
  switch (what) {
    case "answer":
      return when(sip?.stage === "ringing", phones.answer);
    case "mute":
      return when(sip?.stage === "talking" && (mine !== null || part?.mode !== "listen"), phones.mute);
    case "hold":
      return when(mine !== null && sip?.stage !== "ringing" && (held || mine.stage === "talking"), () =>
        hold(mine?.id ?? "", !held),
      );
    case "hangUp":
      return mine === null && part ? when(true, () => leave(part.call.id)) : when(sip !== null, phones.hangUp);
    default:
      return false;
  }
}

export function Mine() {
  if (own.value) return <Own call={own.value} />;
  if (supervised.value) return <Supervised {...supervised.value} />;
  if (phones.phone.value.session) return <Asked />;
  return session.value?.seat ? null : <p class="hint">{words.value.supervisor.phoneNeeded}</p>;
}
