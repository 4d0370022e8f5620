// Save records as a file of JSON Lines, which `kvsctl set` reads.

import { send } from "./api.js";
import { make } from "./dom.js";
import { records } from "./format.js";
import { say } from "./notices.js";

const KEYS_AT_ONCE = 1000;

// Save the records of nodes, by their data.
export async function downloadNodes(store, nodes) {
  const keys = nodes.filter((node) => node.record).map((node) => node.record.key);
  const requests = [];
  for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
    requests.push({ ...store, keys: keys.slice(at, at + KEYS_AT_ONCE) });
  }
  for (const { prefix } of nodes) if (prefix !== undefined) requests.push({ ...store, prefix });
  await save(store, requests);
}

// Save all records that are listed.
export async function downloadListed(listed) {
  await save(listed, [listed]);
}

async function save({ installation, space }, requests) {
  const parts = [];
  let count = 0;
  for (const request of requests) {
    for (let after = null; after !== undefined; ) {
      const response = await send("download", { ...request, after });
      after = response.headers.get("x-kvsctl-cursor") ?? undefined;
      const text = await response.text();
      count += text.split("\n").length - 1;
      parts.push(text);
      say(`Read ${records(count)}`);
    }
  }
  const url = URL.createObjectURL(new Blob(parts, { type: "application/x-ndjson" }));
  make("a", { href: url, download: fileName(installation, space) }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  say(`Downloaded ${records(count)}`);
}

function fileName(installation, space) {
  const parts = space ? [installation, space] : [installation];
  return `${parts.join("-").replace(/[^A-Za-z0-9._-]/g, "_").slice(0, 100)}.jsonl`;
}
