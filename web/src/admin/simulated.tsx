// What a day came to that was played with the files in force and with those that are tried: two curves and a table.

import { signal } from "@preact/signals";
import { queues } from "../board";
import { MINUTES } from "../day";
import { count } from "../format";
import { called, open, words } from "../language";
import { Chart } from "../parts/chart";
import type { Figure, Names, Played, Simulated } from "../words";

/** With the day that was asked for: a date of the records, or none. */
export const simulated = signal<{ played: Simulated; recorded: string } | null>(null);
export const skillNames = signal<Record<string, Names>>({});

const share = (value: number | null | undefined) => (value == null ? null : Math.round(value * 1000) / 10);
const seconds = (value: number | null | undefined) => (value == null ? null : Math.round(value / 1000));

/** Where the scale of shares begins: a whole ten below the worst quarter, so that differences are seen. */
function lowest(quarters: { before: Played; after: Played }[]): number {
  const shares = quarters.flatMap((one) => [one.before.service_level ?? 1, one.after.service_level ?? 1]);
  return Math.max(0, Math.floor(Math.min(...shares, 0.9) * 10) * 10 - 10);
}

/** What never happened is left out, but for the calls themselves. */
function worthALine({ name, unit, first, second }: Figure): boolean {
  return unit !== "count" || name === "offered" || name === "answered" || !!first?.mean || !!second?.mean;
}

function value(of: { mean: number } | null | undefined, unit: Figure["unit"], signed = false): string {
  if (!of) return "–";
  const sign = signed && of.mean > 0 ? "+" : "";
  if (unit === "count") return sign + count(Math.round(of.mean));
  const digits = (n: number) =>
    n.toLocaleString(document.documentElement.lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  // What is between two percentages is counted in points.
  const share = signed ? ` ${words.value.common.unit.points}` : "%";
  return unit === "share"
    ? `${sign}${digits(of.mean * 100)}${share}`
    : `${sign}${digits(of.mean)} ${words.value.common.unit.s}`;
}

function Figures({ figures }: { figures: Figure[] }) {
  const t = words.value.admin;
  const of = (id: string) => called({ id, name: queues.value.get(id)?.name, names: skillNames.value[id] });
  return (
    <table class="figures" data-table="simulated">
      <thead>
        <tr>
          <th scope="col">{t.figure}</th>
          {[t.before, t.after, t.difference].map((head) => (
            <th key={head} scope="col" class="number">
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {figures.filter(worthALine).map((one) => (
          <tr key={`${one.name} ${one.of ?? ""}`}>
            <th scope="row" class={one.of ? "of" : ""}>
              {open(t.figures, one.name)}
              {one.of && <span class="soft"> · {of(one.of)}</span>}
            </th>
            <td class="number">{value(one.first, one.unit)}</td>
            <td class="number">{value(one.second, one.unit)}</td>
            <td class="number strong">{value(one.difference, one.unit, true)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function SimulatedPanel() {
  const t = words.value;
  if (!simulated.value) return null;
  const { played, recorded } = simulated.value;
  const quarters = played.quarters ?? [];
  const of = (pick: (quarter: (typeof quarters)[number]) => number | null | undefined) => {
    const values = new Map(quarters.map((quarter) => [quarter.minute, pick(quarter) ?? null]));
    return MINUTES.map((minute) => values.get(minute) ?? null);
  };
  const most = (pick: (one: { added_operators?: number; added_seats?: number }) => number | undefined) =>
    Math.max(0, ...(played.configurations ?? []).map((one) => pick(one) ?? 0));
  const [operators, seats] = [most((one) => one.added_operators), most((one) => one.added_seats)];
  return (
    <section class="panel stack" data-panel="simulated">
      <h2>{t.admin.simulated}</h2>
      <p class="hint">
        {recorded ? t.admin.dayWas(recorded) : t.admin.dayWasCity}{" "}
        {operators + seats > 0 && t.admin.madeUp(operators, seats)}
      </p>
      {quarters.length === 0 && !played.figures?.length && <p class="soft">{t.admin.nothingPlayed}</p>}
      {quarters.length > 0 && (
        <div class="curves">
          <Chart
            title={t.operator.level}
            minutes={MINUTES}
            unit={(value) => `${value}%`}
            from={lowest(quarters)}
            to={101}
            lines={[
              {
                name: `${t.operator.level} · ${t.admin.before}`,
                colour: "--line-strong",
                kind: "dashed",
                values: of((q) => share(q.before.service_level)),
              },
              {
                name: t.admin.after,
                colour: "--accent",
                kind: "line",
                values: of((q) => share(q.after.service_level)),
              },
            ]}
          />
          <Chart
            title={t.supervisor.longest}
            minutes={MINUTES}
            unit={(value) => `${value} ${t.common.unit.s}`}
            lines={[
              {
                name: `${t.supervisor.longest} · ${t.admin.before}`,
                colour: "--line-strong",
                kind: "dashed",
                values: of((q) => seconds(q.before.longest_wait_ms)),
              },
              {
                name: t.admin.after,
                colour: "--accent",
                kind: "line",
                values: of((q) => seconds(q.after.longest_wait_ms)),
              },
            ]}
          />
        </div>
      )}
      {played.figures && <Figures figures={played.figures} />}
    </section>
  );
}
