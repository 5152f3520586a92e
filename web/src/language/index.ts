// Which language the page speaks. Chinese unless this browser, or the person, chose English.

import { computed, effect, signal } from "@preact/signals";
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

export const language = signal<Language>(chosen() ?? "zh");
export const words = computed(() => (language.value === "en" ? en : zh));

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
