// Who is signed in here, and what the page does when nobody is.

import { signal } from "@preact/signals";
import { get, Problem, remember, remove } from "./api";
import { liveIn } from "./format";
import { prefer, words } from "./language";
import type { Role, Session } from "./words";

export const session = signal<Session | null>(null);

export const HOME: Record<Role, string> = {
  operator: "/operator",
  supervisor: "/supervisor",
  admin: "/admin",
  wall: "/wall",
};

export function signInFirst(): void {
  location.replace(`/signin?to=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
}

/** The session, or the way to the page where one signs in. */
export async function whoAmI(): Promise<Session | null> {
  try {
    const found = remember(await get<Session>("/session"));
    session.value = found;
    liveIn(found.time_zone);
    prefer(found.person.language);
    return found;
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 401) signInFirst();
    else throw problem;
    return null;
  }
}

/** Fails if the server does not know of it: the session would go on. */
export async function signOut(): Promise<void> {
  try {
    await remove("/session");
  } catch (problem) {
    if (!(problem instanceof Problem && problem.status === 401)) throw problem;
  }
  location.assign("/signin");
}

export const may = (...roles: Role[]) => session.value?.person.roles.some((role) => roles.includes(role)) ?? false;

/** A page to return to: of this origin only. */
export function returnTo(search: string, roles: Role[]): string {
  const to = new URLSearchParams(search).get("to");
  if (to && /^\/(operator|supervisor|wall|admin|api)([?#]|$)/.test(to)) return to;
  for (const role of ["operator", "supervisor", "admin", "wall"] as const) if (roles.includes(role)) return HOME[role];
  return "/api";
}

/** What the server says, where the language of the page has words for it. */
export function translated(text: string): string {
  const { details, detailsWith } = words.value;
  const like = detailsWith.find(([known]) => known.test(text));
  return details[text] ?? (like ? text.replace(like[0], like[1]) : text);
}

/** What went wrong, for people. */
export function said(problem: unknown): string {
  const t = words.value.problem;
  if (!(problem instanceof Problem)) return problem instanceof Error ? problem.message : t.failed;
  if (problem.unreachable) return t.unreachable;
  if (problem.status === 401) return t.signedOut;
  if (problem.status === 429) return t.tooMany(problem.retryAfter ?? 60);
  if (problem.status === 409 && problem.fields.seat) return t.seatTaken(problem.fields.seat);
  const fields = Object.values(problem.fields);
  return translated(problem.message) || fields[0] || (problem.status === 403 ? t.forbidden : t.failed);
}
