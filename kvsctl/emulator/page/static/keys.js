// The keys of a store: a tree by prefix, or a list by key or by size.

import { ask } from "./api.js";
import { byId, keyText, make } from "./dom.js";
import { expiry, number, records, size } from "./format.js";
import { complain, reporting, say } from "./notices.js";
import { Node, Tree } from "./tree.js";

const TYPING_MS = 250;

export class Keys {
  #tree;
  #store;
  #on;
  #countTurn = 0;

  // `store()` is `{installation, space}`. `on` has functions: `open(key)`, `remove(nodes)`.
  constructor(store, on) {
    this.#store = store;
    this.#on = on;
    this.#tree = new Tree(byId("keys"), {
      open: (node) => on.open(node.data.record.key),
      mark: () => this.#showMarks(),
      remove: (node) => on.remove([node.data]),
      fail: complain,
    });
    const reload = reporting(() => this.reload());
    let waiting = null;
    byId("prefix").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(reload, TYPING_MS);
    });
    byId("filter").addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(waiting);
      reload();
    });
    byId("order").addEventListener("change", reload);
    byId("never-expires").addEventListener("change", reload);
    byId("unmark").addEventListener("click", () => this.#tree.unmarkAll());
  }

  // What is listed: the store with the prefix and the filter.
  get listed() {
    return {
      ...this.#store(),
      prefix: byId("prefix").value,
      neverExpires: byId("never-expires").checked,
    };
  }

  // The data of the marked nodes, without those below another marked node.
  get marked() {
    const all = this.#tree.marked.map((node) => node.data);
    const prefixes = all.filter((one) => one.prefix !== undefined).map((one) => one.prefix);
    return all.filter((one) => {
      const text = one.prefix ?? one.record.key;
      return !prefixes.some((prefix) => text.startsWith(prefix) && one.prefix !== prefix);
    });
  }

  async reload() {
    const order = byId("order").value;
    const isTree = order.length === 1 && !byId("never-expires").checked;
    const { prefix } = this.listed;
    const load = isTree ? this.#level(prefix, order) : this.#list(order === "size" ? "size" : "key");
    const count = await this.#tree.show(load);
    if (count === null) return;
    this.#showEmptiness();
    this.#showMarks();
    say(count ? `${number(count)} ${count === 1 ? "node" : "nodes"} listed` : "No keys");
    this.#count();
  }

  setCurrent(key) {
    this.#tree.setCurrent(this.#nodeOf(key));
  }

  // Show what has changed in a record.
  update(record) {
    const node = this.#nodeOf(record.key);
    if (!node) return;
    node.data.record = record;
    node.label = recordLabel(record.key.slice(node.data.above.length), record, record.now);
    this.#tree.relabel(node);
  }

  // Remove nodes, by their data.
  remove(all) {
    const gone = new Set(all.map((one) => one.prefix ?? one.record.key));
    const isGone = ({ data }) => data && gone.has(data.prefix ?? data.record?.key);
    this.#tree.remove(this.#tree.filter(isGone));
    this.#showEmptiness();
    this.#count();
  }

  focus() {
    if (this.#tree.isEmpty) byId("prefix").focus();
    else this.#tree.focus();
  }

  #nodeOf(key) {
    return this.#tree.find(({ data }) => data?.record?.key === key);
  }

  #level(prefix, delimiter) {
    const store = this.#store();
    return async (cursor) => {
      const part = await ask("children", { ...store, prefix, delimiter, after: cursor });
      const nodes = part.nodes.map((node) => this.#node(node, prefix, delimiter, part.now));
      return { nodes, cursor: part.cursor };
    };
  }

  #list(sort) {
    const listed = this.listed;
    return async (cursor) => {
      const part = await ask("records", { ...listed, sort, after: cursor });
      const nodes = part.records.map((record) => recordNode(record, "", part.now));
      return { nodes, cursor: part.cursor };
    };
  }

  #node({ record, prefix, count, isCounted }, above, delimiter, now) {
    if (record) return recordNode(record, above, now);
    const name = prefix.slice(above.length);
    const amount = `${number(count)}${isCounted === false ? "+" : ""}`;
    return new Node({
      label: [keyText(name), make("span", { class: "quiet" }, ` ${amount}`)],
      name,
      load: this.#level(prefix, delimiter),
      data: { prefix },
      canMark: true,
    });
  }

  #showEmptiness() {
    byId("keys").hidden = this.#tree.isEmpty;
    byId("no-keys").hidden = !this.#tree.isEmpty;
  }

  #showMarks() {
    const count = this.#tree.marked.length;
    byId("marked").replaceChildren(count ? `${number(count)} marked` : "None marked");
    byId("unmark").disabled = count === 0;
    byId("delete").disabled = count === 0;
    byId("download").replaceChildren(count ? "Download marked" : "Download all");
  }

  // Count all that is listed. The first keys of a large store are shown before the count ends.
  async #count() {
    const turn = ++this.#countTurn;
    const place = byId("count");
    place.replaceChildren("counting…");
    try {
      const found = await ask("count", this.listed);
      if (turn !== this.#countTurn) return;
      place.replaceChildren(`${records(found.records)}, ${size(found.bytes)}`);
    } catch (error) {
      if (turn === this.#countTurn) place.replaceChildren();
      complain(error);
    }
  }
}

function recordNode(record, above, now) {
  const name = record.key.slice(above.length);
  return new Node({
    label: recordLabel(name, record, now),
    name,
    data: { record, above },
    canMark: true,
  });
}

function recordLabel(name, record, now) {
  const shown = name ? keyText(name) : make("span", { class: "quiet" }, "(the prefix itself)");
  const facts = ` ${size(record.size)}, ${expiry(record.expiresAt, now)}`;
  return [shown, make("span", { class: "quiet" }, facts)];
}
