// Why a caller waited: one sentence, then each decision with its time.

import { operators, queues } from "../board";
import { explained } from "../explain";
import { time } from "../format";
import { words } from "../language";

const names = {
  operator: (id: string) => {
    const name = operators.value.get(id)?.name;
    return name && name !== id ? `${name} ${id}` : id;
  },
  queue: (id: string) => queues.value.get(id)?.name || id,
};

export function Story({ answer }: { answer: unknown }) {
  const { verdict, lines } = explained(answer, words.value, names);
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
