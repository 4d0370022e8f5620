// The token of an emulator that runs with --token. It is kept in memory only.

import { answered } from "./dialogs.js";
import { byId } from "./dom.js";

let asking = null;
// The browser blocks an empty answer and says why, so clear the refusal of an earlier token.
byId("token").addEventListener("invalid", () => byId("token-problem").replaceChildren(), { capture: true });

// Return a token that a person gives, or null. Requests that wait for it share one dialog.
export function askToken(wasRefused) {
  byId("token-problem").replaceChildren(wasRefused ? "The emulator has refused this token." : "");
  asking ??= answered(byId("token"), byId("token-no"), () => byId("token-text").value).finally(() => {
    byId("token-text").value = "";
    asking = null;
  });
  return asking;
}
