// A recording: its waveform, drawn from the sound itself, and where one is in it.

import { useEffect, useRef, useState } from "preact/hooks";
import { api, segment } from "../api";
import { clock } from "../format";
import { words } from "../language";
import { dark } from "../theme";

/** Longer recordings are played, but not drawn: they would fill the memory of the page. */
const DRAWN = 64 * 1024 * 1024;
const BARS = 400;

/** The loudest of each of so many equal parts, 0 to 1. */
export function peaks(samples: Float32Array, parts: number): number[] {
  const size = Math.max(1, Math.ceil(samples.length / parts));
  const found: number[] = [];
  for (let at = 0; at < samples.length; at += size) {
    let most = 0;
    for (let i = at; i < Math.min(samples.length, at + size); i++) most = Math.max(most, Math.abs(samples[i] ?? 0));
    found.push(most);
  }
  return found;
}

export function Waveform({ call }: { call: string }) {
  const t = words.value.admin;
  const url = `${api}/records/${segment(call)}/recording`;
  const audio = useRef<HTMLAudioElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [wave, setWave] = useState<number[] | null>(null);
  const [at, setAt] = useState(0);
  const [length, setLength] = useState(0);
  const [playing, setPlaying] = useState(false);

  useEffect(() => {
    const stop = new AbortController();
    const read = async () => {
      const response = await fetch(url, { signal: stop.signal });
      if (!response.ok || Number(response.headers.get("Content-Length")) > DRAWN) return;
      const decoder = new OfflineAudioContext(1, 1, 8_000);
      const sound = await decoder.decodeAudioData(await response.arrayBuffer());
      setLength(sound.duration);
      setWave(peaks(sound.getChannelData(0), BARS));
    };
    read().catch(() => {});
    return () => stop.abort();
  }, [url]);

  const share = length > 0 ? at / length : 0;
  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext("2d");
    if (!element || !pen || !wave) return;
    const style = getComputedStyle(element);
    const ratio = window.devicePixelRatio || 1;
    element.width = element.clientWidth * ratio;
    element.height = element.clientHeight * ratio;
    const step = element.width / wave.length;
    wave.forEach((loud, i) => {
      pen.fillStyle = i / wave.length <= share ? style.color : style.borderTopColor;
      const high = Math.max(1, loud * element.height);
      pen.fillRect(i * step, (element.height - high) / 2, Math.max(1, step * 0.7), high);
    });
  }, [wave, share, dark.value]);

  const go = (to: number) => {
    if (audio.current && length > 0) audio.current.currentTime = Math.min(length, Math.max(0, to));
  };
  return (
    <div class="waveform">
      {/* biome-ignore lint/a11y/useMediaCaption: nobody has written down what was said. */}
      <audio
        ref={audio}
        src={url}
        preload="metadata"
        onTimeUpdate={(event) => setAt(event.currentTarget.currentTime)}
        onLoadedMetadata={(event) =>
          Number.isFinite(event.currentTarget.duration) && setLength(event.currentTarget.duration)
        }
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
      />
      <button type="button" onClick={() => (playing ? audio.current?.pause() : void audio.current?.play())}>
        {playing ? `❚❚ ${t.pause}` : `▶ ${t.play}`}
      </button>
      <canvas
        ref={canvas}
        role="slider"
        tabIndex={0}
        aria-label={t.waveform}
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
      <span class="number">
        {clock(at * 1000)} / {clock(length * 1000)}
      </span>
    </div>
  );
}
