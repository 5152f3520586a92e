// The program itself, with a house of this test's own: ports, data, operators with passwords, and citizens who call.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CallRecord } from "../../web/src/words.ts";
import { freePort, LAST_SOUND, SOUND } from "./ports.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const PROGRAM = process.env.HOTLINE ?? join(ROOT, "target/debug/hotline");
export const PASSWORD = "correct horse";

const RATE = 8_000;

/** A WAV with one tone, so loud that it is found again behind a codec. */
export function tone(hz: number, seconds: number): Buffer {
  const samples = RATE * seconds;
  const wav = Buffer.alloc(44 + samples * 2);
  wav.write("RIFF", 0);
  wav.writeUInt32LE(36 + samples * 2, 4);
  wav.write("WAVEfmt ", 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(RATE, 24);
  wav.writeUInt32LE(RATE * 2, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write("data", 36);
  wav.writeUInt32LE(samples * 2, 40);
  for (let i = 0; i < samples; i++) wav.writeInt16LE(Math.round(12_000 * Math.sin((2 * Math.PI * hz * i) / RATE)), 44 + i * 2);
  return wav;
}

/** How much of the sound of a recording is at this frequency (Goertzel), 0 to 1, in its loudest second. */
export function share(wav: Buffer, hz: number): number {
  const data = wav.indexOf("data") + 8;
  const rate = wav.readUInt32LE(24);
  const samples = Array.from({ length: Math.floor((wav.length - data) / 2) }, (_, i) => wav.readInt16LE(data + i * 2));
  let best = 0;
  for (let from = 0; from + rate <= samples.length; from += rate / 2) {
    const second = samples.slice(from, from + rate);
    const energy = second.reduce((sum, one) => sum + one * one, 0);
    if (energy / rate < 10_000) continue;
    const turn = 2 * Math.cos((2 * Math.PI * hz) / rate);
    let [a, b] = [0, 0];
    for (const one of second) [a, b] = [one + turn * a - b, a];
    best = Math.max(best, (2 * (a * a + b * b - turn * a * b)) / (energy * rate));
  }
  return best;
}

/** Written behind the files of the house, and its environment. */
export interface More {
  /** Operators sit at their seats from the beginning, and are ready when a phone is there. */
  seated?: boolean;
  /** Of the one trunk. */
  trunk?: string;
  hotline?: string;
  queues?: string;
  environment?: Record<string, string>;
}

export class House {
  readonly url: string;
  /** Where phones that are no pages of ours speak SIP over a WebSocket. */
  readonly phones: string;
  /** A port whose pages the house lets speak SIP. */
  readonly foreign: number;
  private readonly dir: string;
  private readonly sip: number;
  private program: ChildProcess;
  private readonly environment: Record<string, string>;
  private readonly citizens: ChildProcess[] = [];
  private said = "";

  private constructor(dir: string, web: number, sip: number, ws: number, foreign: number, environment: Record<string, string>) {
    this.foreign = foreign;
    this.phones = `ws://127.0.0.1:${ws}`;
    this.dir = dir;
    this.sip = sip;
    this.url = `http://127.0.0.1:${web}`;
    this.environment = environment;
    this.program = this.begin();
  }

  private begin(): ChildProcess {
    const program = spawn(PROGRAM, ["serve", "--config", join(this.dir, "config"), "--data", join(this.dir, "data")], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...this.environment },
    });
    this.listen(program);
    return program;
  }

  private listen(program: ChildProcess): void {
    for (const stream of [program.stdout, program.stderr]) {
      stream?.on("data", (text: Buffer) => {
        this.said = (this.said + text.toString()).slice(-200_000);
      });
    }
  }

  private async opens(): Promise<void> {
    for (let tries = 0; ; tries++) {
      const ready = await fetch(`${this.url}/readyz`).catch(() => null);
      if (ready?.ok) return;
      if (tries > 150 || this.program.exitCode !== null) {
        await this.close();
        throw new Error(`the house does not open:\n${this.said}`);
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  /** As when the power fails: it says nothing to anybody, and begins again with what it kept. */
  async crash(): Promise<void> {
    const gone = new Promise<void>((done) => this.program.once("exit", () => done()));
    this.program.kill("SIGKILL");
    await gone;
    this.program = this.begin();
    await this.opens();
  }

  static async open(more: More = {}): Promise<House> {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not there: cargo build`);
    const dir = mkdtempSync(join(tmpdir(), "hotline-house-"));
    const [web, ws, foreign, sip] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const config = join(dir, "config");
    mkdirSync(config);
    writeFileSync(
      join(config, "hotline.toml"),
      `[sip]\nlisten = ["udp:127.0.0.1:${sip}", "ws:127.0.0.1:${ws}"]\n[[trunk]]\nid = "test"\nfrom = ["127.0.0.1"]\n${more.trunk ?? ""}` +
        `[media]\nports = "${SOUND}-${LAST_SOUND}"\nprompts = "${join(ROOT, "prompts")}"\nworkers = 1\n[house]\ndrain = "2s"\n` +
        `[web]\nlisten = "127.0.0.1:${web}"\norigins = ["http://127.0.0.1:${foreign}"]\n[[web.person]]\nid = "mei"\nname = "Mei"\nroles = ["supervisor", "admin"]\n` +
        `[[web.person]]\nid = "hall"\nname = "Hall"\nroles = ["wall"]\n` +
        (more.hotline ?? ""),
    );
    writeFileSync(join(config, "menu.toml"), '[[number]]\nnumber = "12345"\nqueue = "citizen"\nlanguage = "zh"\n');
    writeFileSync(
      join(config, "queues.toml"),
      'reasons = ["break", "meal"]\n[[queue]]\nid = "citizen"\nneed = "mandarin >= 1"\nring = "20s"\nwrap_up = "8s"\nwrap_up_max = "60s"\nanswer_within = "15s"\n' +
        (more.queues ?? ""),
    );
    const people = ["1001", "1002", "1003"].map(
      (id, i) =>
        `[[seat]]\nid = "800${i + 1}"\nsecret = "open-sesame"\n[[operator]]\nid = "${id}"\nname = "${["Anna", "Boris", "Clara"][i]}"\n` +
        `skills = { mandarin = 5 }\n${more.seated ? `seat = "800${i + 1}"\n` : ""}${id === "1003" ? "supervisor = true\n" : ""}`,
    );
    writeFileSync(join(config, "operators.toml"), people.join(""));
    mkdirSync(join(dir, "data"), { recursive: true });
    for (const who of ["1001", "1002", "1003", "mei", "hall"]) {
      execFileSync(PROGRAM, ["password", who, "--config", config, "--data", join(dir, "data")], { input: `${PASSWORD}\n` });
    }
    const house = new House(dir, web, sip, ws, foreign, more.environment ?? {});
    await house.opens();
    return house;
  }

  /** A citizen calls, speaks a tone, and writes down what they hear. */
  call(name: string, more: string[] = [], seconds = 120): { recording: string; ended: Promise<void>; hangUp: () => void } {
    const recording = join(this.dir, `${name}.wav`);
    const spoken = join(this.dir, `${name}-says.wav`);
    writeFileSync(spoken, tone(600, 30));
    const args = ["call", `sip:12345@127.0.0.1:${this.sip}`, "--say", spoken, "--record", recording, "--for", `${seconds}s`, ...more];
    const citizen = spawn(PROGRAM, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.citizens.push(citizen);
    this.listen(citizen);
    const ended = new Promise<void>((done) => citizen.once("exit", () => done()));
    return { recording, ended, hangUp: () => void citizen.kill("SIGINT") };
  }

  /** A phone that answers at this seat and speaks a tone. */
  seat(seat: string, hz: number): void {
    const spoken = join(this.dir, `${seat}-says.wav`);
    writeFileSync(spoken, tone(hz, 30));
    const args = ["seat", seat, "--server", `127.0.0.1:${this.sip}`, "--answer-after", "500ms", "--say", spoken];
    const environment = { ...process.env, HOTLINE_SEAT_SECRET: "open-sesame" };
    const phone = spawn(PROGRAM, args, { stdio: ["ignore", "pipe", "pipe"], env: environment });
    this.listen(phone);
    this.citizens.push(phone);
  }

  records(): CallRecord[] {
    const text = execFileSync(PROGRAM, ["records", "--format", "jsonl", "--data", join(this.dir, "data")]).toString();
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as CallRecord);
  }

  log(): string {
    return this.said;
  }

  async close(): Promise<void> {
    for (const process of [...this.citizens, this.program]) {
      if (process.exitCode !== null || process.signalCode !== null) continue;
      const gone = new Promise<void>((done) => process.once("exit", () => done()));
      process.kill("SIGTERM");
      const late = setTimeout(() => process.kill("SIGKILL"), 8_000);
      await gone;
      clearTimeout(late);
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}
