// A chart over a day: bars and lines by uPlot, in the colours of the theme. It is made once and fed anew; it grows with its
// box and lets everything go when it is taken away.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { dark } from "../theme";
import "uplot/dist/uPlot.min.css";
import "../style/chart.css";

export interface Line {
  name: string;
  /** A custom property. */
  colour: string;
  kind: "bars" | "line" | "dashed";
  values: (number | null)[];
}

interface Props {
  /** What it shows, for who does not see it. */
  title: string;
  /** Minutes after midnight. */
  minutes: number[];
  lines: Line[];
  /** Of the letters, in px. */
  letters?: number;
  unit?: (value: number) => string;
  /** Where the scale begins; 0 if it is not said. */
  from?: number;
  /** Where it ends; else above the highest. */
  to?: number;
}

const hour = (minute: number) => `${Math.floor(minute / 60)}:${String(minute % 60).padStart(2, "0")}`;

/** Canvas knows no `light-dark()`: a property is asked for where it is used. */
function colour(element: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function options(element: HTMLElement, { minutes, lines, letters = 12, unit, from = 0, to }: Props): uPlot.Options {
  const soft = colour(element, "--soft");
  const grid = { stroke: colour(element, "--line"), width: 1 };
  const font = `${letters}px system-ui, sans-serif`;
  const bars = uPlot.paths.bars?.({ size: [0.72, 100] });
  const span = (minutes.at(-1) ?? 1440) - (minutes[0] ?? 0);
  return {
    width: Math.max(50, element.clientWidth),
    height: Math.max(50, element.clientHeight),
    legend: { show: false },
    cursor: { show: false },
    padding: [letters, letters, 0, 0],
    scales: { x: { time: false }, y: { range: (_, __, max) => [from, to ?? Math.max(5, max * 1.08)] } },
    axes: [
      {
        stroke: soft,
        font,
        grid: { show: false },
        ticks: { show: false },
        size: letters * 1.9,
        gap: letters * 0.4,
        splits: () => {
          const step = span > 600 ? 180 : span > 200 ? 60 : 15;
          const first = Math.ceil((minutes[0] ?? 0) / step) * step;
          return Array.from({ length: Math.floor(span / step) + 1 }, (_, i) => first + i * step);
        },
        values: (_, splits) => splits.map(hour),
      },
      {
        stroke: soft,
        font,
        grid,
        ticks: { show: false },
        size: letters * 4,
        space: letters * 2.2,
        incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1_000, 2_000, 5_000, 10_000],
        // Calls and percents are whole, and nothing is where the hours are.
        values: (_, splits) => splits.map((value) => (value === 0 ? "" : unit ? unit(value) : String(value))),
      },
    ],
    series: [
      {},
      ...lines.map((line): uPlot.Series => {
        const stroke = colour(element, line.colour);
        if (line.kind === "bars")
          return { fill: stroke, width: 0, points: { show: false }, ...(bars ? { paths: bars } : {}) };
        return {
          stroke,
          width: Math.max(2, letters / 7),
          points: { show: false },
          ...(line.kind === "dashed" ? { dash: [letters * 0.7, letters * 0.5] } : {}),
        };
      }),
    ],
  };
}

export function Chart(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const isDark = dark.value;
  const shape =
    props.lines.map((line) => `${line.kind}${line.colour}`).join() +
    (props.letters ?? 12) +
    props.minutes.length +
    (props.from ?? 0);
  const data = [props.minutes, ...props.lines.map((line) => line.values)] as uPlot.AlignedData;

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const made = new uPlot(options(element, props), data, element);
    plot.current = made;
    const size = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: element.clientHeight }));
    size.observe(element);
    return () => {
      size.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, isDark]);
  useEffect(() => {
    plot.current?.setData(data);
  }, [props.lines, props.minutes]);

  return (
    <figure class="chart">
      <figcaption>
        <span class="hidden">{props.title}: </span>
        {props.lines.map((line) => (
          <span key={line.name} class="key">
            <i class={line.kind} style={{ color: `var(${line.colour})` }} />
            {line.name}
          </span>
        ))}
      </figcaption>
      <div ref={box} class="plot" aria-hidden="true" />
    </figure>
  );
}
