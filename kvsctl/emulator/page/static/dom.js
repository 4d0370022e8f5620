// Elements, made from text only: nothing on this page makes HTML from a string.

export const byId = (id) => document.getElementById(id);

// Return a new element. Attributes that are true or false are present or absent.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "boolean") element.toggleAttribute(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Characters that are invisible, or that reorder the text around them. An ordinary space is neither.
const ODD = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu;
const LAYOUT = /[\t\n\r]/;

// Return a text as nodes, with its odd characters as JSON escapes. `hasLayout`: keep tabs and line
// ends.
export function visible(text, { hasLayout = false } = {}) {
  const nodes = [];
  let at = 0;
  for (const { index, 0: found } of text.matchAll(ODD)) {
    if (hasLayout && LAYOUT.test(found)) continue;
    nodes.push(text.slice(at, index), make("span", { class: "odd" }, escaped(found)));
    at = index + found.length;
  }
  return [...nodes, text.slice(at)];
}

// Return how many characters of a text would be escaped, not counting tabs and line ends.
export function countOdd(text) {
  return [...text.matchAll(ODD)].filter(([found]) => !LAYOUT.test(found)).length;
}

// Return a JSON text that means the same, with these characters escaped.
export function escapeOdd(text) {
  return text.replace(ODD, (found) => (LAYOUT.test(found) ? found : escaped(found)));
}

function escaped(text) {
  const unit = (at) => text.charCodeAt(at).toString(16).padStart(4, "0");
  return [...text.split("").keys()].map((at) => `\\u${unit(at)}`).join("");
}

// Return a key, or a part of one, as an element that cannot reorder the text beside it.
export function keyText(text) {
  const [, before, inner, after] = /^( *)(.*?)( *)$/su.exec(text);
  const spaces = (some) => (some ? [make("span", { class: "odd" }, escaped(some))] : []);
  return make("bdi", { class: "key", dir: "ltr" }, ...spaces(before), ...visible(inner), ...spaces(after));
}
