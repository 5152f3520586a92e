// Microphones and headphones: which there are, which was chosen here, and what the browser says against them.

import { signal } from "@preact/signals";

const KEYS = { microphone: "hotline.microphone", speaker: "hotline.speaker", ringer: "hotline.ringer" };
export type Role = keyof typeof KEYS;

function kept(role: Role): string {
  try {
    return localStorage.getItem(KEYS[role]) ?? "";
  } catch {
    return "";
  }
}

/** Empty: the system's default. */
export const chosen = {
  microphone: signal(kept("microphone")),
  speaker: signal(kept("speaker")),
  ringer: signal(kept("ringer")),
};
export const inputs = signal<MediaDeviceInfo[]>([]);
export const outputs = signal<MediaDeviceInfo[]>([]);

export function choose(role: Role, device: string): void {
  chosen[role].value = device;
  try {
    localStorage.setItem(KEYS[role], device);
  } catch {
    // It holds for this page only.
  }
}

/** Browsers hide microphones from pages that came over plain HTTP from elsewhere. */
export const allowed = () => typeof navigator.mediaDevices?.getUserMedia === "function";

export async function look(): Promise<void> {
  if (!allowed()) return;
  const devices = await navigator.mediaDevices.enumerateDevices();
  inputs.value = devices.filter((device) => device.kind === "audioinput");
  outputs.value = devices.filter((device) => device.kind === "audiooutput");
}

export function constraints(): MediaTrackConstraints {
  const device = chosen.microphone.value;
  return {
    ...(device ? { deviceId: { ideal: device } } : {}),
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
  };
}

export async function microphone(): Promise<MediaStream> {
  return navigator.mediaDevices.getUserMedia({ audio: constraints(), video: false });
}

/** Sends the sound of an element to the device that was chosen for it, where the browser can. */
export async function route(element: HTMLAudioElement, role: "speaker" | "ringer"): Promise<void> {
  const device = chosen[role].value;
  if (typeof element.setSinkId !== "function") return;
  try {
    await element.setSinkId(device);
  } catch {
    // The device is gone: the default is better than silence.
    await element.setSinkId("").catch(() => {});
  }
}

/** How loud it is, 0 to 1, as often as asked. */
export class Meter {
  private readonly context = new AudioContext();
  private readonly analyser = this.context.createAnalyser();
  private readonly samples: Float32Array<ArrayBuffer>;

  constructor(stream: MediaStream) {
    this.analyser.fftSize = 1024;
    this.samples = new Float32Array(this.analyser.fftSize);
    this.context.createMediaStreamSource(stream).connect(this.analyser);
    void this.context.resume();
  }

  level(): number {
    this.analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += sample * sample;
    const loud = Math.sqrt(sum / this.samples.length);
    // From -60 dB to 0 dB.
    return loud <= 0 ? 0 : Math.min(1, Math.max(0, 1 + Math.log10(loud) / 3));
  }

  close(): void {
    void this.context.close();
  }
}
