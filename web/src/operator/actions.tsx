// What can be done with the call, each with its key.

import { type Act, KEYS, label } from "../keys";
import { words } from "../language";
import { consulted } from "../operators";
import { KeyButton } from "../parts/key-button";
import * as phones from "../phone/phone";
import { call, desk, directory, hangUp, hold, order, pauseRecording, phone, writing } from "./desk";
import { emergency, emergencyName } from "./handing-off";

export type Window_ = "notReady" | "keypad" | "consult" | "transfer" | "devices" | "help" | "signOut";

/** There are so many keys for them. */
const EMERGENCIES = 4;

function Ringing() {
  const t = words.value.operator;
  return (
    <div class="actions" role="toolbar" aria-label={words.value.supervisor.actions}>
      <KeyButton act="answer" kind="good large" writing={writing.value} onAct={() => void phones.answer()}>
        {t.answer}
      </KeyButton>
      <KeyButton act="hangUp" writing={writing.value} onAct={hangUp}>
        {t.reject}
      </KeyButton>
    </div>
  );
}

function Reclaim() {
  return (
    <KeyButton act="reclaim" kind="main" onAct={() => void order({ order: "reclaim" })}>
      {words.value.operator.reclaim}
    </KeyButton>
  );
}

function Asked({ show }: { show: (what: Window_) => void }) {
  const t = words.value.operator;
  const can = desk.value;
  return (
    <div class="actions" role="toolbar" aria-label={words.value.supervisor.actions}>
      {can.reclaim && <Reclaim />}
      {can.mute && (
        <KeyButton act="mute" pressed={phone.value.muted} onAct={phones.mute}>
          {phone.value.muted ? t.unmute : t.mute}
        </KeyButton>
      )}
      {can.keypad && (
        <KeyButton act="keypad" onAct={() => show("keypad")}>
          {t.keypad}
        </KeyButton>
      )}
      <span class="grow" />
      <KeyButton act="hangUp" kind="bad" disabled={!can.hangUp} onAct={hangUp}>
        {can.asked ? t.leave : t.hangUp}
      </KeyButton>
    </div>
  );
}

function Emergencies() {
  const t = words.value.operator;
  const targets = directory.value.emergencies.slice(0, EMERGENCIES);
  if (targets.length === 0) return null;
  return (
    <div class="emergencies" role="toolbar" aria-label={t.emergency}>
      <span class="hint" aria-hidden="true">
        {t.emergency}
      </span>
      {targets.map((target, index) => {
        const act = `emergency${index + 1}` as Act;
        const runs = call.value?.emergency?.target === target.id;
        return (
          <button
            key={target.id}
            type="button"
            class="emergency"
            data-act={act}
            disabled={!desk.value.emergency}
            aria-pressed={runs}
            aria-keyshortcuts={KEYS[act].replace("shift", "Shift")}
            onClick={() => emergency(index)}
          >
            <strong>{target.id}</strong>
            {runs && desk.value.emergency ? (
              <span>{t.takeOut}</span>
            ) : (
              target.name && target.name !== target.id && <span>{target.name}</span>
            )}
            <kbd>{label(KEYS[act])}</kbd>
          </button>
        );
      })}
    </div>
  );
}

export function Actions({ show }: { show: (what: Window_) => void }) {
  const t = words.value.operator;
  const can = desk.value;
  if (!phone.value.session && !can.together && !can.reclaim && !can.asked) return null;
  if (can.answer) return <Ringing />;
  // Somebody else's call, in which one is asked: what belongs to it is theirs.
  if (!can.mine) return <Asked show={show} />;
  const consulting = can.complete ? call.value?.consulting : null;
  const leftTo = can.leaves ? emergencyName(can.leaves) : consulting ? consulted(consulting) : null;
  return (
    <>
      <div class="actions" role="toolbar" aria-label={words.value.supervisor.actions}>
        {can.reclaim && <Reclaim />}
        <KeyButton act="mute" pressed={phone.value.muted} disabled={!can.mute} onAct={phones.mute}>
          {phone.value.muted ? t.unmute : t.mute}
        </KeyButton>
        <KeyButton act="hold" pressed={can.held} disabled={!can.hold} onAct={() => void hold()}>
          {can.held ? t.resume : t.hold}
        </KeyButton>
        <KeyButton act="keypad" disabled={!can.keypad} onAct={() => show("keypad")}>
          {t.keypad}
        </KeyButton>
        {can.back ? (
          <>
            <KeyButton act="back" onAct={() => void order({ order: "return" })}>
              {t.back}
            </KeyButton>
            <KeyButton act="threeWay" disabled={!can.threeWay} onAct={() => void order({ order: "conference" })}>
              {t.threeWay}
            </KeyButton>
            <KeyButton
              act="complete"
              kind="main"
              disabled={!can.complete}
              onAct={() => void order({ order: "complete" })}
            >
              {t.complete}
            </KeyButton>
          </>
        ) : (
          <>
            <KeyButton act="consult" disabled={!can.consult} onAct={() => show("consult")}>
              {t.consult}
            </KeyButton>
            <KeyButton act="transfer" disabled={!can.transfer} onAct={() => show("transfer")}>
              {t.transfer}
            </KeyButton>
          </>
        )}
        <span class="grow" />
        <KeyButton act="hangUp" kind="bad" disabled={!can.hangUp} onAct={hangUp}>
          {leftTo ? t.leaveTo(leftTo) : t.hangUp}
        </KeyButton>
      </div>
      <div class="row second">
        <Emergencies />
        <span class="grow" />
        {can.recording && (
          <KeyButton act="recording" pressed={can.recording === "paused"} onAct={() => void pauseRecording()}>
            {can.recording === "paused" ? t.resumeRecording : t.pauseRecording}
          </KeyButton>
        )}
      </div>
    </>
  );
}
