// A tree by the ARIA pattern: one tab stop, arrow keys, and nodes that load children when opened.

import { make } from "./dom.js";

const TYPING_MS = 700;
let ids = 0;

// A node: `label` is an array of nodes to show. `load(cursor)` returns `{nodes, cursor}`, the next
// part of its children; a node without it is a leaf. `data` belongs to the caller.
export class Node {
  constructor({ label, name, load = null, data = null, canMark = false }) {
    Object.assign(this, { label, name, load, data, canMark });
    this.isMarked = false;
  }
}

export class Tree {
  #root;
  #on;
  #nodes = new WeakMap();
  #current = null;
  #turn = 0;
  #typed = "";
  #typedAt = 0;

  // `on` has functions: `open(node)` for leaves, `mark()`, `remove(node)`, `fail(error)`.
  constructor(root, on) {
    this.#root = root;
    this.#on = { open() {}, mark() {}, remove() {}, fail() {}, ...on };
    root.addEventListener("focusin", (event) => this.#setCurrent(event.target.closest("[role=treeitem]")));
    root.addEventListener("keydown", (event) => this.#keyDown(event));
    root.addEventListener("click", (event) => this.#click(event));
  }

  // Replace all nodes with those that `load` returns. Return their number.
  async show(load) {
    const turn = ++this.#turn;
    const hadFocus = this.#root.contains(document.activeElement);
    this.#root.setAttribute("aria-busy", "true");
    try {
      const part = await load(null);
      if (turn !== this.#turn) return null;
      this.#root.replaceChildren();
      this.#current = null;
      this.#append(this.#root, part, load);
      if (hadFocus && this.#current) this.#current.focus();
      return part.nodes.length;
    } finally {
      if (turn === this.#turn) this.#root.removeAttribute("aria-busy");
    }
  }

  get marked() {
    return this.filter((node) => node.isMarked);
  }

  unmarkAll() {
    for (const item of this.#items()) this.#mark(item, false);
    this.#on.mark();
  }

  // Show the label of a node again, after its data has changed.
  relabel(node) {
    const item = this.#itemOf(node);
    if (item) item.firstElementChild.lastElementChild.replaceChildren(...node.label);
  }

  // Show which leaf is open.
  setCurrent(node) {
    this.#root.querySelector("[aria-current]")?.removeAttribute("aria-current");
    this.#itemOf(node)?.setAttribute("aria-current", "true");
  }

  // Remove nodes, and parents that become empty. The focus moves to the nearest node.
  remove(nodes) {
    const hadFocus = this.#root.contains(document.activeElement);
    const itemOf = new Map(this.#items().map((item) => [this.#nodes.get(item), item]));
    for (const node of nodes) {
      let item = itemOf.get(node);
      while (item?.isConnected) {
        const list = item.parentElement;
        const parent = list === this.#root ? null : list.parentElement;
        if (item.contains(this.#current)) this.#setCurrent(this.#neighbour(item));
        item.remove();
        item = list.childElementCount ? null : parent;
      }
    }
    if (hadFocus) this.#current?.focus();
    this.#on.mark();
  }

  find(matches) {
    return this.filter(() => true).find(matches);
  }

  filter(matches) {
    return this.#items().map((item) => this.#nodes.get(item)).filter(matches);
  }

  // Open the first node.
  expandFirst() {
    return this.#expand(this.#root.firstElementChild, true);
  }

  focus() {
    this.#current?.focus();
  }

  get isEmpty() {
    return !this.#root.childElementCount;
  }

  #append(list, { nodes, cursor }, load) {
    const begin = list.children.length;
    list.append(...nodes.map((node) => this.#item(node)));
    if (cursor !== null) {
      const more = new Node({ label: ["More…"], name: "More…", data: { list, load, cursor } });
      more.isMore = true;
      list.append(this.#item(more));
    }
    if (!this.#current && this.#root.firstElementChild) this.#setCurrent(this.#root.firstElementChild);
    return list.children[begin];
  }

  #item(node) {
    const id = `node-${++ids}`;
    const label = make("span", { id, class: "label" }, ...node.label);
    const row = make("div", { class: "row" });
    const item = make("li", { role: "treeitem", "aria-labelledby": id, tabindex: "-1" }, row);
    row.append(make("span", { class: "twist", "aria-hidden": "true" }));
    if (node.canMark) {
      row.append(make("span", { class: "mark", "aria-hidden": "true" }));
      item.setAttribute("aria-checked", "false");
    }
    row.append(label);
    if (node.load) item.setAttribute("aria-expanded", "false");
    if (node.isMore) item.classList.add("more");
    this.#nodes.set(item, node);
    return item;
  }

  async #open(item) {
    const node = this.#nodes.get(item);
    if (node.isMore) await this.#loadMore(item, node.data);
    else if (node.load) await this.#expand(item, item.getAttribute("aria-expanded") !== "true");
    else this.#on.open(node);
  }

  async #loadMore(item, { list, load, cursor }) {
    if (item.getAttribute("aria-busy") === "true") return;
    const part = await this.#busy(item, () => load(cursor));
    if (!part || !item.isConnected) return;
    const hadFocus = item === document.activeElement;
    item.remove();
    const first = this.#append(list, part, load) ?? list.lastElementChild;
    if (first) this.#setCurrent(first);
    if (hadFocus) first?.focus();
  }

  async #expand(item, isExpanded) {
    const node = this.#nodes.get(item);
    if (isExpanded && item.childElementCount === 1) {
      if (item.getAttribute("aria-busy") === "true") return;
      const part = await this.#busy(item, () => node.load(null));
      if (!part || !item.isConnected) return;
      const list = make("ul", { role: "group" });
      item.append(list);
      this.#append(list, part, node.load);
    }
    item.setAttribute("aria-expanded", String(isExpanded));
    const list = item.children[1];
    if (list) list.hidden = !isExpanded;
    if (!isExpanded && list?.contains(this.#current)) this.#setCurrent(item);
  }

  async #busy(item, work) {
    item.setAttribute("aria-busy", "true");
    try {
      return await work();
    } catch (error) {
      this.#on.fail(error);
      return null;
    } finally {
      item.removeAttribute("aria-busy");
    }
  }

  #mark(item, isMarked) {
    const node = this.#nodes.get(item);
    if (!node.canMark) return;
    node.isMarked = isMarked;
    item.setAttribute("aria-checked", String(isMarked));
  }

  #toggle(item) {
    this.#mark(item, !this.#nodes.get(item).isMarked);
    this.#on.mark();
  }

  #click(event) {
    const item = event.target.closest("[role=treeitem]");
    if (!item) return;
    this.#setCurrent(item);
    item.focus();
    if (event.target.closest(".mark")) this.#toggle(item);
    else this.#open(item);
  }

  #keyDown(event) {
    const item = event.target.closest("[role=treeitem]");
    if (!item || event.ctrlKey || event.altKey || event.metaKey) return;
    const act = this.#action(event.key, item);
    if (!act) return;
    event.preventDefault();
    act();
  }

  #action(key, item) {
    const node = this.#nodes.get(item);
    const isOpen = item.getAttribute("aria-expanded") === "true";
    switch (key) {
      case "ArrowDown": return () => this.#go(this.#next(item));
      case "ArrowUp": return () => this.#go(this.#previous(item));
      case "Home": return () => this.#go(this.#root.firstElementChild);
      case "End": return () => this.#go(this.#last(this.#root.lastElementChild));
      case "ArrowRight":
        if (!node.load) return null;
        return () => (isOpen ? this.#go(item.children[1]?.firstElementChild) : this.#expand(item, true));
      case "ArrowLeft":
        if (isOpen) return () => this.#expand(item, false);
        return () => this.#go(this.#parent(item));
      case "Enter": return () => this.#open(item);
      case " ": return () => (node.canMark ? this.#toggle(item) : this.#open(item));
      case "Delete": return node.canMark ? () => this.#on.remove(node) : null;
      default: return key.length === 1 ? () => this.#type(key, item) : null;
    }
  }

  // Go to the next node whose name begins with what is typed.
  #type(key, item) {
    const now = performance.now();
    this.#typed = now - this.#typedAt < TYPING_MS ? this.#typed + key : key;
    this.#typedAt = now;
    const items = this.#items().filter((one) => !one.parentElement.closest("[hidden]"));
    const at = items.indexOf(item) + (this.#typed.length === 1 ? 1 : 0);
    const inOrder = [...items.slice(at), ...items.slice(0, at)];
    this.#go(inOrder.find((one) => this.#nodes.get(one).name.startsWith(this.#typed)));
  }

  #go(item) {
    if (!item) return;
    this.#setCurrent(item);
    item.focus();
  }

  #setCurrent(item) {
    this.#current?.setAttribute("tabindex", "-1");
    item?.setAttribute("tabindex", "0");
    this.#current = item ?? null;
  }

  #items() {
    return [...this.#root.querySelectorAll("[role=treeitem]")];
  }

  #itemOf(node) {
    return this.#items().find((item) => this.#nodes.get(item) === node);
  }

  #parent(item) {
    return item.parentElement === this.#root ? null : item.parentElement.parentElement;
  }

  #next(item) {
    const isOpen = item.getAttribute("aria-expanded") === "true";
    return (isOpen && item.children[1]?.firstElementChild) || this.#after(item);
  }

  // The next node after this one and its descendants.
  #after(item) {
    for (let one = item; one; one = this.#parent(one)) {
      if (one.nextElementSibling) return one.nextElementSibling;
    }
    return null;
  }

  #previous(item) {
    const before = item.previousElementSibling;
    return before ? this.#last(before) : this.#parent(item);
  }

  #last(item) {
    let last = item;
    while (last?.getAttribute("aria-expanded") === "true" && last.children[1]?.lastElementChild) {
      last = last.children[1].lastElementChild;
    }
    return last;
  }

  #neighbour(item) {
    return this.#after(item) ?? this.#previous(item);
  }
}
