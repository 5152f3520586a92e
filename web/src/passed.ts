// How long something lasted, in whole seconds: what has not passed is not told, on clocks and in sentences alike.

/** The seconds that have passed. */
export const wholeSeconds = (ms: number) => Math.max(0, Math.floor(ms / 1000));

/** As it is told in a sentence: short times with a tenth of a second. */
export function lasted(ms: number, second: string, minute: string): string {
  const s = wholeSeconds(ms);
  if (s < 10) return `${Math.floor(Math.max(0, ms) / 100) / 10} ${second}`;
  return s < 60 ? `${s} ${second}` : `${Math.floor(s / 60)} ${minute} ${s % 60} ${second}`;
}
