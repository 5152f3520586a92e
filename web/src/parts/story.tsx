// Why a caller waited: one sentence, then each decision with its time.

import { operators, queues } from "../board";
import { explained, type Line } from "../explain";
import { time } from "../format";
import { words } from "../language";
import { timeline } from "../timeline";
import type { CallRecord } from "../words";
import { sentence } from "./steps";

const names = {
  operator: (id: string) => {
    const name = operators.value.get(id)?.name;
    return name && name !== id ? `${name} ${id}` : id;
  },
  queue: (id: string) => queues.value.get(id)?.name || id,
};

/** Of these the engine's decisions tell, with their reasons. */
const DECIDED = new Set(["queued_at", "moved", "offered", "connected_at"]);

/** What happened in the call beside the decisions: arrival, holds, transfers, emergencies, the end. */
function course(answer: unknown): Line[] {
  const story = (answer as { story?: { record?: CallRecord; events?: unknown[] } } | null)?.story;
  if (!story?.record) return [];
  const decisions = (story.events ?? []).length > 0;
  return timeline(story.record)
    .filter((step) => !decisions || !DECIDED.has(step.kind))
    .map((step) => ({ at: step.at, text: sentence(step, names), details: [] }));
}

/** `whole`: with what happened beside the decisions, where no timeline stands by it. */
export function Story({ answer, whole }: { answer: unknown; whole?: boolean }) {
  const { verdict, lines } = explained(answer, words.value, names, whole ? course(answer) : []);
  return (
    <div class="stack story">
      {verdict && <p class="strong">{verdict}</p>}
      <ol class="timeline">
        {lines.map(({ at, text, details }, index) => (
          <li key={index}>
            <time>{at ? time(at, true) : ""}</time>
            <div>
              {text}
              {details.map((line) => (
                <p key={line} class="hint">
                  {line}
                </p>
              ))}
            </div>
          </li>
        ))}
      </ol>
    </div>
  );
}
