// Whose call it is: of a callback the number is what the house dialled. None: the caller did not show it.

export function callerOf(call: { from?: string | null; to?: string | null; callback_of?: unknown }): string | null {
  const number = call.callback_of ? call.to : call.from;
  return !number || /^anonymous$/i.test(number) ? null : number;
}
