// Sounds that the page makes itself: the ring, the test tone, and the beep when a call arrives by itself. A ring is a WAV
// made once, so that it can be sent to another device than the talk and needs no file.

import { route } from "./devices";

const RATE = 16_000;

/** `parts`: from when to when which frequencies sound, in seconds. */
function wav(seconds: number, parts: { from: number; to: number; hz: number[] }[], loud: number): string {
  const samples = Math.floor(seconds * RATE);
  const data = new DataView(new ArrayBuffer(44 + samples * 2));
  const text = (at: number, word: string) => [...word].forEach((c, i) => data.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF");
  data.setUint32(4, 36 + samples * 2, true);
  text(8, "WAVEfmt ");
  data.setUint32(16, 16, true);
  data.setUint16(20, 1, true);
  data.setUint16(22, 1, true);
  data.setUint32(24, RATE, true);
  data.setUint32(28, RATE * 2, true);
  data.setUint16(32, 2, true);
  data.setUint16(34, 16, true);
  text(36, "data");
  data.setUint32(40, samples * 2, true);
  for (const { from, to, hz } of parts) {
    for (let i = Math.floor(from * RATE); i < Math.min(samples, to * RATE); i++) {
      const t = i / RATE;
      const edge = Math.min(1, (t - from) / 0.02, (to - t) / 0.02);
      const value = hz.reduce((sum, f) => sum + Math.sin(2 * Math.PI * f * t), 0) / hz.length;
      data.setInt16(44 + i * 2, value * edge * loud * 32_767, true);
    }
  }
  return URL.createObjectURL(new Blob([data.buffer], { type: "audio/wav" }));
}

let ringer: HTMLAudioElement | null = null;
/** Counts what was begun and ended: a ring that was silenced before its device was found does not begin. */
let turn = 0;

/** Rings until `silence`. The promise fails if the browser does not let it. */
export async function ring(): Promise<void> {
  const mine = ++turn;
  ringer ??= new Audio(
    wav(
      3,
      [
        { from: 0, to: 0.4, hz: [784, 988] },
        { from: 0.5, to: 0.9, hz: [784, 988] },
      ],
      0.5,
    ),
  );
  ringer.loop = true;
  ringer.currentTime = 0;
  await route(ringer, "ringer");
  if (mine === turn) await ringer.play();
}

export function silence(): void {
  turn += 1;
  ringer?.pause();
}

let tone: HTMLAudioElement | null = null;

export async function play(): Promise<void> {
  tone ??= new Audio(
    wav(
      1.4,
      [
        { from: 0, to: 0.4, hz: [523] },
        { from: 0.45, to: 0.85, hz: [659] },
        { from: 0.9, to: 1.4, hz: [784] },
      ],
      0.4,
    ),
  );
  tone.currentTime = 0;
  await route(tone, "speaker");
  await tone.play();
}

let beep: HTMLAudioElement | null = null;

export async function beepOnce(): Promise<void> {
  beep ??= new Audio(wav(0.3, [{ from: 0, to: 0.25, hz: [880] }], 0.4));
  beep.currentTime = 0;
  await route(beep, "speaker");
  await beep.play().catch(() => {});
}
