// A session whose call the house no longer has is a shell: the house began anew, or its word that the call is over was
// lost. Nobody is at its other end, and while it stands no other call is taken.

import { effect } from "@preact/signals";
import { get } from "../api";
import { calls, connection, loaded, refresh } from "../board";
import type { CallNow } from "../words";
import * as phones from "./phone";

/** Board and phone tell of a call over two connections: by so much, in ms, one may be ahead of the other. */
const APART = 3_000;

/** The call of the session, if the board does not have it. */
function unknown(): string | null {
  const call = phones.phone.value.session?.call;
  if (!call || !loaded.value || connection.value.state !== "live") return null;
  return calls.value.has(call) ? null : call;
}

/** A talk is not ended for what one board lacks: the house is asked, and again until it answers. */
async function look(call: string): Promise<void> {
  const open = await get<CallNow[]>("/calls").catch(() => null);
  if (unknown() !== call) return;
  if (open?.some((one) => one.id === call)) refresh();
  else if (open) return phones.drop(call);
  later(call);
}

let timer: ReturnType<typeof setTimeout> | undefined;

function later(call: string): void {
  clearTimeout(timer);
  timer = setTimeout(() => unknown() === call && void look(call), APART);
}

export function dropShells(): void {
  phones.askWhetherOver((call) => connection.value.state === "live" && !calls.value.has(call));
  let former: string | null = null;
  effect(() => {
    const call = unknown();
    if (call === former) return;
    former = call;
    clearTimeout(timer);
    if (call) later(call);
  });
}
