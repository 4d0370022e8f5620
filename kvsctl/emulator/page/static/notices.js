// What the page says at its bottom, and to a screen reader.

import { byId, visible } from "./dom.js";

// Say how something ended well.
export function say(text) {
  byId("problem").replaceChildren();
  byId("status").replaceChildren(...visible(text));
}

// Say what failed, with its code.
export function complain(error) {
  byId("status").replaceChildren();
  const code = error.code === undefined ? "" : `${error.code}: `;
  byId("problem").replaceChildren(...visible(code + error.message));
}

// Return a function that does the same and reports what it throws.
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
