// The phone as a machine: what happened to it, and what it is then. It knows no SIP library and no browser.

/** `elsewhere`: another tab of this browser has it. */
export type Link = "off" | "connecting" | "registered" | "lost" | "refused" | "elsewhere";

export type Fault =
  | "mic_denied"
  | "mic_missing"
  | "mic_busy"
  | "mic_gone"
  | "mic_silent"
  | "insecure"
  | "ice_failed"
  | "ice_lost"
  | "loss"
  | "no_sound"
  | "link_lost"
  | "link_refused"
  | "no_seat"
  | "seat_left"
  | "ring_muted";

export type Grade = "good" | "fair" | "poor" | "unknown";

export interface Quality {
  grade: Grade;
  /** 0 to 1, of what arrived in the last seconds. */
  loss: number;
  roundTrip: number;
}

/** One SIP session. `call`: the id on the board, where the INVITE told it. */
export interface Ringing {
  call: string | null;
  from: string;
  stage: "ringing" | "answering" | "talking";
}

export interface Phone {
  link: Link;
  session: Ringing | null;
  muted: boolean;
  faults: Fault[];
  quality: Quality;
}

export type Happening =
  | { is: "started" }
  | { is: "registered" }
  | { is: "disconnected" }
  | { is: "refused" }
  | { is: "stopped" }
  | { is: "elsewhere" }
  /** `muted`: the house gives back a call in which the microphone was off. */
  | { is: "invited"; call: string | null; from: string; muted?: boolean }
  | { is: "answering" }
  /** It was to be answered and could not be: it rings on. */
  | { is: "unanswered" }
  | { is: "talking" }
  | { is: "over" }
  | { is: "muted"; muted: boolean }
  | { is: "fault"; fault: Fault }
  | { is: "mended"; fault: Fault }
  | { is: "quality"; quality: Quality };

const UNKNOWN: Quality = { grade: "unknown", loss: 0, roundTrip: 0 };
export const IDLE: Phone = { link: "off", session: null, muted: false, faults: [], quality: UNKNOWN };

/** Faults that end with the call. */
const OF_THE_CALL: Fault[] = ["ice_failed", "ice_lost", "loss", "no_sound", "mic_silent"];

export function after(phone: Phone, happening: Happening): Phone {
  switch (happening.is) {
    case "started":
      return { ...mend(mend(phone, "link_refused"), "seat_left"), link: "connecting" };
    case "registered":
      return { ...mend(mend(phone, "link_lost"), "link_refused"), link: "registered" };
    case "disconnected":
      // Before the first registration it is still connecting, and nothing was lost.
      return phone.link === "registered" || phone.link === "lost"
        ? { ...fail(phone, "link_lost"), link: "lost" }
        : phone;
    case "refused":
      return { ...fail(phone, "link_refused"), link: "refused" };
    case "elsewhere":
      // A talk that is here goes on until it is there.
      return { ...mend(mend(phone, "link_lost"), "link_refused"), link: "elsewhere" };
    case "stopped":
      return { ...IDLE, faults: phone.faults.filter((fault) => fault.startsWith("mic") || fault === "insecure") };
    case "invited":
      return {
        ...phone,
        session: { call: happening.call, from: happening.from, stage: "ringing" },
        muted: happening.muted ?? false,
      };
    case "answering":
      return phone.session ? { ...phone, session: { ...phone.session, stage: "answering" } } : phone;
    case "unanswered":
      return phone.session?.stage === "answering"
        ? { ...phone, session: { ...phone.session, stage: "ringing" } }
        : phone;
    case "talking":
      return phone.session ? { ...phone, session: { ...phone.session, stage: "talking" } } : phone;
    case "over":
      return {
        ...phone,
        session: null,
        muted: false,
        faults: phone.faults.filter((fault) => !OF_THE_CALL.includes(fault)),
        quality: UNKNOWN,
      };
    case "muted":
      return phone.session ? { ...phone, muted: happening.muted } : phone;
    case "fault":
      return OF_THE_CALL.includes(happening.fault) && !phone.session ? phone : fail(phone, happening.fault);
    case "mended":
      return mend(phone, happening.fault);
    case "quality":
      return phone.session ? { ...phone, quality: happening.quality } : phone;
  }
}

function fail(phone: Phone, fault: Fault): Phone {
  return phone.faults.includes(fault) ? phone : { ...phone, faults: [...phone.faults, fault] };
}

function mend(phone: Phone, fault: Fault): Phone {
  return phone.faults.includes(fault) ? { ...phone, faults: phone.faults.filter((other) => other !== fault) } : phone;
}

/** What `getUserMedia` says, in our words. */
export function microphoneFault(name: string): Fault {
  if (name === "NotAllowedError" || name === "SecurityError" || name === "PermissionDeniedError") return "mic_denied";
  if (name === "NotReadableError" || name === "TrackStartError" || name === "AbortError") return "mic_busy";
  return "mic_missing";
}

/** Loss of 2 % is heard, of 5 % annoys (G.107 with G.711 and concealment); so does a round trip of 300 and 500 ms. */
export function grade(loss: number, roundTrip: number): Grade {
  if (loss >= 0.05 || roundTrip >= 500) return "poor";
  return loss >= 0.02 || roundTrip >= 300 ? "fair" : "good";
}

export interface Counted {
  packets: number;
  lost: number;
  energy: number;
  sentEnergy: number | null;
  roundTrip: number;
}

/** The share that was lost between two counts. */
export function lossBetween(former: Counted, next: Counted): number {
  const [lost, came] = [Math.max(0, next.lost - former.lost), Math.max(0, next.packets - former.packets)];
  return lost + came === 0 ? 0 : lost / (lost + came);
}
