// That another tab has the phone, and the way to have it here.

import { words } from "../language";
import * as phones from "../phone/phone";

export function Elsewhere() {
  const t = words.value.elsewhere;
  return (
    <div role="status">
      {phones.phone.value.link === "elsewhere" && (
        <p class="card elsewhere" data-state="warning" data-bar="elsewhere">
          <span class="grow">{phones.phone.value.session ? t.moves : t.there}</span>
          <button type="button" class="small main" onClick={phones.takeHere}>
            {t.here}
          </button>
        </p>
      )}
    </div>
  );
}
