import { expect, test } from "vitest";
import { after, grade, type Happening, IDLE, lossBetween, microphoneFault, type Phone } from "../src/phone/state.ts";

const run = (...happenings: Happening[]): Phone => happenings.reduce(after, IDLE);
const invited: Happening = { is: "invited", call: "c1", from: "138" };

test("a call rings, is answered, talks and is over", () => {
  expect(run({ is: "started" }, { is: "registered" }).link).toBe("registered");
  expect(run(invited).session).toEqual({ call: "c1", from: "138", stage: "ringing" });
  expect(run(invited, { is: "answering" }).session?.stage).toBe("answering");
  expect(run(invited, { is: "talking" }).session?.stage).toBe("talking");
  expect(run(invited, { is: "talking" }, { is: "over" }).session).toBeNull();
});

test("what could not be answered rings on, and a talk does not ring again", () => {
  expect(run(invited, { is: "answering" }, { is: "unanswered" }).session?.stage).toBe("ringing");
  expect(run(invited, { is: "talking" }, { is: "unanswered" }).session?.stage).toBe("talking");
  expect(run({ is: "unanswered" }).session).toBeNull();
});

test("a lost connection is told of only when there was one, and not any more when it is back", () => {
  expect(run({ is: "started" }, { is: "disconnected" })).toMatchObject({ link: "connecting", faults: [] });
  const lost = run({ is: "started" }, { is: "registered" }, { is: "disconnected" });
  expect(lost).toMatchObject({ link: "lost", faults: ["link_lost"] });
  expect(after(lost, { is: "registered" })).toMatchObject({ link: "registered", faults: [] });
});

test("a talk outlives the connection of the signalling", () => {
  const phone = run({ is: "started" }, { is: "registered" }, invited, { is: "talking" }, { is: "disconnected" });
  expect(phone.session?.stage).toBe("talking");
});

test("the faults of a call end with it, those of the microphone do not", () => {
  const phone = run(
    invited,
    { is: "talking" },
    { is: "fault", fault: "ice_lost" },
    { is: "fault", fault: "mic_gone" },
    { is: "over" },
  );
  expect(phone.faults).toEqual(["mic_gone"]);
  expect(run({ is: "fault", fault: "loss" }).faults).toEqual([]);
  expect(run({ is: "fault", fault: "mic_denied" }, { is: "fault", fault: "mic_denied" }).faults).toEqual([
    "mic_denied",
  ]);
});

test("a new call is not muted, and nothing is muted without one", () => {
  expect(run({ is: "muted", muted: true }).muted).toBe(false);
  expect(run(invited, { is: "muted", muted: true }).muted).toBe(true);
  expect(run(invited, { is: "muted", muted: true }, { is: "over" }, invited).muted).toBe(false);
});

test("what the browser says of microphones has its words", () => {
  expect(["NotAllowedError", "NotFoundError", "NotReadableError", "OverconstrainedError"].map(microphoneFault)).toEqual(
    ["mic_denied", "mic_missing", "mic_busy", "mic_missing"],
  );
});

test("loss is counted between two looks, late packets are no negative loss", () => {
  const counted = { packets: 100, lost: 5, energy: 0, sentEnergy: null, roundTrip: 0 };
  expect(lossBetween(counted, { ...counted, packets: 195, lost: 10 })).toBe(0.05);
  expect(lossBetween(counted, { ...counted, packets: 200, lost: 3 })).toBe(0);
  expect(lossBetween(counted, counted)).toBe(0);
});

test.each([
  [0, 20, "good"],
  [0.02, 20, "fair"],
  [0, 300, "fair"],
  [0.05, 20, "poor"],
  [0, 500, "poor"],
] as const)("a loss of %d and a round trip of %d ms sound %s", (loss, roundTrip, sounds) => {
  expect(grade(loss, roundTrip)).toBe(sounds);
});
