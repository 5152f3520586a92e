// Emergencies that go on, above everything else: who was called, whether they answered, since when, and whose call it is.

import { queues } from "../board";
import { callerOf } from "../caller";
import { emergencies, type Running, sinceWhen, stageOf, targetName } from "../emergencies";
import { number } from "../format";
import { words } from "../language";
import { nameOf } from "../operators";
import { Since } from "../parts/time";

function Line({ call }: { call: Running }) {
  const t = words.value;
  const { emergency } = call;
  return (
    <p class="card" data-state="urgent" data-emergency={call.id} data-stage={emergency.stage}>
      <strong>
        {t.emergency.title} {targetName(emergency.target)}
      </strong>
      <span class="strong">{stageOf(call)}</span>
      <span aria-hidden="true">
        <Since at={sinceWhen(call)} />
      </span>
      <span>
        {number(callerOf(call), t.common.noNumber)}
        {call.caller_gone && ` (${t.operator.callerGoneShort})`}
      </span>
      <span>{call.operator ? nameOf(call.operator) : t.emergency.alone}</span>
      <span class="soft">{queues.value.get(call.queue ?? "")?.name ?? ""}</span>
    </p>
  );
}

export function Emergencies() {
  return (
    <div role="alert" class="emergency-lines">
      {emergencies.value.map((call) => (
        <Line key={call.id} call={call} />
      ))}
    </div>
  );
}
