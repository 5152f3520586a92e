// In which call the microphone was switched off: a page that is loaded anew, or another tab that takes the phone, gets the
// call back as silent as it was.

const KEY = "hotline.muted";

export function keepMuted(call: string | null, muted: boolean): void {
  try {
    if (muted && call) localStorage.setItem(KEY, call);
    else localStorage.removeItem(KEY);
  } catch {
    // After a reload one is heard again, and told so.
  }
}

export function wasMuted(call: string | null): boolean {
  try {
    return call !== null && localStorage.getItem(KEY) === call;
  } catch {
    return false;
  }
}
