// What the queue engine decided, told in English.

import type { Dictionary } from "./zh";

/** `0.9 s`, `12 s`, `4 min 3 s`. */
function lasted(ms: number): string {
  const s = ms / 1000;
  if (s < 10) return `${Math.round(s * 10) / 10} s`;
  return s < 60 ? `${Math.round(s)} s` : `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
}

export const explain: Dictionary["explain"] = {
  and: ", ",
  many: (state, n) => `${n} ${state}`,
  nobodyAtAll: "nobody has the skills",
  fit: {
    eligible: "can be asked",
    ready: "ready",
    busy: "busy",
    wrap_up: "in wrap-up",
    resting: "resting",
    excluded: "did not take this call before",
    not_ready: "not ready",
    unreachable: "unreachable",
    signed_out: "signed out",
    lacks_skills: "lack the skills",
  },
  joined: (queue) => `Joined the line ${queue}`,
  foreseen: (ms) => `, foreseen ${lasted(ms)}`,
  refused: (queue, why) => `Was not let into the line ${queue}: ${why}`,
  refusal: { closed: "closed", full: "full", nobody: "nobody can serve it", unknown_queue: "no such queue" },
  moved: (from, to, why) => `Moved from ${from} to ${to}, its place kept: ${why}`,
  relaxed: (step, why) => `Its need was relaxed to step ${step}: ${why}`,
  relaxedBy: {
    waited: "it waited long enough",
    expected_wait: "the wait foreseen was too long",
    nobody: "nobody signed in could ever have served it",
  },
  nobody: (tally) => `Nobody could be asked: ${tally}`,
  asked: (who, by, tally) => `${who} was asked: ${by} (${tally})`,
  by: {
    longest_idle: "idle longest",
    least_occupied: "least occupied",
    most_skilled: "most skilled",
    least_skilled: "least skilled that suffices",
    round_robin: "next in turn",
    fewest_calls: "fewest calls",
    weighted: "fewest calls by weight",
  },
  preferred: ", spoke with them last",
  passed: (call, why) => `; ${call} waited longer: ${why}`,
  passedBy: (who, why) => `A later call was offered to ${who} first: ${why}`,
  because: {
    emergency: "an emergency",
    head_start: "its head start",
    excluded: "the operator did not take the earlier one",
    preferred: "the earlier one waits for another operator",
    unexplained: "for no reason: a fault of the program",
  },
  rang: (who, outcome, ms) => `${who} ${outcome} (rang ${lasted(ms)})`,
  offer: {
    answered: "answered",
    no_answer: "did not answer and was set not ready",
    rejected: "refused",
    busy: "was busy",
    unreachable: "could not be reached",
    caller_gone: "was not rung any more: the caller hung up",
    answered_elsewhere: "was not rung any more: another answered",
  },
  connected: (who, seat) => `Connected to ${who} at seat ${seat}`,
  handedOver: (who, seat) => `Handed over to ${who} at seat ${seat}`,
  ended: (ms) => `The talk ended after ${lasted(ms)}`,
  leftLine: (queue, why) => `Left the line ${queue}: ${why}`,
  left: {
    caller_gone: "the caller hung up",
    too_long: "the longest wait was over",
    nobody: "nobody was signed in any more who could serve it",
    supervisor: "a supervisor moved it",
    restarted: "the hotline was started anew",
  },
  pressed: (key) => `the caller pressed ${key}`,
  late: (cause) => `Not in time: ${cause}. `,
  inTime: "That was in time.",
  notInTime: "That was not in time.",
  waited: (queue, ms) => `Waited ${lasted(ms)} in the line ${queue}. `,
  waits: (queue) => `Waits still in the line ${queue}. `,
  callbackTaken: (number) => `Will be called back at ${number}, its place kept`,
  dialled: (number, attempt) => `${number} was rung, try ${attempt}`,
  incomplete: "The log does not go back to the beginning of this call.",
  nothing: "It joined no line, or the log of that day is gone (it is kept for eight days).",
};
