// Delete records, after a person was asked.

import { ask } from "./api.js";
import { ask as askPerson } from "./dialogs.js";
import { keyText, make } from "./dom.js";
import { number, records } from "./format.js";
import { say } from "./notices.js";

const SHOWN = 5;
const KEYS_AT_ONCE = 1000;

// Delete the records of nodes, by their data. Return whether that was done.
export async function remove(store, nodes) {
  const prefixes = nodes.filter((node) => node.prefix !== undefined).map((node) => node.prefix);
  const keys = nodes.filter((node) => node.record).map((node) => node.record.key);
  let count = keys.length;
  for (const prefix of prefixes) count += (await ask("count", { ...store, prefix })).records;
  const yes = `Delete ${records(count)}`;
  if (!(await askPerson(`${yes}?`, question(store, prefixes, keys), yes))) return false;
  let deleted = 0;
  const did = ({ records: some }) => {
    deleted += some;
    say(`Deleted ${records(deleted)} of ${number(count)}`);
  };
  for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
    did(await ask("delete", { ...store, keys: keys.slice(at, at + KEYS_AT_ONCE) }));
  }
  for (const prefix of prefixes) {
    for (let isMore = true; isMore; ) {
      const found = await ask("delete", { ...store, prefix });
      did(found);
      isMore = found.isMore;
    }
  }
  say(`Deleted ${records(deleted)}`);
  return true;
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
