// Dialogs that end with an answer. The element that had the focus gets it back.

import { byId } from "./dom.js";

// Show a dialog. Return what `accept` returns once its form is sent, or null if it is cancelled.
// While `accept` returns undefined, the dialog stays open.
export function answered(dialog, cancel, accept) {
  const form = dialog.querySelector("form");
  const before = document.activeElement;
  return new Promise((resolve) => {
    const ending = new AbortController();
    const { signal } = ending;
    const end = (answer) => {
      ending.abort();
      dialog.close();
      if (before?.isConnected) before.focus();
      resolve(answer);
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const answer = await accept();
      if (answer !== undefined) end(answer);
    }, { signal });
    cancel.addEventListener("click", () => end(null), { signal });
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      cancel.click();
    }, { signal });
    dialog.showModal();
  });
}

// Ask before doing something that cannot be undone. Return whether the answer is yes.
export async function ask(title, paragraphs, yes) {
  byId("question-title").replaceChildren(title);
  byId("question-text").replaceChildren(...paragraphs);
  byId("question-yes").replaceChildren(yes);
  const answer = answered(byId("question"), byId("question-no"), () => true);
  byId("question-no").focus();
  return (await answer) === true;
}
