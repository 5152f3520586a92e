// A button that shows the key which does the same.

import type { ComponentChildren } from "preact";
import { type Act, KEYS, label } from "../keys";

interface Props {
  act: Act;
  onAct: () => void;
  disabled?: boolean;
  kind?: string;
  pressed?: boolean;
  /** In a field: what leads out of it comes first. */
  writing?: boolean;
  children: ComponentChildren;
}

export function KeyButton({ act, onAct, disabled, kind, pressed, writing, children }: Props) {
  return (
    <button
      type="button"
      class={`${kind ?? ""} ${pressed ? "on" : ""}`.trim()}
      data-act={act}
      disabled={disabled ?? false}
      aria-keyshortcuts={KEYS[act].replace("shift", "Shift")}
      {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
      onClick={onAct}
    >
      <span>{children}</span>
      {writing && <kbd>Esc</kbd>}
      <kbd>{label(KEYS[act])}</kbd>
    </button>
  );
}
