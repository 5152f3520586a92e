// The phone of the page: JsSIP over this origin's WebSocket, which the session's cookie vouches for. It answers and hangs
// up; everything else of a call is asked of the API.

import { signal } from "@preact/signals";
import JsSIP from "jssip/lib/JsSIP.js";
import type { RTCSession } from "jssip/lib/RTCSession.js";
import { get } from "../api";
import type { PhoneFacts } from "../words";
import * as devices from "./devices";
import { after, type Counted, type Fault, grade, type Happening, IDLE, lossBetween, microphoneFault } from "./state";
import * as tone from "./tone";

export const phone = signal(IDLE);

const happens = (happening: Happening) => {
  phone.value = after(phone.value, happening);
};
const fault = (what: Fault) => happens({ is: "fault", fault: what });
const mended = (what: Fault) => happens({ is: "mended", fault: what });

let agent: JsSIP.UA | null = null;
let session: RTCSession | null = null;
let facts: PhoneFacts | null = null;
let stream: MediaStream | null = null;
const speaker = new Audio();
speaker.autoplay = true;

/** Every 2 s what arrived is looked at. */
const LOOK = 2_000;
/** So many looks without a packet are a fault; without any sound from the microphone too. */
const SILENT_LOOKS = 3;
const MUTE_LOOKS = 8;

export async function start(): Promise<void> {
  if (agent) return;
  if (!devices.allowed()) fault("insecure");
  happens({ is: "started" });
  facts = await get<PhoneFacts>("/phone");
  const socket = new JsSIP.WebSocketInterface(socketAddress(facts.websocket));
  agent = new JsSIP.UA({
    sockets: [socket],
    uri: facts.uri,
    ...(facts.display_name ? { display_name: facts.display_name } : {}),
    register: true,
    register_expires: 120,
    session_timers: false,
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 10,
    user_agent: "hotline page",
  });
  agent.on("registered", () => happens({ is: "registered" }));
  agent.on("disconnected", () => happens({ is: "disconnected" }));
  agent.on("registrationFailed", (event) => {
    // Without an answer it is the connection; JsSIP tries again by itself.
    if (event.response) happens({ is: "refused" });
    else happens({ is: "disconnected" });
  });
  agent.on("newRTCSession", (event: { originator: string; session: RTCSession; request: unknown }) => {
    if (event.originator === "remote") take(event.session, event.request as Request_);
  });
  agent.start();
  navigator.mediaDevices?.addEventListener("devicechange", devicesChanged);
  await devices.look();
}

export function stop(): void {
  session?.terminate();
  agent?.stop();
  agent = null;
  navigator.mediaDevices?.removeEventListener("devicechange", devicesChanged);
  release();
  happens({ is: "stopped" });
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
  if (session && !session.isEnded()) {
    if (!byItself) {
      next.terminate({ status_code: 486 });
      return;
    }
    // The house rings this page again to give the call back: the old session is a shell.
    const old = session;
    session = null;
    old.terminate();
  }
  session = next;
  happens({ is: "invited", call: request.getHeader("X-Hotline-Call") ?? null, from: request.from.uri.user });
  next.on("accepted", () => session === next && happens({ is: "answering" }));
  next.on("confirmed", () => session === next && happens({ is: "talking" }));
  const over = () => {
    if (session !== next) return;
    session = null;
    tone.silence();
    release();
    happens({ is: "over" });
  };
  next.on("ended", over);
  next.on("failed", over);
  next.on("getusermediafailed", (error: DOMException) => fault(microphoneFault(error?.name ?? "")));
  // The house learns our other addresses by itself (RFC 8445 §7.3.1.3): nobody waits for a STUN server that is away.
  next.on("icecandidate", ({ ready }) => void setTimeout(ready, 100));
  next.on("peerconnection", ({ peerconnection }) => watch(next, peerconnection));
  if (byItself) {
    void tone.beepOnce();
    void answer();
  } else {
    tone.ring().then(
      () => mended("ring_muted"),
      () => fault("ring_muted"),
    );
  }
}

export async function answer(): Promise<void> {
  const ringing = session;
  if (!ringing || phone.value.session?.stage !== "ringing") return;
  if (!devices.allowed()) return fault("insecure");
  let microphone: MediaStream;
  try {
    microphone = await devices.microphone();
  } catch (error) {
    return fault(microphoneFault((error as DOMException).name));
  }
  for (const what of ["mic_denied", "mic_missing", "mic_busy", "mic_gone"] as const) mended(what);
  if (session !== ringing || ringing.isEnded()) return microphone.getTracks().forEach((track) => track.stop());
  keep(microphone);
  tone.silence();
  happens({ is: "answering" });
  ringing.answer({
    mediaStream: microphone,
    pcConfig: { iceServers: facts?.ice_servers ?? [] },
  });
}

export function hangUp(): void {
  if (!session) return;
  if (phone.value.session?.stage === "ringing") session.terminate({ status_code: 603 });
  else session.terminate();
}

export function mute(): void {
  if (!session?.isEstablished()) return;
  const muted = !phone.value.muted;
  if (muted) session.mute({ audio: true });
  else session.unmute({ audio: true });
  happens({ is: "muted", muted });
}

/** `false`: it was not sent, because there is no sound yet to send it with (RFC 4733). */
export function press(key: string): boolean {
  const sender = (session?.connection as RTCPeerConnection | undefined)?.getSenders()[0];
  if (!session?.isEstablished() || !sender?.dtmf?.canInsertDTMF) return false;
  session.sendDTMF(key, { duration: 120, interToneGap: 70, transportType: "RFC2833" as never });
  return true;
}

// ---------------------------------------------------------------------------------------------
// The microphone

function keep(microphone: MediaStream): void {
  release();
  stream = microphone;
  for (const track of microphone.getAudioTracks()) {
    track.addEventListener("ended", () => stream === microphone && fault("mic_gone"));
  }
}

function release(): void {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  speaker.srcObject = null;
}

async function devicesChanged(): Promise<void> {
  await devices.look();
  const faults = phone.value.faults;
  if (devices.inputs.value.length > 0 && faults.includes("mic_missing")) mended("mic_missing");
  if (session && stream && faults.includes("mic_gone") && devices.inputs.value.length > 0) await changeMicrophone();
  await devices.route(speaker, "speaker");
}

/** Another microphone takes the old one's place in the running talk. */
export async function changeMicrophone(): Promise<void> {
  await devices.route(speaker, "speaker");
  const connection = session?.connection as RTCPeerConnection | undefined;
  if (!connection) return;
  try {
    const microphone = await devices.microphone();
    const track = microphone.getAudioTracks()[0];
    if (!track) return;
    track.enabled = !phone.value.muted;
    await connection.getSenders()[0]?.replaceTrack(track);
    const output = speaker.srcObject;
    keep(microphone);
    speaker.srcObject = output;
    mended("mic_gone");
  } catch (error) {
    fault(microphoneFault((error as DOMException).name));
  }
}

// ---------------------------------------------------------------------------------------------
// The network

function watch(of: RTCSession, connection: RTCPeerConnection): void {
  connection.addEventListener("track", (event) => {
    if (session !== of) return;
    speaker.srcObject = event.streams[0] ?? new MediaStream([event.track]);
    void devices.route(speaker, "speaker").then(() => speaker.play().catch(() => fault("ring_muted")));
  });
  let restarted = 0;
  connection.addEventListener("iceconnectionstatechange", () => {
    if (session !== of) return;
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
    if (session !== of || of.isEnded()) return clearInterval(timer);
    const next = await count(connection);
    if (!next || session !== of) return;
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

/** For those who test the page: what the connection of the present talk counts. */
export async function stats(): Promise<Counted | null> {
  const connection = session?.connection as RTCPeerConnection | undefined;
  return connection ? count(connection) : null;
}
