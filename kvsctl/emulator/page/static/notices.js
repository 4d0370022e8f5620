// Messages at the bottom of the page, which screen readers read out.

import { byId, visible } from "./dom.js";

// Report a success.
export function say(text) {
  byId("problem").replaceChildren();
  byId("status").replaceChildren(...visible(text));
}

// Report a failure, with its code.
export function complain(error) {
  byId("status").replaceChildren();
  const code = error.code === undefined ? "" : `${error.code}: `;
  byId("problem").replaceChildren(...visible(code + error.message));
}

// Return a function that does the same, but reports errors instead of throwing them.
export function reporting(work) {
  return async (...given) => {
    try {
      return await work(...given);
    } catch (error) {
      complain(error);
      return undefined;
    }
  };
}
