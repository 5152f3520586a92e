// A recording: what was loud when, of each side, and where one is in it.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, get, segment } from "../api";
import { clock } from "../format";
import { words } from "../language";
import { dark } from "../theme";
import type { Recording } from "../words";

const POINTS = 600;
const SPEEDS = [1, 1.25, 1.5, 2];

interface Peaks {
  length_ms: number;
  /** The loudest of each of so many equal stretches, 0 to 1: the caller first, then the operator. */
  channels: number[][];
}

/** Each channel in a lane of its own; what was heard already in the accent. */
function draw(element: HTMLCanvasElement, channels: number[][], share: number): void {
  const pen = element.getContext("2d");
  if (!pen) return;
  const style = getComputedStyle(element);
  const ratio = window.devicePixelRatio || 1;
  element.width = element.clientWidth * ratio;
  element.height = element.clientHeight * ratio;
  const lane = element.height / channels.length;
  channels.forEach((peaks, channel) => {
    const step = element.width / peaks.length;
    peaks.forEach((loud, i) => {
      pen.fillStyle = i / peaks.length <= share ? style.color : style.borderTopColor;
      const high = Math.max(1, loud * (lane - 4));
      pen.fillRect(i * step, lane * channel + (lane - high) / 2, Math.max(1, step * 0.7), high);
    });
  });
}

export function Waveform({ call, recording }: { call: string; recording: Recording }) {
  const t = words.value.admin;
  const url = `${api}/records/${segment(call)}/recording`;
  const audio = useRef<HTMLAudioElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [peaks, setPeaks] = useState<Peaks | "unknown" | null>(null);
  const [at, setAt] = useState(0);
  const [length, setLength] = useState((recording.length_ms ?? 0) / 1000);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(1);

  useEffect(() => {
    let over = false;
    get<Peaks>(`/records/${segment(call)}/recording/peaks?points=${POINTS}`).then(
      (found) => {
        if (over) return;
        setPeaks(found);
        setLength(found.length_ms / 1000);
      },
      () => !over && setPeaks("unknown"),
    );
    return () => {
      over = true;
    };
  }, [call]);

  const share = length > 0 ? at / length : 0;
  const channels = peaks && peaks !== "unknown" ? peaks.channels.filter((one) => one.length > 0) : [];
  useEffect(() => {
    const element = canvas.current;
    if (!element || channels.length === 0) return;
    const again = () => draw(element, channels, share);
    again();
    const size = new ResizeObserver(again);
    size.observe(element);
    return () => size.disconnect();
  }, [peaks, share, dark.value]);

  const go = (to: number) => {
    if (audio.current && length > 0) audio.current.currentTime = Math.min(length, Math.max(0, to));
  };
  return (
    <div class="waveform">
      {/* biome-ignore lint/a11y/useMediaCaption: nobody has written down what was said. */}
      <audio
        ref={audio}
        src={url}
        preload="none"
        onTimeUpdate={(event) => setAt(event.currentTarget.currentTime)}
        onPlay={(event) => {
          event.currentTarget.playbackRate = speed;
          setPlaying(true);
        }}
        onPause={() => setPlaying(false)}
      />
      <div class="wave">
        <div class="lanes" aria-hidden="true">
          {channels.length > 1 && t.channels.map((name) => <span key={name}>{name}</span>)}
        </div>
        <canvas
          ref={canvas}
          class={channels.length > 1 ? "two" : ""}
          role="slider"
          tabIndex={0}
          aria-label={t.waveform}
          title={t.waveform}
          aria-valuemin={0}
          aria-valuemax={Math.round(length)}
          aria-valuenow={Math.round(at)}
          aria-valuetext={clock(at * 1000)}
          onClick={(event) => go((event.offsetX / event.currentTarget.clientWidth) * length)}
          onKeyDown={(event) => {
            const step = event.key === "ArrowRight" ? 5 : event.key === "ArrowLeft" ? -5 : 0;
            if (step) go(at + step);
          }}
        />
      </div>
      <div class="row">
        <button type="button" onClick={() => (playing ? audio.current?.pause() : void audio.current?.play())}>
          {playing ? `❚❚ ${t.pause}` : `▶ ${t.play}`}
        </button>
        <span>
          {clock(at * 1000)} / {clock(length * 1000)}
        </span>
        <select
          class="inline"
          aria-label={t.speed}
          value={String(speed)}
          onChange={(event) => {
            const next = Number(event.currentTarget.value);
            setSpeed(next);
            if (audio.current) audio.current.playbackRate = next;
          }}
        >
          {SPEEDS.map((one) => (
            <option key={one} value={String(one)}>
              {one}×
            </option>
          ))}
        </select>
        {peaks === "unknown" && <span class="soft">{t.noWaveform}</span>}
        {recording.sha256 === null && <span class="warn-text">{t.recordingGoesOn}</span>}
        <span class="grow" />
        <a href={url} download={`${call}.${recording.file?.split(".").pop() ?? "wav"}`}>
          {t.download}
        </a>
      </div>
    </div>
  );
}
