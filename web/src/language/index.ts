// Which language the page speaks: the one chosen here, else that of the person, else that of the browser.

import { computed, effect, signal } from "@preact/signals";
import type { Names } from "../words";
import { en } from "./en";
import { zh } from "./zh";

export type Language = "zh" | "en";

const KEY = "hotline.language";

function chosen(): Language | null {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "zh" || kept === "en" ? kept : null;
  } catch {
    return null;
  }
}

/** The first of the browser's languages that the pages speak; English for everybody else. `theme.js` does the same. */
function ofBrowser(): Language {
  for (const tag of globalThis.navigator?.languages ?? []) {
    const found = /^(zh|en)\b/i.exec(tag)?.[1]?.toLowerCase();
    if (found === "zh" || found === "en") return found;
  }
  return "en";
}

export const language = signal<Language>(chosen() ?? ofBrowser());

/** What something is called in the language of the page. */
export const called = (thing: { id: string; name?: string | undefined; names?: Names | undefined }): string =>
  thing.names?.[language.value] || thing.name || thing.id;

/** Reasons as the files of the house name them, by their ids. */
export const reasonNames = signal<Record<string, Names>>({});

export const words = computed(() => {
  const spoken = language.value === "en" ? en : zh;
  const named = Object.entries(reasonNames.value).map(([id, names]) => [id, names[language.value]] as const);
  return named.length === 0 ? spoken : { ...spoken, reason: { ...spoken.reason, ...Object.fromEntries(named) } };
});

effect(() => {
  document.documentElement.lang = language.value === "en" ? "en" : "zh-CN";
});

export function speak(next: Language): void {
  language.value = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // It holds for this page only.
  }
}

/** The language a person has on file, unless this browser was told otherwise. */
export function prefer(theirs: string | null | undefined): void {
  if (chosen() === null && (theirs === "en" || theirs === "zh")) language.value = theirs;
}

/** A word of an open set: as the house calls it where we have none. */
export function open(set: Record<string, string>, key: string | null | undefined): string {
  return key ? (set[key] ?? key.replaceAll("_", " ")) : "–";
}
