// What is still to be set up before the first call, while there is time for it: the microphone and notifications.

import { useEffect, useState } from "preact/hooks";
import { words } from "../language";

/** What the browser lets this page do, asked anew when it changes. */
function usePermission(name: "microphone" | "notifications"): PermissionState | null {
  const [state, set] = useState<PermissionState | null>(null);
  useEffect(() => {
    let status: PermissionStatus | null = null;
    let over = false;
    const look = () => status && set(status.state);
    // Not every browser can be asked about both.
    navigator.permissions?.query({ name: name as PermissionName }).then(
      (found) => {
        if (over) return;
        status = found;
        found.addEventListener("change", look);
        look();
      },
      () => {},
    );
    return () => {
      over = true;
      status?.removeEventListener("change", look);
    };
  }, [name]);
  return state;
}

async function askMicrophone(): Promise<void> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  for (const track of stream.getTracks()) track.stop();
}

export function Before() {
  const t = words.value.operator;
  const [microphone, notifications] = [usePermission("microphone"), usePermission("notifications")];
  const lines: { id: string; text: string; act?: { text: string; does: () => Promise<unknown> } }[] = [];
  if (microphone === "prompt")
    lines.push({ id: "microphone", text: t.askMicrophone, act: { text: t.allowMicrophone, does: askMicrophone } });
  if (microphone === "denied") lines.push({ id: "microphone", text: words.value.fault.mic_denied.what });
  if (notifications === "prompt")
    lines.push({
      id: "notifications",
      text: t.notify,
      act: { text: t.allow, does: () => Notification.requestPermission() },
    });
  if (notifications === "denied") lines.push({ id: "notifications", text: t.notifyDenied });
  if (lines.length === 0) return null;
  return (
    <ul class="before">
      {lines.map(({ id, text, act }) => (
        <li key={id} data-before={id}>
          <span class="grow">{text}</span>
          {act && (
            <button type="button" class="small" onClick={() => void act.does().catch(() => {})}>
              {act.text}
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}
