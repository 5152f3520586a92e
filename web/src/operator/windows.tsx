// The windows of the operator's page. Each is worked by keys alone: digits choose, Enter does, Esc closes.

import { useState } from "preact/hooks";
import { operators, queues } from "../board";
import { actsWith, KEYS, label } from "../keys";
import { open, words } from "../language";
import { doing } from "../operators";
import { Dialog } from "../parts/dialog";
import { Headset } from "../parts/meter";
import * as phones from "../phone/phone";
import type { Whom } from "../words";
import type { Window_ } from "./actions";
import { consult, desk, directory, leave, me, notReady, signOutAfter, transfer } from "./desk";

function Reasons({ close }: { close: () => void }) {
  const t = words.value;
  const { reasons } = directory.value;
  const choose = (reason: string | undefined) => {
    if (!reason) return;
    close();
    void notReady(reason);
  };
  return (
    <Dialog title={t.operator.notReadyWhy} onClose={close} onKey={(event) => choose(reasons[Number(event.key) - 1])}>
      <ul class="choices">
        {reasons.map((reason, index) => (
          <li key={reason}>
            <button type="button" onClick={() => choose(reason)} data-reason={reason}>
              <span class="grow">{open(t.reason, reason)}</span>
              {index < 9 && <kbd>{index + 1}</kbd>}
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

const PAD = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

function Keypad({ close }: { close: () => void }) {
  const t = words.value.operator;
  const [pressed, setPressed] = useState("");
  const [failed, fail] = useState(false);
  const press = (key: string) => {
    const sent = phones.press(key);
    fail(!sent);
    if (sent) setPressed((former) => (former + key).slice(-20));
  };
  return (
    <Dialog
      title={t.keypad}
      onClose={close}
      onKey={(event) => {
        if (!PAD.includes(event.key)) return;
        event.preventDefault();
        press(event.key);
      }}
    >
      <p class={failed ? "bad-text strong" : "hint"} role="status">
        {failed ? t.keypadNot : t.keypadHint}
      </p>
      <p class="pressed" aria-live="polite" data-field="pressed">
        {pressed || "\u00a0"}
      </p>
      <div class="pad">
        {PAD.map((key) => (
          <button key={key} type="button" onClick={() => press(key)}>
            {key}
          </button>
        ))}
      </div>
    </Dialog>
  );
}

interface Target {
  id: string;
  name: string;
  detail: string;
  state: string | null;
  /** The state in words, or what they do in the call of another. */
  does: string;
  to: Whom;
}

/** `asked`: people are asked more often than queues; the queue of a transfer comes first. */
function targets(search: string, asked: boolean): Target[] {
  const t = words.value;
  const needle = search.trim().toLowerCase();
  const fits = (...texts: (string | null | undefined)[]) =>
    needle === "" || texts.some((text) => text?.toLowerCase().includes(needle));
  const lines = directory.value.queues
    .filter((one) => fits(one.id, one.name))
    .map<Target>((one) => {
      const live = queues.value.get(one.id);
      const detail = live ? `${t.operator.waiting} ${live.waiting} · ${t.operator.readyCount} ${live.ready}` : "";
      return { id: `queue ${one.id}`, name: one.name || one.id, detail, state: null, does: "", to: { queue: one.id } };
    });
  const order = ["ready", "wrap_up", "talking", "not_ready"];
  const rank = (state: string | null) => order.indexOf(state ?? "") + 1 || 9;
  const people = directory.value.operators
    .filter((one) => one.id !== me.value?.id && fits(one.id, one.name, operators.value.get(one.id)?.seat ?? one.seat))
    .map<Target>((one) => {
      const live = operators.value.get(one.id);
      const state = live?.state ?? one.state ?? null;
      const seat = live?.seat ?? one.seat;
      return {
        id: `operator ${one.id}`,
        name: one.name || one.id,
        detail: `${one.id}${seat ? ` · ${seat}` : ""}`,
        state,
        does: live ? doing(live) : open(t.state, state),
        to: { operator: one.id },
      };
    })
    .sort((a, b) => rank(a.state) - rank(b.state));
  const dialled = /^[+\d*#]{3,32}$/.test(search.trim())
    ? [
        {
          id: "number",
          name: t.operator.toNumber(search.trim()),
          detail: "",
          state: null,
          does: "",
          to: { number: search.trim() },
        },
      ]
    : [];
  const known = asked ? [...people, ...lines] : [...lines, ...people];
  return [...known, ...dialled].slice(0, 60);
}

/** To whom: a colleague, a queue, a number. `attended`: it is asked first. */
function Whither({ close, attended }: { close: () => void; attended: boolean }) {
  const t = words.value;
  const [search, setSearch] = useState("");
  const [first, setFirst] = useState(attended);
  const [at, setAt] = useState(0);
  const list = targets(search, attended);
  const chosen = list[Math.min(at, list.length - 1)];
  const go = (target: Target | undefined) => {
    if (!target) return;
    close();
    void (first ? consult(target.to) : transfer(target.to));
  };
  const move = (step: number) => {
    const next = Math.max(0, Math.min(list.length - 1, at + step));
    setAt(next);
    document.getElementById(`target-${next}`)?.scrollIntoView({ block: "nearest" });
  };
  return (
    <Dialog
      title={attended ? t.operator.consult : t.operator.transfer}
      onClose={close}
      onKey={(event) => {
        if (event.key === "ArrowDown" || event.key === "ArrowUp") {
          event.preventDefault();
          move(event.key === "ArrowDown" ? 1 : -1);
        } else if (event.key === "Enter" && (event.target as HTMLElement).role === "combobox") {
          event.preventDefault();
          go(chosen);
        }
      }}
    >
      <div class="stack">
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls="targets"
          aria-autocomplete="list"
          aria-label={t.operator.find}
          aria-activedescendant={chosen ? `target-${list.indexOf(chosen)}` : undefined}
          placeholder={t.operator.find}
          autoFocus
          value={search}
          onInput={(event) => {
            setSearch(event.currentTarget.value);
            setAt(0);
          }}
        />
        <div class="row" role="radiogroup" aria-label={t.operator.transfer}>
          {[true, false].map((value) => (
            <label key={String(value)} class="radio">
              <input type="radio" name="first" checked={first === value} onChange={() => setFirst(value)} />
              {value ? t.operator.attended : t.operator.blind}
            </label>
          ))}
        </div>
        {list.length === 0 && <p class="soft">{t.operator.findNone}</p>}
        <ul class="targets" id="targets" role="listbox" aria-label={t.operator.find}>
          {list.map((target, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the focus and moves through the list.
            <li
              key={target.id}
              id={`target-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={target === chosen}
              data-target={target.id}
              onClick={() => go(target)}
            >
              <span class="strong">{target.name}</span>
              <span class="soft grow">{target.detail}</span>
              {target.state && (
                <span class="chip" data-state={target.state}>
                  {target.does}
                </span>
              )}
            </li>
          ))}
        </ul>
      </div>
    </Dialog>
  );
}

function Help({ close }: { close: () => void }) {
  const t = words.value;
  return (
    <Dialog title={t.operator.keys} wide onClose={close}>
      <p class="hint">{t.operator.keysLead}</p>
      <dl class="key-list">
        {actsWith(directory.value.emergencies.length).map((act) => {
          const target = /^emergency(\d)$/.exec(act);
          const name = target ? directory.value.emergencies[Number(target[1]) - 1]?.name : undefined;
          return (
            <div key={act}>
              <dt>
                <kbd>{label(KEYS[act])}</kbd>
              </dt>
              <dd>{name ? `${t.operator.emergency} ${name}` : t.key[act]}</dd>
            </div>
          );
        })}
        <div>
          <dt>
            <kbd>Esc</kbd>
          </dt>
          <dd>{t.key.leave}</dd>
        </div>
      </dl>
    </Dialog>
  );
}

/** A citizen who talks is not cut off: the page is left when the call is over. */
function Leave({ close }: { close: () => void }) {
  const t = words.value;
  const talks = desk.value.together;
  const go = async () => {
    if (talks) {
      close();
      await signOutAfter();
    } else if (await leave()) phones.stop();
  };
  return (
    <Dialog title={t.common.signOut} onClose={close}>
      <div class="stack">
        <p>{talks ? t.operator.askSignOutAfter : t.operator.askSignOut}</p>
        <div class="row">
          <button type="button" class={talks ? "main" : "bad"} data-first onClick={() => void go()}>
            {talks ? t.operator.signOutAfter : t.common.signOut} <kbd>↵</kbd>
          </button>
          <button type="button" onClick={close}>
            {t.common.cancel}
          </button>
        </div>
      </div>
    </Dialog>
  );
}

export function Windows({ what, close }: { what: Window_ | null; close: () => void }) {
  const t = words.value;
  switch (what) {
    case "notReady":
      return <Reasons close={close} />;
    case "keypad":
      return <Keypad close={close} />;
    case "consult":
      return <Whither close={close} attended />;
    case "transfer":
      return <Whither close={close} attended={false} />;
    case "help":
      return <Help close={close} />;
    case "devices":
      return (
        <Dialog title={t.operator.devices} onClose={close}>
          <Headset onChange={() => void phones.changeMicrophone()} />
        </Dialog>
      );
    case "signOut":
      return <Leave close={close} />;
    default:
      return null;
  }
}
