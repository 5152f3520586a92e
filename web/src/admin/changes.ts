// A difference of the configuration in the language of the page. The house tells it in English, a line each, and keeps
// it so with each version; what is not known here stays as it is told.

import type { ChangeWords } from "../language/changes-zh";

const said = (t: ChangeWords, value: string) => t.values[value] ?? value;

/** `queue citizen` → its kind in words, and its name. */
function thing(text: string, t: ChangeWords): string | null {
  const kind = Object.keys(t.kinds).find((one) => text.startsWith(`${one} `));
  const id = kind ? text.slice(kind.length + 1) : "";
  return kind && /^\S+$/.test(id) ? t.thing(t.kinds[kind] ?? kind, id) : null;
}

/** `wrap_up 10s` → the key in words, and its value. The longest key that fits is meant. */
function keyed(text: string, t: ChangeWords): string {
  const fits = Object.keys(t.keys).filter((key) => text === key || text.startsWith(`${key} `));
  const key = fits.sort((a, b) => b.length - a.length)[0];
  if (key === undefined) return text;
  const word = t.key(t.keys[key] ?? key, key);
  return text === key ? word : `${word} ${said(t, text.slice(key.length + 1))}`;
}

/** What became of a thing, or of the house as a whole. */
function what(text: string, t: ChangeWords): string {
  const [, before, after] = /^(.+?) → (.*)$/s.exec(text) ?? [];
  if (before !== undefined && after !== undefined) return t.from(keyed(before, t), said(t, after));
  const [, of, how] = /^(.+) (added|removed|changed)$/s.exec(text) ?? [];
  return of === undefined ? text : `${keyed(of, t)} ${t[how as "added"]}`;
}

export function changeInWords(line: string, t: ChangeWords | null): string {
  if (!t) return line;
  const [, old, now] = /^(.+?) renamed: it is (.+) now, and whoever waits there keeps the place$/.exec(line) ?? [];
  if (old && now) return t.renamed(thing(old, t) ?? old, thing(now, t) ?? now);
  const [, gone, there] = /^(.+?) removed: whoever waits there goes on in (.+)$/.exec(line) ?? [];
  if (gone && there) return t.goesOn(thing(gone, t) ?? gone, thing(there, t) ?? there);
  const [, whole, how] = /^(.+) (added|removed|replaced)$/s.exec(line) ?? [];
  const named = whole === undefined ? null : thing(whole, t);
  if (named !== null) return `${named} ${t[how as "added"]}`;
  const colon = line.indexOf(": ");
  const of = colon > 0 ? thing(line.slice(0, colon), t) : null;
  return of === null ? what(line, t) : t.of(of, what(line.slice(colon + 2), t));
}
