// Before anything is painted: the theme and the language that were chosen here, or that the browser asks for.
(() => {
  const spoken = (navigator.languages ?? []).find((tag) => /^(zh|en)\b/i.test(tag)) ?? "en";
  let english = /^en/i.test(spoken);
  try {
    const theme = localStorage.getItem("hotline.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    const language = localStorage.getItem("hotline.language");
    if (language === "en" || language === "zh") english = language === "en";
  } catch {
    // Storage is forbidden here: the preference of the browser holds.
  }
  document.documentElement.lang = english ? "en" : "zh-CN";
})();
