// An answer in words, however its lines come: one text, texts, or things with a text.

export function linesOf(answer: unknown): string[] {
  const inner = (answer as { lines?: unknown } | null)?.lines ?? (answer as { text?: unknown } | null)?.text ?? answer;
  if (typeof inner === "string") return inner.split("\n");
  if (!Array.isArray(inner)) return JSON.stringify(inner, null, 2).split("\n");
  return inner.map((line) => {
    if (typeof line === "string") return line;
    const said = line as { at?: string; text?: string };
    return said.text ? `${said.at ?? ""} ${said.text}`.trim() : JSON.stringify(line);
  });
}
