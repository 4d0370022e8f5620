// One record: its key, times and value.

import { ask } from "./api.js";
import { byId, keyText, make, visible } from "./dom.js";
import { moment, number, relative } from "./format.js";
import { read } from "./json.js";
import { complain } from "./notices.js";
import { Tree } from "./tree.js";
import { valueLoad } from "./values.js";

export class RecordPane {
  #store;
  #tree = new Tree(byId("value"), { fail: complain });
  #turn = 0;
  record = null;

  constructor(store) {
    this.#store = store;
    byId("as-text").addEventListener("click", () => {
      this.#showForm(byId("as-text").getAttribute("aria-pressed") !== "true");
    });
  }

  // Read a record and show it. Return it, or null if another one was opened meanwhile.
  async open(key) {
    const turn = ++this.#turn;
    const record = await ask("record", { ...this.#store(), key });
    if (turn !== this.#turn) return null;
    this.show(record);
    return record;
  }

  show(record) {
    this.record = record;
    byId("record-title").replaceChildren("Record ", keyText(record.key));
    byId("facts").replaceChildren(
      ...fact("Size", `${number(record.size)} ${record.size === 1 ? "byte" : "bytes"}`),
      ...fact("Created", time(record.createdAt, record.now)),
      ...fact("Updated", time(record.updatedAt, record.now)),
      ...fact("Expires", record.expiresAt === null ? "never" : time(record.expiresAt, record.now)),
    );
    byId("text").replaceChildren(...visible(record.value, { hasLayout: true }));
    byId("record").hidden = false;
    byId("no-record").hidden = true;
    const value = parsed(record.value);
    byId("as-text").disabled = value === null;
    this.#showForm(value === null || byId("as-text").getAttribute("aria-pressed") === "true");
    if (value !== null) this.#showValue(value);
  }

  async #showValue(value) {
    await this.#tree.show(valueLoad(value));
    if (value.members) this.#tree.expandFirst();
  }

  clear() {
    this.#turn += 1;
    this.record = null;
    byId("record-title").replaceChildren("Record");
    byId("record").hidden = true;
    byId("no-record").hidden = false;
  }

  #showForm(isText) {
    byId("as-text").setAttribute("aria-pressed", String(isText));
    byId("text").hidden = !isText;
    byId("value").hidden = isText;
  }
}

function parsed(text) {
  try {
    return read(text);
  } catch {
    return null; // shown as text
  }
}

function fact(name, value) {
  return [make("dt", {}, name), make("dd", {}, value)];
}

function time(ms, now) {
  const shown = make("time", { datetime: new Date(ms).toISOString() }, moment(ms));
  return make("span", {}, shown, make("span", { class: "quiet" }, ` ${relative(ms, now)}`));
}
