// The page: choose a store, list its keys, and show, edit, download and delete records.

import { ask } from "./api.js";
import { byId, make, visible } from "./dom.js";
import { downloadListed, downloadNodes } from "./download.js";
import { edit } from "./editor.js";
import { Keys } from "./keys.js";
import { reporting, say } from "./notices.js";
import { RecordPane } from "./record.js";
import { remove } from "./remove.js";
import { Requests } from "./requests.js";

const SPACES = { "": "plain keys", "!secret": "secrets" };
let installations = [];

const store = () => ({ installation: byId("installation").value, space: byId("space").value });
const pane = new RecordPane(store);
const requests = new Requests();
const keys = new Keys(store, { open: reporting(open), remove: reporting(removeNodes) });

async function open(key) {
  const record = await pane.open(key);
  if (record === null) return;
  keys.setCurrent(key);
  keys.update(record);
  say(`Opened ${key}`);
  if (matchMedia("(max-width: 55rem)").matches) byId("record-title").focus();
}

async function removeNodes(nodes) {
  const chosen = store();
  try {
    const { isDone, deleted } = await remove(chosen, nodes);
    if (!isDone) {
      if (deleted) await keys.reload();
      return;
    }
  } catch (error) {
    await keys.reload(); // some of them may be gone
    throw error;
  }
  keys.remove(nodes);
  keys.focus();
  const key = pane.record?.key;
  if (nodes.some((one) => one.record?.key === key || (one.prefix && key?.startsWith(one.prefix)))) {
    pane.clear();
  }
}

async function editRecord() {
  const saved = await edit(store(), pane.record);
  if (saved === null) return;
  pane.show(saved);
  keys.update(saved);
  say(`Saved ${saved.key}`);
}

async function download() {
  const nodes = keys.marked;
  if (nodes.length) await downloadNodes(store(), nodes);
  else await downloadListed(keys.listed);
}

async function loadInstallations() {
  const before = store();
  ({ installations } = await ask("installations"));
  const names = installations.map((one) => one.id);
  const chosen = names.includes(before.installation) ? before.installation : names[0];
  byId("installation").replaceChildren(...names.map((name) => option(name, name, name === chosen)));
  showSpaces(before.space);
}

function showSpaces(chosen) {
  const id = byId("installation").value;
  const { spaces } = installations.find((one) => one.id === id);
  byId("space").replaceChildren(
    ...spaces.map(({ name }) => option(name, SPACES[name] ?? `entity ${name}`, name === chosen)),
  );
}

function option(value, text, isSelected) {
  return make("option", { value, selected: isSelected }, ...visible(text).map((one) => one.textContent ?? one));
}

async function changeStore() {
  pane.clear();
  await keys.reload();
}

async function refresh() {
  if (!byId("requests").hidden) return requests.reload();
  await loadInstallations();
  await keys.reload();
  if (pane.record) await pane.open(pane.record.key).catch(() => pane.clear());
}

function showView() {
  const isRequests = location.hash === "#requests";
  byId("records").hidden = isRequests;
  byId("requests").hidden = !isRequests;
  for (const [id, isHere] of [["to-records", !isRequests], ["to-requests", isRequests]]) {
    if (isHere) byId(id).setAttribute("aria-current", "page");
    else byId(id).removeAttribute("aria-current");
  }
  if (isRequests) reporting(() => requests.reload())();
}

const on = (id, type, work) => byId(id).addEventListener(type, reporting(work));

on("installation", "change", () => {
  showSpaces("");
  return changeStore();
});
on("space", "change", changeStore);
on("refresh", "click", refresh);
on("download", "click", download);
on("delete", "click", () => removeNodes(keys.marked));
on("edit", "click", editRecord);
on("download-one", "click", () => downloadNodes(store(), [{ record: pane.record }]));
on("delete-one", "click", () => removeNodes([{ record: pane.record }]));
addEventListener("hashchange", showView);

showView();
await reporting(async () => {
  await loadInstallations();
  await keys.reload();
})();
document.documentElement.dataset.ready = "true";
