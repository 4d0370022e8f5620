// The last requests to the emulator.

import { ask } from "./api.js";
import { byId, make, visible } from "./dom.js";
import { clock, number } from "./format.js";
import { complain, reporting, say } from "./notices.js";

const MOST = 500;
const EVERY_MS = 1500;

export class Requests {
  #last = 0;
  #isReading = false;

  constructor() {
    byId("follow").addEventListener("change", () => this.#follow());
    byId("follow").addEventListener("change", reporting(() => this.reload()));
  }

  // Show the requests since the last time, the latest first.
  async reload() {
    const count = await this.#read();
    if (count !== null) say(`${number(count)} new ${count === 1 ? "request" : "requests"}`);
  }

  async #read() {
    if (this.#isReading) return null;
    this.#isReading = true;
    try {
      const { requests } = await ask(`requests?after=${this.#last}`);
      const rows = byId("requests-rows");
      this.#last = requests[0]?.number ?? this.#last;
      rows.prepend(...requests.map(row));
      while (rows.childElementCount > MOST) rows.lastElementChild.remove();
      byId("requests-table").hidden = !rows.childElementCount;
      byId("no-requests").hidden = rows.childElementCount > 0;
      byId("requests-count").replaceChildren(rows.childElementCount ? `${number(rows.childElementCount)} shown` : "");
      return requests.length;
    } finally {
      this.#isReading = false;
    }
  }

  async #follow() {
    while (byId("follow").checked) {
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      if (document.hidden || byId("requests").hidden || !byId("follow").checked) continue;
      try {
        await this.#read();
      } catch (error) {
        byId("follow").checked = false;
        complain(error);
      }
    }
  }
}

function row(entry) {
  const isBad = entry.status === null || entry.status >= 400;
  const status = entry.status === null ? "connection lost" : String(entry.status);
  const units = entry.units === null ? "" : `${number(entry.units)} ${entry.cost}`;
  return make(
    "tr", { role: "row", class: isBad ? "bad" : "good" },
    cell("Time", clock(entry.at)),
    cell("Request", `${entry.method} ${entry.path}`),
    cell("Installation", entry.installation ?? ""),
    cell("Status", entry.code === null ? status : `${status} ${entry.code}`),
    cell("Units", units),
    cell("Faults", entry.faults.join(", ")),
    cell("Took", `${entry.milliseconds} ms`),
  );
}

function cell(name, text) {
  return make("td", { role: "cell", "data-name": name, class: text ? "" : "none" }, make("bdi", {}, ...visible(text)));
}
