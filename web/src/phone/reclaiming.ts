// After a reload in a call the house rings this page again; so it does when the phone comes from another tab.

import { effect } from "@preact/signals";
import { loaded } from "../board";
import type { CallNow } from "../words";
import { phone } from "./phone";

export interface Away {
  /** The call in which I am. */
  call: CallNow | null;
  /** It goes on without this page's phone. */
  talks: boolean;
  /** It rings where no page is any more. */
  rings: boolean;
}

/** Asked when the phone is registered, and once for each loss that the house tells of. A phone that is silent in a call
 * that goes on is no loss: the call is on its way elsewhere. */
export function reclaimWhenLost(away: () => Away, reclaim: (call: CallNow) => void): void {
  let asked: string | null = null;
  effect(() => {
    const { call, talks, rings } = away();
    // When the phone is back from another tab it begins anew.
    if (phone.value.link === "elsewhere") asked = null;
    if (phone.value.link !== "registered" || !loaded.value) return;
    const begins = asked === null;
    const loss = call ? `${call.id} ${call.since}` : "";
    const gone = talks || (begins && rings);
    if (call && gone && loss !== asked && (begins || call.stage === "lost")) reclaim(call);
    if (begins || call?.stage === "lost") asked = loss;
  });
}
