// Signing in: who, with which password, at which seat; and whether the headset works, before the first caller finds out.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get, Problem, post, remember } from "../api";
import { words } from "../language";
import { Frame } from "../parts/frame";
import { Headset } from "../parts/meter";
import { returnTo, said } from "../people";
import type { Session } from "../words";
import "../theme";
import "./signin.css";

const SEAT = "hotline.seat";

function keptSeat(): string {
  try {
    return localStorage.getItem(SEAT) ?? "";
  } catch {
    return "";
  }
}

/** A fresh installation: nobody has a password, and the one who reads this is to set the first. */
function First({ command }: { command: string }) {
  const t = words.value.signin;
  return (
    <section class="card first" data-state="warning" data-panel="first">
      <strong>{t.firstTitle}</strong>
      <p>{t.firstWhat}</p>
      <dl class="commands">
        {(["1001", "1010", "admin", "wall"] as const).map((who) => (
          <div key={who}>
            <dt>{t.firstWho[who]}</dt>
            <dd>
              <pre>{command.replace("password WHO", `password ${who}`)}</pre>
            </dd>
          </div>
        ))}
      </dl>
      <p>{t.firstThen}</p>
      <p class="hint">{t.firstMore}</p>
    </section>
  );
}

function SignIn() {
  const t = words.value.signin;
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [seat, setSeat] = useState(keptSeat());
  const [wrong, setWrong] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [first, beFirst] = useState<string | null>(null);

  useEffect(() => {
    get<Session>("/session").then(
      (found) => location.replace(returnTo(location.search, found.person.roles)),
      (problem) => beFirst(problem instanceof Problem ? problem.passwordCommand : null),
    );
  }, []);

  const go = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setWrong(null);
    try {
      const body = { name: name.trim(), password, ...(seat.trim() ? { seat: seat.trim() } : {}) };
      const found = remember(await post<Session>("/session", body));
      try {
        localStorage.setItem(SEAT, seat.trim());
      } catch {
        // It is typed again next time.
      }
      location.assign(returnTo(location.search, found.person.roles));
    } catch (problem) {
      setBusy(false);
      beFirst(problem instanceof Problem ? problem.passwordCommand : null);
      setWrong(problem instanceof Problem && problem.status === 401 ? t.wrong : said(problem));
    }
  };

  return (
    <Frame page="signin">
      <div class="signin">
        <form class="panel stack" onSubmit={go}>
          <div>
            <h2 class="big">{t.title}</h2>
            <p class="hint">{t.lead}</p>
          </div>
          {first && <First command={first} />}
          <div role="alert">{wrong && <p class="bad-text strong">{wrong}</p>}</div>
          <label>
            {t.name}
            <input
              name="name"
              required
              autoComplete="username"
              spellcheck={false}
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </label>
          <label>
            {t.password}
            <input
              name="password"
              type="password"
              required
              autoComplete="current-password"
              value={password}
              onInput={(event) => setPassword(event.currentTarget.value)}
            />
          </label>
          <label>
            {t.seat}
            <input
              name="seat"
              spellcheck={false}
              autoComplete="off"
              value={seat}
              onInput={(event) => setSeat(event.currentTarget.value)}
            />
            <span class="hint">{t.seatHint}</span>
          </label>
          <button type="submit" class="main" disabled={busy}>
            {busy ? t.going : t.go}
          </button>
        </form>
        <section class="panel" aria-label={t.headset}>
          <h2>{t.headset}</h2>
          <Headset />
        </section>
      </div>
    </Frame>
  );
}

const root = document.getElementById("page");
if (root) render(<SignIn />, root);
