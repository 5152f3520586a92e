// The phone of the page: JsSIP over this origin's WebSocket, which the session's cookie vouches for. It answers and hangs
// up; everything else of a call is asked of the API.

import { signal } from "@preact/signals";
import JsSIP from "jssip/lib/JsSIP.js";
import type { RTCSession } from "jssip/lib/RTCSession.js";
import { get } from "../api";
import type { PhoneFacts } from "../words";
import * as devices from "./devices";
import { keepMuted, wasMuted } from "./muted";
import { after, type Counted, type Fault, grade, type Happening, IDLE, lossBetween, microphoneFault } from "./state";
import * as tabs from "./tabs";
import * as tone from "./tone";

export const phone = signal(IDLE);

const happens = (happening: Happening) => {
  phone.value = after(phone.value, happening);
};
const fault = (what: Fault) => happens({ is: "fault", fault: what });
const mended = (what: Fault) => happens({ is: "mended", fault: what });

/** A session and the microphone that is sent in it. Whoever waited for something looks whether it is still the present
 * one: much can happen while a browser asks for a microphone. */
interface Talk {
  readonly session: RTCSession;
  stream: MediaStream | null;
  answering: boolean;
}

/** Whether the house is known to have this call no longer. */
let isOver: (call: string) => boolean = () => false;
export const askWhetherOver = (ask: typeof isOver) => {
  isOver = ask;
};

let agent: JsSIP.UA | null = null;
let talk: Talk | null = null;
/** A ring that was taken away after it was to be answered, and before it was: a page that begins anew is rung by its former
 * ring, and the house, which it asks for one, rings anew. Whoever pressed once need not press again. */
let unheard: { call: string; at: number } | null = null;
const RINGS_ANEW = 3_000;
let facts: PhoneFacts | null = null;
const speaker = new Audio();
speaker.autoplay = true;

/** Between two tries to start or to register, in ms: the second after the first, doubled up to the last. */
const AGAIN = { first: 2_000, last: 30_000 };
let tries = 0;
let later: ReturnType<typeof setTimeout> | undefined;
/** Whoever started the phone wants it until they stop it. */
let wanted = false;
/** It is this tab's, and no other's. */
let here = false;
/** So long, in ms, the phone stays where it was while another tab takes it: nobody finds the seat without one. */
const MOVES = 2_000;
let parting: ReturnType<typeof setTimeout> | undefined;

function again(what: () => void): void {
  clearTimeout(later);
  if (!wanted || !here) return;
  later = setTimeout(what, Math.min(AGAIN.last, AGAIN.first * 2 ** tries));
  tries = Math.min(tries + 1, 8);
}

/** Every 2 s what arrived is looked at. */
const LOOK = 2_000;
/** So many looks without a packet are a fault; without any sound from the microphone too. */
const SILENT_LOOKS = 3;
const MUTE_LOOKS = 8;

/** Starts the phone, and again until it is started or stopped. */
export function start(): void {
  if (wanted) return;
  wanted = true;
  tries = 0;
  happens({ is: "started" });
  if (!devices.allowed()) fault("insecure");
  navigator.mediaDevices?.addEventListener("devicechange", devicesChanged);
  void devices.look();
  tabs.ask({ mine: comeHere, elsewhere: goElsewhere });
}

function comeHere(): void {
  here = true;
  clearTimeout(parting);
  if (phone.value.link === "elsewhere") happens({ is: "started" });
  if (agent) agent.register();
  else void connect();
}

function goElsewhere(): void {
  here = false;
  clearTimeout(later);
  happens({ is: "elsewhere" });
  clearTimeout(parting);
  parting = setTimeout(part, MOVES);
}

/** The seat's phone is another: what still talks here goes on, and nothing new comes. */
function part(): void {
  if (here || !agent) return;
  if (talk) return agent.unregister();
  const old = agent;
  agent = null;
  old.stop();
}

async function connect(): Promise<void> {
  try {
    facts = await get<PhoneFacts>("/phone");
  } catch {
    fault("link_lost");
    return again(() => void connect());
  }
  if (!wanted || !here || agent) return;
  const socket = new JsSIP.WebSocketInterface(socketAddress(facts.websocket));
  const made = new JsSIP.UA({
    sockets: [socket],
    uri: facts.uri,
    ...(facts.display_name ? { display_name: facts.display_name } : {}),
    register: true,
    register_expires: 120,
    session_timers: false,
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 4,
    user_agent: "hotline page",
  });
  agent = made;
  made.on("registered", () => {
    if (agent !== made || !here) return;
    tries = 0;
    happens({ is: "registered" });
  });
  made.on("disconnected", () => agent === made && happens({ is: "disconnected" }));
  made.on("registrationFailed", (event) => {
    if (agent !== made || !here) return;
    // Without an answer it is the connection. JsSIP registers again by itself only over a new one.
    happens({ is: event.response ? "refused" : "disconnected" });
    again(() => agent === made && made.isConnected() && made.register());
  });
  made.on("newRTCSession", (event: { originator: string; session: RTCSession; request: unknown }) => {
    if (agent === made && event.originator === "remote") take(event.session, event.request as Request_);
  });
  made.start();
}

/** From the tab that has it. */
export const takeHere = tabs.takeHere;

/** The network is there again: what waited for another try has it now, and a connection that is dead without knowing
 * shows by what is sent over it. */
export function lookAgain(): void {
  if (!wanted || !here) return;
  tries = 0;
  clearTimeout(later);
  if (!agent) void connect();
  else if (agent.isConnected()) agent.register();
  else (agent as unknown as { transport: { connect(): void } | null }).transport?.connect();
}

/** `why`: what is told afterwards. */
export function stop(why?: Fault): void {
  if (!wanted) return;
  wanted = false;
  here = false;
  clearTimeout(later);
  clearTimeout(parting);
  tabs.leave();
  const [old, former] = [agent, talk];
  [agent, talk] = [null, null];
  tone.silence();
  if (former) {
    former.session.terminate();
    letGo(former);
  }
  old?.stop();
  navigator.mediaDevices?.removeEventListener("devicechange", devicesChanged);
  happens({ is: "stopped" });
  if (why) fault(why);
}

function socketAddress(given: string): string {
  const url = new URL(given || "/sip", location.href);
  url.protocol = url.protocol === "https:" || url.protocol === "wss:" ? "wss:" : "ws:";
  // The cookie goes to this origin only, under whatever name it was opened.
  if (!/^wss?:/.test(given)) url.host = location.host;
  return url.toString();
}

interface Request_ {
  getHeader(name: string): string | undefined;
  from: { display_name: string; uri: { user: string } };
}

function answersByItself(request: Request_): boolean {
  const call = request.getHeader("Call-Info") ?? "";
  const alert = request.getHeader("Alert-Info") ?? "";
  return /answer-after\s*=\s*0\b/i.test(call) || /answer-after\s*=\s*0\b|alert-autoanswer/i.test(alert);
}

function take(next: RTCSession, request: Request_): void {
  const byItself = answersByItself(request);
  const call = request.getHeader("X-Hotline-Call") ?? null;
  const former = phone.value.session?.call ?? null;
  if (talk && !talk.session.isEnded()) {
    // The house offers no call to whom it knows in another: where it does, what stands here is left over.
    const leftOver = former !== null && (former === call || isOver(former));
    if (!byItself && !leftOver) {
      next.terminate({ status_code: 486 });
      return;
    }
    const old = talk;
    talk = null;
    if (old.answering && former === call && call !== null) unheard = { call, at: Date.now() };
    // The house gives this very call back, and ends the old session itself.
    if (!byItself || former !== call) old.session.terminate();
    letGo(old);
  }
  const mine: Talk = { session: next, stream: null, answering: false };
  talk = mine;
  // Who is rung anew begins to be heard; who gets a call back is as silent as before.
  const muted = byItself && wasMuted(call);
  if (!byItself && wasMuted(call)) keepMuted(call, false);
  happens({ is: "invited", call, from: request.from.uri.user, muted });
  next.on("accepted", () => talk === mine && happens({ is: "answering" }));
  next.on("confirmed", () => talk === mine && happens({ is: "talking" }));
  const over = () => {
    letGo(mine);
    if (talk !== mine) return;
    talk = null;
    tone.silence();
    happens({ is: "over" });
    if (!here) part();
  };
  next.on("ended", over);
  next.on("failed", ({ originator, cause }) => {
    const taken = originator === "remote" && cause === JsSIP.C.causes.CANCELED;
    if (taken && mine.answering && call !== null) unheard = { call, at: Date.now() };
    over();
  });
  next.on("getusermediafailed", (error: DOMException) => fault(microphoneFault(error?.name ?? "")));
  // The house learns our other addresses by itself (RFC 8445 §7.3.1.3): nobody waits for a STUN server that is away.
  next.on("icecandidate", ({ ready }) => void setTimeout(ready, 100));
  next.on("peerconnection", ({ peerconnection }) => {
    // Before it has a microphone: nothing of it is ever sent.
    if (muted) next.mute({ audio: true });
    watch(mine, peerconnection);
  });
  const pressed = unheard !== null && unheard.call === call && Date.now() - unheard.at < RINGS_ANEW;
  unheard = null;
  if (byItself || pressed) {
    void tone.beepOnce();
    void answer();
  } else {
    tone.ring().then(() => mended("ring_muted"), notPlayed);
  }
}

/** What was stopped before it began (AbortError) is no fault. */
function notPlayed(why: unknown): void {
  if (!(why instanceof DOMException && why.name === "AbortError")) fault("ring_muted");
}

export async function answer(): Promise<void> {
  const mine = talk;
  if (!mine || mine.answering || phone.value.session?.stage !== "ringing") return;
  if (!devices.allowed()) return fault("insecure");
  mine.answering = true;
  happens({ is: "answering" });
  let microphone: MediaStream;
  try {
    microphone = await devices.microphone();
  } catch (error) {
    mine.answering = false;
    if (talk !== mine) return;
    happens({ is: "unanswered" });
    return fault(microphoneFault((error as DOMException).name));
  }
  if (talk !== mine || mine.session.isEnded()) return stopTracks(microphone);
  for (const what of ["mic_denied", "mic_missing", "mic_busy", "mic_gone", "ring_muted"] as const) mended(what);
  keep(mine, microphone);
  for (const track of microphone.getAudioTracks()) track.enabled = !phone.value.muted;
  tone.silence();
  mine.session.answer({
    mediaStream: microphone,
    pcConfig: { iceServers: facts?.ice_servers ?? [] },
  });
}

export function hangUp(): void {
  if (!talk) return;
  if (phone.value.session?.stage === "ringing") talk.session.terminate({ status_code: 603 });
  else talk.session.terminate();
}

/** The session of this call ends here, whatever the house thinks of it. */
export function drop(call: string): void {
  if (talk && !talk.session.isEnded() && phone.value.session?.call === call) talk.session.terminate();
}

export function mute(): void {
  const session = talk?.session;
  if (!session?.isEstablished()) return;
  const muted = !phone.value.muted;
  if (muted) session.mute({ audio: true });
  else session.unmute({ audio: true });
  keepMuted(phone.value.session?.call ?? null, muted);
  happens({ is: "muted", muted });
}

/** `false`: it was not sent, because there is no sound yet to send it with (RFC 4733). */
export function press(key: string): boolean {
  const session = talk?.session;
  const sender = (session?.connection as RTCPeerConnection | undefined)?.getSenders()[0];
  if (!session?.isEstablished() || !sender?.dtmf?.canInsertDTMF) return false;
  session.sendDTMF(key, { duration: 120, interToneGap: 70, transportType: "RFC2833" as never });
  return true;
}

// ---------------------------------------------------------------------------------------------
// The microphone

function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

function keep(mine: Talk, microphone: MediaStream): void {
  if (mine.stream) stopTracks(mine.stream);
  mine.stream = microphone;
  for (const track of microphone.getAudioTracks()) {
    track.addEventListener("ended", () => talk === mine && mine.stream === microphone && fault("mic_gone"));
  }
}

/** The microphone is free again, and nothing is heard of this session any more. */
function letGo(mine: Talk): void {
  if (mine.stream) stopTracks(mine.stream);
  mine.stream = null;
  if (talk === mine || talk === null) speaker.srcObject = null;
}

async function devicesChanged(): Promise<void> {
  await devices.look();
  const faults = phone.value.faults;
  if (devices.inputs.value.length > 0 && faults.includes("mic_missing")) mended("mic_missing");
  if (talk?.stream && faults.includes("mic_gone") && devices.inputs.value.length > 0) await changeMicrophone();
  else await devices.route(speaker, "speaker");
}

let changing = false;
let changeAgain = false;

/** Another microphone takes the old one's place in the running talk; devices come and go in bursts, and one change is
 * made at a time. */
export async function changeMicrophone(): Promise<void> {
  changeAgain = true;
  if (changing) return;
  changing = true;
  while (changeAgain) {
    changeAgain = false;
    await change();
  }
  changing = false;
}

async function change(): Promise<void> {
  await devices.route(speaker, "speaker");
  const mine = talk;
  const connection = mine?.session.connection as RTCPeerConnection | undefined;
  if (!mine?.stream || !connection) return;
  let microphone: MediaStream;
  try {
    microphone = await devices.microphone();
  } catch (error) {
    if (talk === mine) fault(microphoneFault((error as DOMException).name));
    return;
  }
  const track = microphone.getAudioTracks()[0];
  const sender = connection.getSenders()[0];
  if (talk !== mine || !track || !sender) return stopTracks(microphone);
  track.enabled = !phone.value.muted;
  try {
    await sender.replaceTrack(track);
  } catch {
    // The talk ended meanwhile.
    return stopTracks(microphone);
  }
  if (talk !== mine) return stopTracks(microphone);
  keep(mine, microphone);
  for (const what of ["mic_gone", "mic_silent", "mic_denied", "mic_busy", "mic_missing"] as const) mended(what);
}

// ---------------------------------------------------------------------------------------------
// The network

function watch(mine: Talk, connection: RTCPeerConnection): void {
  const of = mine.session;
  connection.addEventListener("track", (event) => {
    if (talk !== mine) return;
    speaker.srcObject = event.streams[0] ?? new MediaStream([event.track]);
    void devices.route(speaker, "speaker").then(() => speaker.play().catch(notPlayed));
  });
  let restarted = 0;
  connection.addEventListener("iceconnectionstatechange", () => {
    if (talk !== mine) return;
    switch (connection.iceConnectionState) {
      case "connected":
      case "completed":
        mended("ice_failed");
        return mended("ice_lost");
      case "disconnected":
        return fault("ice_lost");
      case "failed":
        mended("ice_lost");
        fault("ice_failed");
        // Two restarts within a call; after that only the house can give the call back.
        if (restarted < 2 && of.isEstablished()) {
          restarted += 1;
          of.renegotiate({ rtcOfferConstraints: { iceRestart: true } });
        }
    }
  });
  let former: Counted | null = null;
  let [silent, mute] = [0, 0];
  const timer = setInterval(async () => {
    if (talk !== mine || of.isEnded()) return clearInterval(timer);
    const next = await count(connection);
    if (!next || talk !== mine) return;
    if (former && of.isEstablished()) {
      const loss = lossBetween(former, next);
      happens({ is: "quality", quality: { grade: grade(loss, next.roundTrip), loss, roundTrip: next.roundTrip } });
      if (loss >= 0.05) fault("loss");
      else if (loss < 0.02) mended("loss");
      silent = next.packets === former.packets ? silent + 1 : 0;
      if (silent >= SILENT_LOOKS) fault("no_sound");
      else if (silent === 0) mended("no_sound");
      const still = next.sentEnergy !== null && next.sentEnergy === former.sentEnergy && !phone.value.muted;
      mute = still ? mute + 1 : 0;
      if (mute >= MUTE_LOOKS) fault("mic_silent");
      else if (mute === 0) mended("mic_silent");
    }
    former = next;
  }, LOOK);
}

async function count(connection: RTCPeerConnection): Promise<Counted | null> {
  const counted: Counted = { packets: 0, lost: 0, energy: 0, sentEnergy: null, roundTrip: 0 };
  let found = false;
  for (const report of (await connection.getStats()).values()) {
    if (report.type === "inbound-rtp" && report.kind === "audio") {
      found = true;
      counted.packets += report.packetsReceived ?? 0;
      counted.lost += report.packetsLost ?? 0;
      counted.energy += report.totalAudioEnergy ?? 0;
    } else if (report.type === "media-source" && report.kind === "audio") {
      counted.sentEnergy = report.totalAudioEnergy ?? null;
    } else if (report.type === "remote-inbound-rtp" && report.roundTripTime !== undefined) {
      counted.roundTrip = Math.round(report.roundTripTime * 1000);
    } else if (report.type === "candidate-pair" && report.nominated && report.currentRoundTripTime !== undefined) {
      counted.roundTrip = Math.max(counted.roundTrip, Math.round(report.currentRoundTripTime * 1000));
    }
  }
  return found ? counted : null;
}
