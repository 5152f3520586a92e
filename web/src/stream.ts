// The event stream: read with its offsets, resumed where it broke off. `Reader` knows the text, `follow` the network.

import { api } from "./api";
import type { Told } from "./words";

export interface Message {
  id: string | null;
  event: string | null;
  data: string;
}

/** Events longer than this are nonsense. */
const LONGEST = 4 * 1024 * 1024;

/** Takes the text of a server-sent event stream in any pieces and gives whole messages. */
export class Reader {
  private rest = "";
  private id: string | null = null;
  private event: string | null = null;
  private data: string[] = [];

  take(text: string): Message[] {
    const messages: Message[] = [];
    this.rest += text;
    for (;;) {
      const found = /\r\n|\n|\r(?!$)/.exec(this.rest);
      if (!found) break;
      const line = this.rest.slice(0, found.index);
      this.rest = this.rest.slice(found.index + found[0].length);
      const message = this.line(line);
      if (message) messages.push(message);
    }
    if (this.rest.length > LONGEST) throw new Error("an event is too long");
    return messages;
  }

  private line(line: string): Message | null {
    if (line === "") {
      if (this.data.length === 0) {
        this.event = null;
        return null;
      }
      const message = { id: this.id, event: this.event, data: this.data.join("\n") };
      this.data = [];
      this.event = null;
      return message;
    }
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.data.push(value);
    else if (name === "id") this.id = value;
    else if (name === "event") this.event = value;
    return null;
  }
}

/** What a message tells; the envelope may be in the data or in the fields around it. */
export function told(message: Message): Told | null {
  let data: unknown;
  try {
    data = JSON.parse(message.data === "" ? "{}" : message.data);
  } catch {
    return null;
  }
  const envelope = data as Partial<Told>;
  if (typeof envelope.type === "string" && "data" in envelope) {
    return {
      offset: envelope.offset ?? message.id ?? "",
      at: envelope.at ?? "",
      type: envelope.type,
      data: envelope.data,
    };
  }
  const type = message.event ?? envelope.type;
  return type ? { offset: message.id ?? envelope.offset ?? "", at: envelope.at ?? "", type, data } : null;
}

/** Where an offset `epoch-number` stands; none for what is not one. */
export function place(offset: string): { epoch: string; number: number } | null {
  const dash = offset.lastIndexOf("-");
  const number = Number(offset.slice(dash + 1));
  return dash > 0 && Number.isSafeInteger(number) ? { epoch: offset.slice(0, dash), number } : null;
}

/** An event that was told before (a resumed stream may repeat) is not told again. */
export function isNews(last: string, next: string): boolean {
  const [a, b] = [place(last), place(next)];
  return !a || !b || a.epoch !== b.epoch || b.number > a.number;
}

/** How long to wait before the next try, in ms: 0.5 s doubling to 10 s, with up to a quarter less so that 750 pages do
 * not come at once. */
export function backoff(tries: number, chance: number): number {
  const full = Math.min(10_000, 500 * 2 ** Math.min(tries, 10));
  return Math.round(full * (1 - chance / 4));
}

/** Resets within so many ms are too many. */
const OFTEN = 10_000;

/** The server sends a sign of life every 4 s; without two of them, in ms, nobody is there. */
const SILENCE = 9_000;

export interface Listener {
  /** The board is read anew; what comes back is its offset. */
  begin(): Promise<string>;
  told(event: Told): void;
  /** `since`: when the connection was lost, in ms. */
  connection(state: "live" | "lost", since: number | null): void;
  /** The session is over. */
  signedOut(): void;
}

/** Follows the stream until it is closed. `again`: from a board that is read anew, without a word of a loss. */
export function follow(listener: Listener): { close(): void; again(): void } {
  let offset: string | null = null;
  let tries = 0;
  let resetAt = 0;
  let lostAt: number | null = null;
  let heardAt = Date.now();
  let over = false;
  let stop = new AbortController();
  let wake = () => {};

  const lost = () => {
    if (lostAt === null) lostAt = Date.now();
    listener.connection("lost", lostAt);
  };

  async function once(): Promise<void> {
    if (offset === null) offset = await listener.begin();
    stop = new AbortController();
    // Whoever says nothing was lost when they said something last.
    const frozen = () => {
      lostAt ??= heardAt;
      stop.abort();
    };
    const listen = () => {
      heardAt = Date.now();
      return setTimeout(frozen, SILENCE);
    };
    let silence = listen();
    try {
      const response = await fetch(`${api}/events?after=${encodeURIComponent(offset)}`, {
        headers: { Accept: "text/event-stream", "Last-Event-ID": offset },
        signal: stop.signal,
        cache: "no-store",
        credentials: "same-origin",
      });
      if (response.status === 401) {
        over = true;
        listener.signedOut();
        return;
      }
      if (response.status === 410) {
        offset = null;
        return;
      }
      if (!response.ok || !response.body) throw new Error(String(response.status));
      tries = 0;
      lostAt = null;
      listener.connection("live", null);
      const reader = new Reader();
      const body = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await body.read();
        if (done) return;
        clearTimeout(silence);
        silence = listen();
        for (const message of reader.take(value)) {
          const event = told(message);
          if (!event) continue;
          if (event.type === "reset") {
            offset = null;
            // One reset is a server that began anew; one after the other are no reason to ask without a pause.
            if (Date.now() - resetAt < OFTEN) tries = Math.max(1, tries);
            resetAt = Date.now();
            stop.abort();
            return;
          }
          if (!isNews(offset, event.offset)) continue;
          if (event.offset !== "") offset = event.offset;
          listener.told(event);
        }
      }
    } finally {
      clearTimeout(silence);
    }
  }

  async function run(): Promise<void> {
    while (!over) {
      try {
        await once();
      } catch (fault) {
        if ((fault as { status?: number }).status === 401) {
          listener.signedOut();
          return;
        }
      }
      if (over) return;
      if (offset === null && lostAt === null && tries === 0) {
        tries = 1;
        continue;
      }
      lost();
      await new Promise<void>((done) => {
        wake = done;
        setTimeout(done, backoff(tries, Math.random()));
      });
      tries += 1;
    }
  }

  // The network is another: a stream over the old one would be silent for long.
  const again = () => {
    stop.abort();
    wake();
  };
  window.addEventListener("online", again);
  void run();
  return {
    close() {
      over = true;
      stop.abort();
      window.removeEventListener("online", again);
    },
    again() {
      offset = null;
      stop.abort();
    },
  };
}
