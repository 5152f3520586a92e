// A dialog. The browser's own: it traps the focus, Esc closes it, and the focus goes back to where it was.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { words } from "../language";

interface Props {
  title: string;
  wide?: boolean;
  /** What leads out, where "close" would mean something else. */
  leave?: string;
  onClose: () => void;
  onKey?: (event: KeyboardEvent) => void;
  children: ComponentChildren;
}

export function Dialog({ title, wide, leave, onClose, onKey, children }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  // Open as soon as it is there: a key between the two would go to the page below it.
  useLayoutEffect(() => {
    const former = document.activeElement;
    element.current?.showModal();
    // What Enter does at once.
    element.current?.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => {
      if (former instanceof HTMLElement && former.isConnected) former.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={wide ? "wide" : ""}
      aria-label={title}
      onClose={onClose}
      onKeyDown={(event) => {
        event.stopPropagation();
        onKey?.(event);
      }}
    >
      <div class="row">
        <h2 class="grow">{title}</h2>
        <button type="button" class="quiet small" onClick={onClose}>
          {leave ?? words.value.common.close} <kbd>Esc</kbd>
        </button>
      </div>
      {children}
    </dialog>
  );
}
