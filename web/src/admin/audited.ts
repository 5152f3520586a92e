// What somebody did, in words: the audit log has the request or the command as it came.

/** A pattern like `POST /queues/{id}/switch` as it may come, with what follows it. */
function pattern(act: string): RegExp {
  const escaped = act.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replaceAll("{id}", "([^/? ]+)");
  return new RegExp(`^${escaped}(?=[? ]|$)`);
}

/** Null: not known here. */
export function actInWords(what: string, acts: Record<string, string>, orders: Record<string, string>): string | null {
  for (const [act, told] of Object.entries(acts)) {
    const found = pattern(act).exec(what);
    if (!found) continue;
    const words = told.replace("$1", found[1] ?? "");
    const order = act.endsWith("/orders") ? /"order":"(\w+)"/.exec(what.replaceAll(/\s/g, ""))?.[1] : undefined;
    return order ? `${words}: ${orders[order] ?? order}` : words;
  }
  return null;
}
