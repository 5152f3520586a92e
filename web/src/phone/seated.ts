// The phone of a page is on while its person sits at the seat of this session, and off when the house says otherwise: whoever
// was signed out of the seat is not rung at it. When the house is back, so is the phone.

import { effect } from "@preact/signals";
import { connection, loaded, operators } from "../board";
import { session } from "../people";
import * as phones from "./phone";
import { dropShells } from "./shell";

export function phoneWhileSeated(): void {
  dropShells();
  let sat = false;
  effect(() => {
    const [who, seat] = [session.value?.person.id, session.value?.seat];
    if (!loaded.value || !who || !seat) return;
    const seated = operators.value.get(who)?.seat === seat;
    if (seated) phones.start();
    else if (sat) phones.stop("seat_left");
    sat = seated;
  });
  let was = connection.value.state;
  effect(() => {
    const { state } = connection.value;
    if (state === "live" && was === "lost") phones.lookAgain();
    was = state;
  });
}
