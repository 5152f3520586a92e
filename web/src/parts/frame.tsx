// What all pages have around them: the head, the bar that tells of a lost connection, notices, and what was said.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { connection, standing } from "../board";
import { now } from "../clock";
import { clock, time } from "../format";
import { language, speak, words } from "../language";
import { HOME, may, session, signOut } from "../people";
import { nextTheme, theme } from "../theme";
import type { Role } from "../words";
import { Toasts } from "./toast";
import "../style/base.css";

export type Page = "signin" | "operator" | "supervisor" | "wall" | "admin" | "api";

/** Who may open which page. */
export const MAY: Record<Page, Role[]> = {
  signin: [],
  operator: ["operator"],
  supervisor: ["supervisor"],
  wall: ["wall", "supervisor", "admin", "operator"],
  admin: ["admin", "supervisor"],
  api: ["operator", "supervisor", "admin", "wall"],
};

export function Switches() {
  const t = words.value;
  const themes = { auto: t.common.themeAuto, light: t.common.themeLight, dark: t.common.themeDark };
  return (
    <>
      <button
        type="button"
        class="quiet small"
        lang={language.value === "zh" ? "en" : "zh-CN"}
        onClick={() => speak(language.value === "zh" ? "en" : "zh")}
      >
        {t.other}
      </button>
      <button
        type="button"
        class="quiet small"
        aria-label={`${t.common.theme}: ${themes[theme.value]}`}
        onClick={nextTheme}
      >
        {theme.value === "dark" ? "●" : theme.value === "light" ? "○" : "◐"} {themes[theme.value]}
      </button>
    </>
  );
}

export function ConnectionBar() {
  const t = words.value.connection;
  const { state, since } = connection.value;
  if (state !== "lost" || since === null) return null;
  return (
    <div class="bar" role="alert" data-state="urgent" data-bar="connection">
      {t.lost(clock(Math.max(0, Date.now() - since + 0 * now.value)))}
    </div>
  );
}

export function Notices() {
  return (
    <div role="log" aria-live="polite">
      {standing.value.map((notice) => (
        <div key={notice.id} class="bar" data-state={notice.level} data-bar="notice">
          <strong>{words.value.supervisor.level_[notice.level]}</strong>
          <span class="grow">{notice.text}</span>
          <span class="hint">
            {notice.by} {time(notice.at)}
          </span>
        </div>
      ))}
    </div>
  );
}

interface Props {
  page: Page;
  /** The page writes the title of the document itself. */
  ownTitle?: boolean;
  leave?: () => void;
  head?: ComponentChildren;
  children: ComponentChildren;
}

export function Frame({ page, ownTitle, leave, head, children }: Props) {
  const t = words.value;
  const who = session.value;
  useEffect(() => {
    if (!ownTitle) document.title = `${t.page[page]} · ${t.common.house}`;
  }, [page, ownTitle, t]);
  const pages = (["operator", "supervisor", "wall", "admin", "api"] as const).filter((one) => may(...MAY[one]));
  return (
    <>
      <a class="hidden skip" href="#main">
        {t.common.skip}
      </a>
      <header class="top">
        <h1>
          12345<small>{t.page[page]}</small>
        </h1>
        {pages.length > 1 && (
          <nav aria-label={t.common.pages}>
            {pages.map((one) => (
              <a
                key={one}
                href={one === "api" ? "/api" : HOME[one]}
                {...(one === page ? { "aria-current": "page" as const } : {})}
                {...(page === "operator" ? { target: "_blank", rel: "noopener" } : {})}
              >
                {t.page[one]}
              </a>
            ))}
          </nav>
        )}
        <span class="grow" />
        {head}
        <span class="strong">{time(new Date(now.value).toISOString())}</span>
        <Switches />
        {who && (
          <>
            <span>
              {who.person.name} <span class="soft">{who.person.id}</span>
              {who.seat && (
                <span class="soft">
                  {" · "}
                  {t.common.seat} {who.seat}
                </span>
              )}
            </span>
            <button type="button" class="small" data-act="signOut" onClick={leave ?? (() => void signOut())}>
              {t.common.signOut}
              {page === "operator" && <kbd>Q</kbd>}
            </button>
          </>
        )}
      </header>
      <ConnectionBar />
      <Notices />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Toasts />
    </>
  );
}
