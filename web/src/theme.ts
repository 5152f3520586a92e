// Light or dark: as the system prefers, or as was chosen here.

import { effect, signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";

const KEY = "hotline.theme";
const order: Theme[] = ["auto", "light", "dark"];

function kept(): Theme {
  const given = new URLSearchParams(location.search).get("theme");
  if (given === "light" || given === "dark") return given;
  try {
    const theme = localStorage.getItem(KEY);
    return theme === "light" || theme === "dark" ? theme : "auto";
  } catch {
    return "auto";
  }
}

export const theme = signal<Theme>(kept());
const system = matchMedia("(prefers-color-scheme: dark)");
export const dark = signal(false);

effect(() => {
  const root = document.documentElement;
  if (theme.value === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme.value;
  dark.value = theme.value === "dark" || (theme.value === "auto" && system.matches);
});
system.addEventListener("change", () => {
  if (theme.value === "auto") dark.value = system.matches;
});

export function nextTheme(): void {
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length] ?? "auto";
  try {
    if (theme.value === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme.value);
  } catch {
    // It holds for this page only.
  }
}
