// Before anything is painted: the theme and the language that were chosen here.
(() => {
  try {
    const theme = localStorage.getItem("hotline.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    const language = localStorage.getItem("hotline.language");
    document.documentElement.lang = language === "en" ? "en" : "zh-CN";
  } catch {
    // Storage is forbidden here: the preference of the browser holds.
  }
})();
