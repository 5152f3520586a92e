// The wall: the house on one screen across a hall. It is read from ten metres, so everything is sized by the screen.

import { computed } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { connection, figures, operators, refresh, standing } from "../board";
import { now } from "../clock";
import { laidOut, MINUTES } from "../day";
import { emergencies, sinceWhen, stageOf } from "../emergencies";
import { clock, count, here, minuteAt, percent, since, today } from "../format";
import { open, words } from "../language";
import { begin } from "../parts/begin";
import { Chart, type Line } from "../parts/chart";
import { ConnectionBar, closing, Switches } from "../parts/frame";
import { Since } from "../parts/time";
import type { OperatorState, Quarter } from "../words";
import "../style/base.css";
import "./wall.css";

/** Six places that never move: what is seldom, or lasts for moments, counts with what it looks like from afar. */
const PLACES = ["ready", "offered", "talking", "wrap_up", "not_ready", "unreachable"] as const;
const LIKE: Partial<Record<OperatorState, OperatorState>> = {
  reserved: "offered",
  holding: "talking",
  outbound: "talking",
};

const byState = computed(() => {
  const found = new Map<OperatorState, number>();
  for (const { state } of operators.value.values()) {
    const place = LIKE[state] ?? state;
    found.set(place, (found.get(place) ?? 0) + 1);
  }
  return found;
});

/** Letters of the chart follow the screen like everything else. */
const letters = () => Math.round(Math.max(11, Math.min(window.innerWidth / 76, window.innerHeight / 43)));

function useLetters(): number {
  const [size, set] = useState(letters());
  useEffect(() => {
    const look = () => set(letters());
    addEventListener("resize", look);
    return () => removeEventListener("resize", look);
  }, []);
  return size;
}

/** The quarter of an hour that goes on, as minutes after midnight here. */
const quarter = computed(() => {
  return Math.floor(minuteAt(new Date(now.value)) / 15) * 15;
});

function Head() {
  const t = words.value;
  const at = new Date(now.value);
  const locale = document.documentElement.lang;
  return (
    <header class="wall-head">
      <h1>{t.wall.title}</h1>
      <p class="soft date">
        {at.toLocaleDateString(locale, { year: "numeric", month: "long", day: "numeric", weekday: "long", ...here() })}
      </p>
      <span class="grow" />
      <span class="switches">
        <Switches />
        <button type="button" class="quiet small" onClick={() => void document.documentElement.requestFullscreen()}>
          {t.wall.full}
        </button>
      </span>
      <p class="time" data-field="clock">
        {at.toLocaleTimeString(locale, {
          hour: "2-digit",
          minute: "2-digit",
          second: "2-digit",
          hourCycle: "h23",
          ...here(),
        })}
      </p>
    </header>
  );
}

function Rate({
  name,
  share,
  goal,
  field,
}: {
  name: string;
  share: number | null | undefined;
  goal: number;
  field: string;
}) {
  const t = words.value.wall;
  const met = share === null || share === undefined ? null : share >= goal;
  return (
    <div class={`tile rate ${met === null ? "" : met ? "met" : "missed"}`} data-field={field}>
      <p class="name">{name}</p>
      <p class="value">{percent(share, goal)}</p>
      <p class="under">
        {t.goal(percent(goal))} <strong>{met === null ? t.noRate : met ? `✓ ${t.met}` : `▼ ${t.missed}`}</strong>
      </p>
    </div>
  );
}

/** As large as it fits: a number that has more than so many letters is written smaller, on a line of the same height. */
function Value({ text, fits }: { text: string; fits: number }) {
  const scale = Math.min(1, fits / text.length);
  return (
    <p class="value" style={scale < 1 ? { fontSize: `${4.7 * scale}em`, lineHeight: 1.08 / scale } : {}}>
      {text}
    </p>
  );
}

function Tiles() {
  const t = words.value.wall;
  const today = figures.value;
  if (!today) return null;
  return (
    <section class="tiles">
      <div class="tile" data-field="offered">
        <p class="name">{t.callsToday}</p>
        <Value text={count(today.offered)} fits={6} />
        <p class="under">
          {t.answeredToday} <span data-field="answered">{count(today.answered)}</span>
        </p>
      </div>
      <div class={`tile ${today.waiting > 0 ? "warned" : ""}`} data-field="waiting">
        <p class="name">{t.waiting}</p>
        <Value text={count(today.waiting)} fits={3} />
        <p class="under">
          {words.value.supervisor.talking} {count(today.talking ?? 0)}
        </p>
      </div>
      <Longest since_={today.longest_since} within={today.answer_within_ms} />
      <Rate field="level" name={t.level(today.answer_within_ms / 1000)} share={today.service_level} goal={today.goal} />
      <Rate field="level15" name={t.level15} share={today.service_level_15min} goal={today.goal} />
    </section>
  );
}

/** Nobody waits: that is known, and it is nothing. */
function Longest({ since_, within }: { since_: string | null | undefined; within: number }) {
  const t = words.value.wall;
  const longest = since(since_, now.value);
  return (
    <div class={`tile ${longest > within ? "missed" : ""}`} data-field="longest">
      <p class="name">{t.longest}</p>
      <Value text={clock(longest)} fits={4.5} />
      <p class="under">{since_ ? t.within(within / 1000) : t.nobodyWaits}</p>
    </div>
  );
}

/** Made anew only with new figures, not with each second: the chart is drawn when it changes. Days without a call are
 * not known, and are not drawn as days on which nobody called. */
const curves = computed<Line[]>(() => {
  const t = words.value.wall;
  const today = figures.value;
  const offered = (one: Quarter) => one.offered;
  const lines: Line[] = [
    { name: t.today, colour: "--accent", kind: "bars", values: laidOut(today?.quarters, offered, quarter.value) },
  ];
  if (today?.yesterday?.length)
    lines.push({ name: t.yesterday, colour: "--warn", kind: "line", values: laidOut(today.yesterday, offered) });
  if (today?.last_week?.length)
    lines.push({
      name: t.lastWeek,
      colour: "--line-strong",
      kind: "dashed",
      values: laidOut(today.last_week, offered),
    });
  return lines;
});

function Quarters() {
  const t = words.value.wall;
  return (
    <section class="box quarters">
      <h2>{t.byQuarter}</h2>
      <Chart title={t.byQuarter} minutes={MINUTES} letters={useLetters()} lines={curves.value} />
    </section>
  );
}

function People() {
  const t = words.value;
  return (
    <section class="box people">
      <h2>{t.wall.operators}</h2>
      <ul>
        {PLACES.map((state) => (
          <li key={state} data-state={state}>
            <span class="value">{byState.value.get(state) ?? 0}</span>
            <span class="name">{t.state[state]}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface Bar {
  id: string;
  name: string;
  count: number;
}

/** So many rows can be read across a hall; what is less than they is summed in the last. */
const ROWS = 5;

function few(list: Bar[], rest: string): Bar[] {
  if (list.length <= ROWS) return list;
  const others = list.slice(ROWS - 1).reduce((sum, bar) => sum + bar.count, 0);
  return [...list.slice(0, ROWS - 1), { id: "others", name: rest, count: others }];
}

function Bars({
  title,
  list,
  none,
  good,
  sum,
}: {
  title: string;
  list: Bar[];
  none: string;
  good?: boolean;
  sum?: string;
}) {
  const shown = few(list, words.value.wall.others);
  const most = Math.max(1, ...shown.map((bar) => bar.count));
  return (
    <section class="box bars">
      <h2>
        {title}
        {sum && <span class="sum">{sum}</span>}
      </h2>
      {list.length === 0 ? (
        <p class={`none ${good ? "good-text" : "soft"}`}>{none}</p>
      ) : (
        <ul>
          {shown.map((bar) => (
            <li key={bar.id} data-bar={bar.id}>
              <span class="name">{bar.name}</span>
              <span class="track" aria-hidden="true">
                <span style={{ inlineSize: `${(bar.count / most) * 100}%` }} />
              </span>
              <span class="value">{count(bar.count)}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** So many are told one by one: they have one line. */
const TOLD = 3;

/** Who was called and how far it has come: of whose call it is the hall is told nothing. */
function Emergencies() {
  const t = words.value.emergency;
  const list = emergencies.value;
  if (list.length === 0) return null;
  return (
    <p class="wall-notice" data-state="urgent" data-field="emergencies">
      ▲ {t.title}
      {list.slice(0, TOLD).map((call) => (
        <span key={call.id} class="one">
          {call.emergency.target} {stageOf(call)} <Since at={sinceWhen(call)} />
        </span>
      ))}
      {list.length > TOLD && <span class="one">{t.more(list.length - TOLD)}</span>}
    </p>
  );
}

function Wall() {
  const t = words.value;
  const today = figures.value;
  useEffect(() => {
    document.title = `${t.page.wall} · ${t.common.house}`;
  }, [t]);
  const most = (a: Bar, b: Bar) => b.count - a.count || a.name.localeCompare(b.name);
  const categories = (today?.categories ?? []).map((one) => ({ ...one, name: one.name || one.id })).sort(most);
  const ledger = Object.entries(today?.ledger ?? {})
    .filter(([, number]) => number > 0)
    .map(([id, number]) => ({ id, name: open(t.cause, id), count: number }))
    .sort(most);
  const seconds = (today?.answer_within_ms ?? 15_000) / 1000;
  const notice = standing.value[0];
  const late = ledger.reduce((sum, bar) => sum + bar.count, 0);
  const begun = (today?.offered ?? 0) > 0;
  const live = connection.value.state !== "lost";
  return (
    <>
      <ConnectionBar />
      <main class={`wall ${live ? "" : "stale"}`} id="main">
        <Head />
        {(notice || closing() || emergencies.value.length > 0) && (
          <div class="wall-notices">
            <Emergencies />
            {closing() && (
              <p class="wall-notice" data-state="warning" role="status">
                {closing()}
              </p>
            )}
            {notice && (
              <p class="wall-notice" data-state={notice.level} role="status">
                {notice.text}
              </p>
            )}
          </div>
        )}
        <Tiles />
        <div class="middle">
          <Quarters />
          <People />
        </div>
        <div class="low">
          <Bars title={t.wall.categories} list={categories} none={t.wall.noCalls} />
          <Bars
            title={t.wall.ledger(seconds)}
            list={ledger}
            none={begun ? t.wall.ledgerNone : t.wall.noCalls}
            good={begun}
            {...(late > 0 ? { sum: t.wall.ledgerSum(count(late)) } : {})}
          />
        </div>
      </main>
    </>
  );
}

// A day begins: what was today is yesterday, and that comes with the board only.
let day = today(new Date(now.value));
now.subscribe((at) => {
  const next = today(new Date(at));
  if (next !== day) setTimeout(refresh, 5_000);
  day = next;
});

begin("wall", Wall);
