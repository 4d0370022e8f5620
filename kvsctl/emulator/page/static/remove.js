// Delete records, after asking a person.

import { ask } from "./api.js";
import { ask as askPerson } from "./dialogs.js";
import { keyText, make } from "./dom.js";
import { number, records } from "./format.js";
import { say } from "./notices.js";

const SHOWN = 5;
const KEYS_AT_ONCE = 1000;

// Delete the records of nodes, by their data. Return `isDone` (whether all were deleted) and
// `deleted` (how many were).
export function remove(store, nodes) {
  return new Removing(store, nodes).run();
}

class Removing {
  #store;
  #keys;
  #agreed = new Map(); // from each prefix to how many of its records may be deleted
  #deleted = 0;
  #count;

  constructor(store, nodes) {
    this.#store = store;
    this.#keys = nodes.filter((node) => node.record).map((node) => node.record.key);
    for (const { prefix } of nodes) if (prefix !== undefined) this.#agreed.set(prefix, 0);
  }

  async run() {
    const prefixes = [...this.#agreed.keys()];
    if (!(await this.#agree(this.#keys, prefixes))) return this.#end(false);
    for (let at = 0; at < this.#keys.length; at += KEYS_AT_ONCE) {
      this.#did(await this.#delete({ keys: this.#keys.slice(at, at + KEYS_AT_ONCE) }));
    }
    for (const prefix of prefixes) {
      if (!(await this.#deleteAll(prefix))) return this.#end(false);
    }
    return this.#end(true);
  }

  // Ask a person to confirm deleting these keys, and all keys with these prefixes.
  async #agree(keys, prefixes, ...why) {
    let count = keys.length;
    for (const prefix of prefixes) {
      const found = (await ask("count", { ...this.#store, prefix })).records;
      this.#agreed.set(prefix, found);
      count += found;
    }
    this.#count = this.#deleted + count;
    const yes = `Delete ${records(count)}`;
    return askPerson(`${yes}?`, [...why, ...question(this.#store, prefixes, keys)], yes);
  }

  // Delete all records with a prefix. Return false if a person declines when asked again.
  async #deleteAll(prefix) {
    for (let deleted = 0; ; ) {
      let found;
      try {
        found = await this.#delete({ prefix, agreed: this.#agreed.get(prefix), deleted });
      } catch (error) {
        if (error.code !== "RECORDS_ADDED") throw error;
        const why = make("p", {}, "Others were added since you were asked.");
        if (!(await this.#agree([], this.#left(prefix), why))) return false;
        deleted = 0;
        continue;
      }
      deleted += found.records;
      this.#did(found);
      if (!found.isMore) return true;
    }
  }

  // Return this prefix and the later ones, which are not deleted yet.
  #left(prefix) {
    const prefixes = [...this.#agreed.keys()];
    return prefixes.slice(prefixes.indexOf(prefix));
  }

  #delete(what) {
    return ask("delete", { ...this.#store, ...what });
  }

  #did({ records: some }) {
    this.#deleted += some;
    say(`Deleted ${records(this.#deleted)} of ${number(this.#count)}`);
  }

  #end(isDone) {
    if (isDone) say(`Deleted ${records(this.#deleted)}`);
    return { isDone, deleted: this.#deleted };
  }
}

function question(store, prefixes, keys) {
  const all = [
    ...prefixes.map((prefix) => make("li", {}, "all keys that begin with ", keyText(prefix))),
    ...keys.map((key) => make("li", {}, keyText(key))),
  ];
  const list = make("ul", { class: "plain" }, ...all.slice(0, SHOWN));
  if (all.length > SHOWN) list.append(make("li", {}, `and ${number(all.length - SHOWN)} more`));
  const where = make("p", {}, "In the installation ", keyText(store.installation), ". This cannot be undone.");
  return [list, where];
}
