// The headset: which microphone, which headphones, how loud; a tone to hear.

import { useEffect, useRef, useState } from "preact/hooks";
import { words } from "../language";
import * as devices from "../phone/devices";
import { type Fault, microphoneFault } from "../phone/state";
import { play } from "../phone/tone";
import "../style/meter.css";

/** Louder than this is somebody who speaks, from 0 to 1. */
const SPOKEN = 0.35;

export function Headset({ onChange }: { onChange?: () => void }) {
  const t = words.value.signin;
  const [running, run] = useState(false);
  const [heard, hear] = useState(false);
  const [late, beLate] = useState(false);
  const [fault, fail] = useState<Fault | null>(devices.allowed() ? null : "insecure");
  const bar = useRef<HTMLDivElement>(null);
  const microphone = devices.chosen.microphone.value;

  useEffect(() => {
    if (!running) return;
    let over = false;
    let frame = 0;
    let stream: MediaStream | null = null;
    let meter: devices.Meter | null = null;
    hear(false);
    beLate(false);
    const timer = setTimeout(() => beLate(true), 5_000);
    devices.microphone().then(
      async (found) => {
        if (over) return found.getTracks().forEach((track) => track.stop());
        stream = found;
        fail(null);
        await devices.look();
        const listening = new devices.Meter(found);
        meter = listening;
        const draw = () => {
          const level = listening.level();
          if (level > SPOKEN) hear(true);
          if (bar.current) {
            bar.current.style.inlineSize = `${Math.round(level * 100)}%`;
            bar.current.parentElement?.setAttribute("aria-valuenow", String(Math.round(level * 100)));
          }
          frame = requestAnimationFrame(draw);
        };
        draw();
      },
      (error: DOMException) => {
        fail(microphoneFault(error.name));
        run(false);
      },
    );
    return () => {
      over = true;
      clearTimeout(timer);
      cancelAnimationFrame(frame);
      meter?.close();
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, [running, microphone]);

  const list = (role: devices.Role, name: string, of: MediaDeviceInfo[]) => (
    <label>
      {name}
      <select
        value={devices.chosen[role].value}
        onChange={(event) => {
          devices.choose(role, event.currentTarget.value);
          onChange?.();
        }}
      >
        <option value="">{t.standard}</option>
        {of
          .filter((device) => device.deviceId !== "" && device.deviceId !== "default")
          .map((device) => (
            <option key={device.deviceId} value={device.deviceId}>
              {device.label || device.deviceId.slice(0, 8)}
            </option>
          ))}
      </select>
    </label>
  );
  return (
    <div class="stack headset">
      <p class="hint">{t.headsetLead}</p>
      {fault && (
        <p role="alert" class="bad-text">
          <strong>{words.value.fault[fault].title}</strong> {words.value.fault[fault].what}
        </p>
      )}
      {list("microphone", t.microphone, devices.inputs.value)}
      {list("speaker", t.speaker, devices.outputs.value)}
      {list("ringer", t.ringer, devices.outputs.value)}
      <div class="level" role="meter" aria-label={t.level} aria-valuemin={0} aria-valuemax={100} aria-valuenow={0}>
        <div ref={bar} />
      </div>
      <p class={heard ? "good-text" : late ? "warn-text" : "soft"} aria-live="polite" data-heard={heard}>
        {running ? (heard ? `✓ ${t.heard}` : late ? t.silent : t.speak) : "\u00a0"}
      </p>
      <div class="row">
        <button type="button" class={running ? "on" : ""} disabled={fault === "insecure"} onClick={() => run(!running)}>
          {running ? t.stop : t.start}
        </button>
        <button type="button" onClick={() => void play()}>
          {t.play}
        </button>
      </div>
    </div>
  );
}
