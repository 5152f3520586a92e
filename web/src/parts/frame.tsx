// What all pages have around them: the head, the bar that tells of a lost connection, notices, and what was said.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { alarms, connection, standing } from "../board";
import { now } from "../clock";
import { clock, time } from "../format";
import { language, speak, words } from "../language";
import { HOME, may, session, signOut } from "../people";
import { nextTheme, theme } from "../theme";
import type { Role } from "../words";
import { attempt, Toasts } from "./toast";
import "../style/base.css";

export type Page = "signin" | "operator" | "supervisor" | "wall" | "admin" | "api";

/** Who finds which page in the head. */
export const MAY: Record<Page, Role[]> = {
  signin: [],
  operator: ["operator"],
  supervisor: ["supervisor"],
  wall: ["wall", "supervisor", "admin", "operator"],
  admin: ["admin", "supervisor"],
  api: ["supervisor", "admin"],
};

/** Notices that are shown at once: with more of them nobody would read any. */
const NOTICES = 3;

export function Switches() {
  const t = words.value;
  const themes = { auto: t.common.themeAuto, light: t.common.themeLight, dark: t.common.themeDark };
  const sign = { auto: "◐", light: "○", dark: "●" };
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
        title={`${t.common.theme}: ${themes[theme.value]}`}
        onClick={nextTheme}
      >
        {sign[theme.value]}
      </button>
    </>
  );
}

function Ago({ moment }: { moment: number }) {
  // The tick is the server's; what was lost here is counted by the clock of this machine.
  void now.value;
  return <>{words.value.connection.lost(clock(Date.now() - moment))}</>;
}

export function ConnectionBar() {
  const { state, since } = connection.value;
  // The bar stands before it has words: only what is put into an alert is read aloud.
  return (
    <div role="alert">
      {state === "lost" && since !== null && (
        <p class="bar" data-state="urgent" data-bar="connection">
          <span aria-hidden="true">
            <Ago moment={since} />
          </span>
          <span class="hidden">{words.value.connection.lostShort}</span>
        </p>
      )}
    </div>
  );
}

/**
 * That the house is about to close, and until when one may talk: everybody is told who works in it. When it is away then,
 * it has closed, and what it said is no longer so.
 */
export function closing(): string | null {
  const alarm = alarms.value.get("closing");
  if (!alarm) return null;
  if (connection.value.state === "lost") return words.value.connection.closed;
  return language.value === "en" ? (alarm.text_en ?? alarm.text) : alarm.text;
}

export function Notices() {
  const t = words.value;
  const more = standing.value.length - NOTICES;
  return (
    <div role="log" aria-live="polite" aria-label={t.supervisor.notice}>
      {closing() && (
        <p class="bar" data-state="warning" data-bar="closing">
          {closing()}
        </p>
      )}
      {standing.value.slice(0, NOTICES).map((notice) => (
        <p key={notice.id} class="bar" data-state={notice.level} data-bar="notice">
          <strong>{t.supervisor.level_[notice.level]}</strong>
          <span class="grow">{notice.text}</span>
          <span class="hint">
            {notice.by} {time(notice.at)}
          </span>
        </p>
      ))}
      {more > 0 && <p class="bar hint">{t.common.moreNotices(more)}</p>}
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
  const navigates = pages.length > 1;
  return (
    <>
      <a class="hidden skip" href="#main">
        {t.common.skip}
      </a>
      <header class="top">
        <h1>
          {t.common.house}
          <span class={navigates ? "hidden" : "page-name"}> {t.page[page]}</span>
        </h1>
        {navigates && (
          <nav aria-label={t.common.pages}>
            {pages.map((one) => (
              <a
                key={one}
                href={one === "api" ? "/api" : HOME[one]}
                {...(one === page ? { "aria-current": "page" as const } : {})}
                {...(page === "operator" && one !== page ? { target: "_blank", rel: "noopener" } : {})}
              >
                {t.page[one]}
              </a>
            ))}
          </nav>
        )}
        <span class="grow" />
        <div class="tools">
          {head}
          <Switches />
        </div>
        <HeadClock />
        {who && (
          <>
            <span class="who">
              {who.person.name} <span class="soft">{who.person.id}</span>
              {who.seat && (
                <span class="soft">
                  {" · "}
                  {t.common.seat} {who.seat}
                </span>
              )}
            </span>
            <button type="button" class="small" data-act="signOut" onClick={leave ?? (() => void attempt(signOut))}>
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

function HeadClock() {
  return <span class="strong head-clock">{time(new Date(now.value).toISOString())}</span>;
}
