// The admin's page: records, the configuration, and who did what.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../api";
import { dateTime } from "../format";
import { words } from "../language";
import { begin } from "../parts/begin";
import { Frame } from "../parts/frame";
import { attempt } from "../parts/toast";
import { may } from "../people";
import type { Audited } from "../words";
import { actInWords } from "./audited";
import { Configured } from "./configuration";
import { Records } from "./records";
import "./admin.css";

type Tab = "records" | "configuration" | "audit";

const TABS: Tab[] = ["records", "configuration", "audit"];
const fromAddress = (): Tab => TABS.find((tab) => location.hash === `#${tab}`) ?? "records";
const tab = signal<Tab>(fromAddress());
addEventListener("hashchange", () => {
  tab.value = fromAddress();
});

const audited = signal<Audited[]>([]);

/** In words, and as it came. */
function What({ what }: { what: string }) {
  const { acts, orders } = words.value;
  const told = actInWords(what, acts, orders);
  return told === null ? (
    what
  ) : (
    <>
      {told}
      <p class="hint">{what}</p>
    </>
  );
}

function Audit() {
  const t = words.value.admin;
  useEffect(
    () =>
      void attempt(async () => {
        const answer = await get<Audited[] | { entries: Audited[] }>("/audit");
        audited.value = Array.isArray(answer) ? answer : (answer.entries ?? []);
      }),
    [],
  );
  return (
    <section class="panel scroll">
      <table data-table="audit">
        <thead>
          <tr>
            <th scope="col">{t.at}</th>
            <th scope="col">{t.by}</th>
            <th scope="col">{t.what}</th>
            <th scope="col">{t.source}</th>
            <th scope="col">{t.outcome}</th>
          </tr>
        </thead>
        <tbody>
          {audited.value.map((one) => (
            <tr key={one.id}>
              <td>{dateTime(one.at)}</td>
              <td>{one.who}</td>
              <td>
                <What what={one.what} />
              </td>
              <td class="soft">{one.from}</td>
              <td>{one.result}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Admin() {
  const t = words.value.admin;
  // Supervisors look records up; the files are the admins'.
  const tabs = may("admin") ? TABS : TABS.slice(0, 1);
  const shown = tabs.includes(tab.value) ? tab.value : "records";
  return (
    <Frame page="admin">
      <div class="stack">
        {tabs.length > 1 && (
          <nav class="row sections">
            {tabs.map((one) => (
              <a key={one} href={`#${one}`} {...(one === shown ? { "aria-current": "true" as const } : {})}>
                {t[one]}
              </a>
            ))}
          </nav>
        )}
        {shown === "records" && <Records />}
        {shown === "configuration" && <Configured />}
        {shown === "audit" && <Audit />}
      </div>
    </Frame>
  );
}

begin("admin", Admin);
