// The one door to the API: problems in words, the CSRF token, a key for each command so that saying it twice does it once.

import type { Session } from "./words";

const ROOT = "/api/v1";

/** Who waits longer for what is read, in ms, has not reached the server. */
const PATIENCE = 60_000;
/** Browsers let a page leave behind 64 KiB in all. */
const KEPT_ALIVE = 16 * 1024;
/** So often a command whose connection broke is said again. */
const AGAIN = 4;

export class Problem extends Error {
  readonly status: number;
  readonly fields: Record<string, string>;
  readonly retryAfter: number | null;
  /** Nobody at all can sign in yet: the command that changes that, with `WHO` in place of a name. */
  passwordCommand: string | null = null;

  constructor(status: number, detail: string, fields: Record<string, string> = {}, retryAfter: number | null = null) {
    super(detail);
    this.status = status;
    this.fields = fields;
    this.retryAfter = retryAfter;
  }

  /** The server was not reached. */
  get unreachable(): boolean {
    return this.status === 0;
  }
}

/** As RFC 9457 has it. */
interface Said {
  detail?: string;
  title?: string;
  fields?: Record<string, string>;
  password_command?: string;
}

let csrf: string | null = null;

export function remember(session: Session): Session {
  csrf = session.csrf;
  return session;
}

async function problemOf(response: Response): Promise<Problem> {
  const after = Number(response.headers.get("Retry-After"));
  try {
    const body = (await response.json()) as Said;
    const text = body.detail ?? body.title ?? response.statusText;
    const problem = new Problem(response.status, text, body.fields, after || null);
    problem.passwordCommand = body.password_command ?? null;
    return problem;
  } catch {
    return new Problem(response.status, response.statusText || String(response.status), {}, after || null);
  }
}

/** How a command is said again where no answer came. */
export interface Manner {
  /** In ms, for one answer; without it a command takes as long as the network lets it. */
  patience?: number;
  /** By now nobody wants it any more: it is not said again. */
  stale?: () => boolean;
  /** It is said again beyond `AGAIN`, for as long. */
  lasts?: () => boolean;
}

async function ask(method: string, path: string, body?: unknown, manner: Manner = {}): Promise<Response> {
  const headers = new Headers({ Accept: "application/json" });
  if (body !== undefined) headers.set("Content-Type", "application/json");
  if (method !== "GET") {
    if (csrf) headers.set("X-CSRF-Token", csrf);
    headers.set("Idempotency-Key", newKey());
  }
  const request: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
  const text = body === undefined ? null : JSON.stringify(body);
  if (text !== null) request.body = text;
  // A note is still saved when its page closes.
  if (method !== "GET") request.keepalive = (text?.length ?? 0) < KEPT_ALIVE;
  const patience = method === "GET" ? PATIENCE : manner.patience;
  const once = () => {
    if (patience !== undefined) request.signal = AbortSignal.timeout(patience);
    return fetch(ROOT + path, request).catch(() => null);
  };
  let response = await once();
  // The command may have arrived: said again under the same key, it is done once. While the first is still being done
  // the server says so, and what came of it is asked for again.
  let lasts = false;
  for (let tries = 0; method !== "GET" && (tries < AGAIN || lasts) && response === null; tries++) {
    if (tries > 0) await new Promise((done) => setTimeout(done, 500 * Math.min(tries, AGAIN)));
    if (manner.stale?.()) break;
    // Asked before, so that it is said once more when it has ended meanwhile.
    lasts = manner.lasts?.() ?? false;
    response = await once();
    if (response?.status === 409 && tries + 1 < AGAIN) response = null;
  }
  if (!response) throw new Problem(0, "");
  if (!response.ok) throw await problemOf(response);
  return response;
}

function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function read<T>(response: Response): Promise<T> {
  const text = await response.text().catch(() => {
    throw new Problem(0, "");
  });
  return (text === "" ? {} : JSON.parse(text)) as T;
}

export async function get<T>(path: string): Promise<T> {
  return read<T>(await ask("GET", path));
}

export async function post<T = unknown>(path: string, body: unknown = {}, manner?: Manner): Promise<T> {
  return read<T>(await ask("POST", path, body, manner));
}

export async function put<T = unknown>(path: string, body: unknown): Promise<T> {
  return read<T>(await ask("PUT", path, body));
}

export async function remove(path: string): Promise<void> {
  await ask("DELETE", path);
}

/** A query of what is not empty. */
export function query(fields: Record<string, string | number | null | undefined>): string {
  const set = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== null && value !== undefined && value !== "") set.set(name, String(value));
  }
  const text = set.toString();
  return text === "" ? "" : `?${text}`;
}

export const api = ROOT;
export const segment = encodeURIComponent;
