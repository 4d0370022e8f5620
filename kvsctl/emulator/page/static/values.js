// A value as a tree. Numbers and strings are shown as their own text in the JSON.

import { make, visible } from "./dom.js";
import { number } from "./format.js";
import { Node } from "./tree.js";

const PART = 200;
const SHOWN_CHARACTERS = 2000;

// Return a `load` for the tree of a value that was read by json.js.
export function valueLoad(value) {
  return () => ({ nodes: [valueNode(null, value)], cursor: null });
}

function valueNode(name, value) {
  const shownName = name === null ? [] : [make("bdi", { class: "name" }, ...visible(String(name))), ": "];
  const load = value.members?.length ? (cursor) => part(value, cursor ?? 0) : null;
  return new Node({
    label: [...shownName, shown(value)],
    name: name === null ? "" : String(name).replace(/^"/, ""),
    load,
  });
}

function part(value, begin) {
  const end = begin + PART;
  const nodes = value.members.slice(begin, end).map((member) => valueNode(member.name, member.value));
  return { nodes, cursor: end < value.members.length ? end : null };
}

function shown(value) {
  if (value.members) return make("span", { class: "kind" }, summary(value));
  const text = value.text.slice(0, SHOWN_CHARACTERS);
  const element = make("bdi", { class: value.kind }, ...visible(text));
  if (text.length === value.text.length) return element;
  const rest = `… ${number(value.text.length)} characters`;
  return make("span", {}, element, make("span", { class: "quiet" }, rest));
}

function summary({ kind, members }) {
  const count = number(members.length);
  if (kind === "array") return `[ ${count} ${members.length === 1 ? "element" : "elements"} ]`;
  return `{ ${count} ${members.length === 1 ? "member" : "members"} }`;
}
