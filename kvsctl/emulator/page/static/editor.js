// Edit a record. A save replaces only the version that was read.

import { ask } from "./api.js";
import { answered, ask as askPerson } from "./dialogs.js";
import { byId, countOdd, escapeOdd, keyText, make } from "./dom.js";
import { moment, number } from "./format.js";

const ELEMENTS = ["text", "problem", "reload", "overwrite", "yes", "no", "keep", "odd", "odd-count", "escape", "key", "amount", "unit"];
const part = Object.fromEntries(ELEMENTS.map((name) => [name, byId(`editor-${name}`)]));
const form = byId("editor").querySelector("form");

// Let a person edit a record of a store. Return the saved record, or null.
export function edit(store, record) {
  return new Editing(store, record).run();
}

class Editing {
  #store;
  #record;

  constructor(store, record) {
    this.#store = store;
    this.#record = record;
  }

  async run() {
    part.key.replaceChildren(keyText(this.#record.key));
    form.elements.expiry.value = "keep";
    this.#fill();
    const ending = new AbortController();
    const { signal } = ending;
    const cancel = make("button", {});
    part.text.addEventListener("input", () => this.#showOdd(), { signal });
    part.text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    }, { signal });
    for (const element of [part.amount, part.unit]) {
      element.addEventListener("input", () => (form.elements.expiry.value = "after"), { signal });
    }
    // The browser blocks a save and says why, so clear the error of an earlier save.
    form.addEventListener("invalid", () => this.#showProblem(""), { signal, capture: true });
    part.escape.addEventListener("click", () => {
      part.text.value = escapeOdd(part.text.value);
      this.#showOdd();
      part.text.focus();
    }, { signal });
    part.reload.addEventListener("click", () => this.#reload(), { signal });
    part.overwrite.addEventListener("click", () => this.#overwrite(), { signal });
    part.no.addEventListener("click", async () => {
      if (await this.#mayLeave()) cancel.click();
    }, { signal });
    byId("editor").addEventListener("cancel", (event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      part.no.click();
    }, { signal });
    const answer = answered(byId("editor"), cancel, () => this.#save());
    part.text.focus();
    part.text.setSelectionRange(0, 0);
    const saved = await answer;
    ending.abort();
    return saved;
  }

  #fill() {
    part.text.value = this.#record.value;
    const { expiresAt } = this.#record;
    part.keep.replaceChildren(expiresAt === null ? "Keep (never)" : `Keep (${moment(expiresAt)})`);
    this.#showProblem("");
    this.#showOdd();
  }

  #showOdd() {
    const count = countOdd(part.text.value);
    const what = `${number(count)} invisible ${count === 1 ? "character" : "characters"} in this text`;
    part["odd-count"].replaceChildren(what);
    part.odd.hidden = count === 0;
  }

  #showProblem(text, { isConflict = false } = {}) {
    part.problem.replaceChildren(text);
    part.reload.hidden = part.overwrite.hidden = !isConflict;
  }

  async #mayLeave() {
    if (part.text.value === this.#record.value) return true;
    return askPerson("Discard your changes?", ["The record stays as it is."], "Discard");
  }

  get #expiry() {
    const chosen = form.elements.expiry.value;
    if (chosen !== "after") return chosen;
    return { value: Number(part.amount.value), unit: part.unit.value };
  }

  async #save() {
    const { key, version } = this.#record;
    this.#showProblem("");
    part.yes.disabled = true;
    try {
      const value = part.text.value;
      return await ask("save", { ...this.#store, key, value, version, expiry: this.#expiry });
    } catch (error) {
      const isConflict = error.code === "RECORD_CHANGED";
      this.#showProblem(`${error.code}: ${error.message}`, { isConflict });
      part.text.focus();
      return undefined;
    } finally {
      part.yes.disabled = false;
    }
  }

  async #reload() {
    await this.#readAgain(() => this.#fill());
    part.text.focus();
  }

  async #overwrite() {
    await this.#readAgain(() => form.requestSubmit());
  }

  // Read the record again, so that the next save replaces this version.
  async #readAgain(then) {
    try {
      this.#record = await ask("record", { ...this.#store, key: this.#record.key });
      then();
    } catch (error) {
      this.#showProblem(`${error.code}: ${error.message}`);
    }
  }
}
