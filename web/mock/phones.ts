// The telephones of the pretended house: just enough of WebSocket (RFC 6455) and SIP (RFC 3261, RFC 7118) that a page
// registers, rings, answers and hangs up. There is no sound: the offer's fingerprint belongs to nobody.

import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const OFFER = [
  "v=0",
  "o=- 1 1 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "a=ice-lite",
  "m=audio 9 UDP/TLS/RTP/SAVPF 8 101",
  "c=IN IP4 127.0.0.1",
  "a=mid:0",
  "a=sendrecv",
  "a=rtcp-mux",
  "a=setup:actpass",
  "a=ice-ufrag:abcd",
  "a=ice-pwd:abcdefghijklmnopqrstuvwx",
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => "AB").join(":")}`,
  "a=rtpmap:8 PCMA/8000",
  "a=rtpmap:101 telephone-event/8000",
  "",
].join("\r\n");

interface Dialog {
  call: string;
  id: string;
  from: string;
  to: string;
  answered: boolean;
}

export interface Told {
  answered(call: string, seat: string): void;
  ended(call: string, seat: string): void;
}

class Phone {
  seat = "";
  contact = "";
  readonly dialogs = new Map<string, Dialog>();
  private rest: Buffer = Buffer.alloc(0);
  private readonly socket: Duplex;
  private readonly told: Told;
  private readonly branch = () => `z9hG4bK${randomBytes(6).toString("hex")}`;

  constructor(socket: Duplex, told: Told) {
    this.socket = socket;
    this.told = told;
    socket.on("data", (data: Buffer) => this.take(data));
    socket.on("error", () => socket.destroy());
  }

  private take(data: Buffer): void {
    this.rest = Buffer.concat([this.rest, data]);
    for (;;) {
      if (this.rest.length < 2) return;
      const opcode = (this.rest[0] ?? 0) & 15;
      let length = (this.rest[1] ?? 0) & 127;
      let at = 2;
      if (length === 126) {
        if (this.rest.length < 4) return;
        length = this.rest.readUInt16BE(2);
        at = 4;
      }
      if (this.rest.length < at + 4 + length) return;
      const mask = this.rest.subarray(at, at + 4);
      const text = Buffer.from(this.rest.subarray(at + 4, at + 4 + length));
      for (let i = 0; i < text.length; i++) text[i] = (text[i] ?? 0) ^ (mask[i % 4] ?? 0);
      this.rest = this.rest.subarray(at + 4 + length);
      if (opcode === 8) this.socket.end();
      else if (opcode === 1 && text.length > 4) this.heard(text.toString());
    }
  }

  send(text: string): void {
    const body = Buffer.from(text);
    const head =
      body.length < 126
        ? Buffer.from([0x81, body.length])
        : Buffer.from([0x81, 126, body.length >> 8, body.length & 255]);
    this.socket.write(Buffer.concat([head, body]));
  }

  private heard(text: string): void {
    const header = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "im").exec(text)?.[1]?.trim() ?? "";
    const first = text.slice(0, text.indexOf("\r\n"));
    const dialog = this.dialogs.get(header("Call-ID"));
    if (first.startsWith("SIP/2.0")) {
      const status = Number(first.split(" ")[1]);
      if (!header("CSeq").endsWith("INVITE") || status < 200 || !dialog) return;
      dialog.to = header("To");
      const target = /<([^>]+)>/.exec(header("Contact"))?.[1] ?? this.contact;
      this.request("ACK", dialog, target, 1);
      if (status < 300) {
        dialog.answered = true;
        this.told.answered(dialog.call, this.seat);
      } else {
        this.dialogs.delete(dialog.id);
        this.told.ended(dialog.call, this.seat);
      }
      return;
    }
    const method = first.split(" ")[0] ?? "";
    if (method === "ACK") return;
    if (method === "REGISTER") {
      this.seat = /sip:([^@]+)@/.exec(header("To"))?.[1] ?? "";
      this.contact = /<([^>]+)>/.exec(header("Contact"))?.[1] ?? "";
    }
    const via = [...text.matchAll(/^Via:.*$/gim)].map((found) => found[0].trim());
    const lines = [
      "SIP/2.0 200 OK",
      ...via,
      `From: ${header("From")}`,
      `To: ${header("To")}${header("To").includes("tag=") ? "" : ";tag=mock"}`,
    ];
    lines.push(`Call-ID: ${header("Call-ID")}`, `CSeq: ${header("CSeq")}`);
    if (method === "REGISTER") lines.push(`Contact: ${header("Contact")};expires=120`, "Expires: 120");
    this.send(`${[...lines, "Content-Length: 0", "", ""].join("\r\n")}`);
    if (method === "BYE" && dialog) {
      this.dialogs.delete(dialog.id);
      this.told.ended(dialog.call, this.seat);
    }
  }

  private request(method: string, dialog: Dialog, target: string, cseq: number, more: string[] = [], body = ""): void {
    this.send(
      [
        `${method} ${target} SIP/2.0`,
        `Via: SIP/2.0/WS mock.invalid;branch=${this.branch()}`,
        "Max-Forwards: 70",
        `From: ${dialog.from}`,
        `To: ${dialog.to}`,
        `Call-ID: ${dialog.id}`,
        `CSeq: ${cseq} ${method}`,
        "Contact: <sip:mock@mock.invalid;transport=ws>",
        ...more,
        `Content-Length: ${Buffer.byteLength(body)}`,
        "",
        body,
      ].join("\r\n"),
    );
  }

  ring(call: string, number: string, byItself: boolean): void {
    const id = randomBytes(8).toString("hex");
    const dialog = {
      call,
      id,
      from: `<sip:${number}@mock.invalid>;tag=m${id}`,
      to: `<sip:${this.seat}@mock.invalid>`,
      answered: false,
    };
    this.dialogs.set(id, dialog);
    const more = [`X-Hotline-Call: ${call}`, "Content-Type: application/sdp"];
    if (byItself) more.push("Call-Info: <sip:mock.invalid>;answer-after=0");
    this.request("INVITE", dialog, this.contact, 1, more, OFFER);
  }

  end(call: string): void {
    for (const dialog of this.dialogs.values()) {
      if (dialog.call !== call) continue;
      this.dialogs.delete(dialog.id);
      this.request(dialog.answered ? "BYE" : "CANCEL", dialog, this.contact, dialog.answered ? 2 : 1);
    }
  }

  /** As after a crash: nobody is told. */
  forget(): void {
    this.dialogs.clear();
  }

  cut(): void {
    this.socket.destroy();
  }
}

export class Phones {
  private readonly phones = new Set<Phone>();
  private readonly told: Told;

  constructor(told: Told) {
    this.told = told;
  }

  upgrade(request: IncomingMessage, socket: Duplex): void {
    const key = request.headers["sec-websocket-key"] ?? "";
    const accept = createHash("sha1")
      .update(key + GUID)
      .digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    const phone = new Phone(socket, this.told);
    this.phones.add(phone);
    socket.on("close", () => this.phones.delete(phone));
  }

  private at(seat: string): Phone | undefined {
    return [...this.phones].reverse().find((phone) => phone.seat === seat);
  }

  ring(seat: string, call: string, number: string, byItself = false): boolean {
    const phone = this.at(seat);
    // A call that is given back leaves the phone that had it.
    for (const other of this.phones) if (byItself && other !== phone && other.seat === seat) other.end(call);
    phone?.ring(call, number, byItself);
    return phone !== undefined;
  }

  end(call: string): void {
    for (const phone of this.phones) phone.end(call);
  }

  forget(): void {
    for (const phone of this.phones) phone.forget();
  }

  cut(): void {
    for (const phone of this.phones) phone.cut();
  }
}
