// Opening and closing, of a schedule or of one queue: until when, and why.

import { useState } from "preact/hooks";
import { queues } from "../board";
import { comes, coming } from "../format";
import { words } from "../language";
import { Dialog } from "../parts/dialog";
import { flip } from "./acts";

interface Switched {
  switch?: string;
  until?: string | null;
  by?: string | null;
  note?: string | null;
  queues?: string[];
}

/** Who switched it, until when, and why; nothing where it goes by its rules. */
export function Hand({ of }: { of: Switched }) {
  const t = words.value.supervisor;
  if (of.switch !== "open" && of.switch !== "closed") return <span class="hint">{t.switched.auto}</span>;
  const until = of.until ? `${t.until} ${coming(of.until, words.value.common)}` : "";
  const parts = [t.switched[of.switch], until, of.by ?? "", of.note ?? ""];
  return <span class="hint">{parts.filter((part) => part !== "").join(" · ")}</span>;
}

interface Props {
  what: "schedules" | "queues";
  id: string;
  name: string;
  of: Switched;
  done?: () => void;
}

export function Switch({ what, id, name, of, done }: Props) {
  const t = words.value.supervisor;
  const [note, setNote] = useState("");
  const [until, setUntil] = useState("");
  const [asking, setAsking] = useState(false);
  const to = async (where: "open" | "closed" | "auto") => {
    if (!(await flip(what, id, where, note.trim(), where === "auto" ? null : comes(until)))) return;
    setNote("");
    setUntil("");
    done?.();
  };
  const names = { ...t.switchTo[what], auto: t.switchAuto };
  // A queue is switched in a window of its own; what is open for all stands on the page, under everybody's pointer.
  const press = (where: "open" | "closed" | "auto") => {
    if (what === "schedules" && where === "closed") setAsking(true);
    else void to(where);
  };
  const queueNames = (of.queues ?? []).map((queue) => queues.value.get(queue)?.name || queue);
  return (
    <div class="stack switch">
      {asking && (
        <Dialog title={`${names.closed}: ${name}`} leave={words.value.common.cancel} onClose={() => setAsking(false)}>
          <div class="stack">
            <p class="strong">{t.askClose(name)}</p>
            {queueNames.length > 0 && <p>{t.closes(queueNames.join(words.value.common.comma))}</p>}
            <p class="hint">{t.switchHint}</p>
            <div class="row">
              <button
                type="button"
                class="bad"
                onClick={() => {
                  setAsking(false);
                  void to("closed");
                }}
              >
                {names.closed}
              </button>
            </div>
          </div>
        </Dialog>
      )}
      <div class="row">
        <input
          class="grow"
          aria-label={`${t.switchNote}: ${name}`}
          placeholder={t.switchNote}
          maxLength={200}
          value={note}
          onInput={(event) => setNote(event.currentTarget.value)}
        />
        <input
          type="time"
          class="until"
          aria-label={`${t.switchUntil}: ${name}`}
          title={t.switchUntil}
          value={until}
          onInput={(event) => setUntil(event.currentTarget.value)}
        />
      </div>
      <div class="row">
        {(["open", "closed", "auto"] as const).map((where) => (
          <button
            key={where}
            type="button"
            class={`small grow ${(of.switch ?? "auto") === where ? "on" : ""}`}
            aria-pressed={(of.switch ?? "auto") === where}
            onClick={() => press(where)}
          >
            {names[where]}
          </button>
        ))}
      </div>
    </div>
  );
}
