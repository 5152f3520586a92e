// The steps of a record's timeline in words.

import { clock, number } from "../format";
import { open, words } from "../language";
import type { Step } from "../timeline";

/** What things are called on this page. */
export interface Names {
  operator(id: string): string;
  queue(id: string): string;
}

/** `operator 1002`, `queue english`, a number. */
export function target(to: string, names: Names): string {
  const [, kind, id = ""] = /^(operator|queue|seat) (.+)$/.exec(to) ?? [];
  if (kind === "operator") return names.operator(id);
  return kind === "queue" ? names.queue(id) : kind ? `${words.value.common.seat} ${id}` : number(to);
}

/** What a step tells beside its name. */
export function detail(step: Step, names: Names): string {
  const t = words.value.admin;
  const who = step.operator ? names.operator(step.operator) : "";
  const parts: (string | null | undefined | false)[] = [
    step.path?.join(" → "),
    step.keys && t.pressed(step.keys),
    ...Object.entries(step.typed ?? {}).map(([name, digits]) => t.typed(name, digits)),
    step.came && open(t.outcomeOf, step.came),
    step.queue && names.queue(step.queue),
    step.to ? `${who} → ${target(step.to, names)}`.trim() : who,
    step.sent_by && open(t.sentBy, step.sent_by),
    step.trunk && t.overTrunk(step.trunk),
    step.from && t.takenFrom(names.operator(step.from)),
    step.kind === "offered" && step.seat,
    step.mode && words.value.supervisor[step.mode],
    step.outcome && open({ ...t.offer, ...t.outcomeOfTransfer }, step.outcome),
    step.ms !== undefined && clock(step.ms),
    step.score !== undefined && String(step.score),
    step.by && open(t.endedBy, step.by),
    step.why && open(t.notReleased, step.why),
    step.sip_status !== undefined && `SIP ${step.sip_status}`,
  ];
  return parts.filter(Boolean).join(" · ");
}

/** Name and detail as one sentence. */
export function sentence(step: Step, names: Names): string {
  const more = detail(step, names);
  const name = words.value.admin.step[step.kind];
  return more ? `${name} · ${more}` : name;
}
