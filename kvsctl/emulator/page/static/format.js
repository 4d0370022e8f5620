// Numbers, sizes and times as text.

const PLAIN = new Intl.NumberFormat("en");
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

export const number = (count) => PLAIN.format(count);

export const records = (count) => `${number(count)} ${count === 1 ? "record" : "records"}`;

export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let amount = bytes / 1000;
  let unit = 0;
  while (amount >= 999.5 && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${amount < 9.95 ? amount.toFixed(1) : Math.round(amount)} ${units[unit]}`;
}

// Return a time as `2026-01-31 12:00:00 UTC`.
export function moment(ms) {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

export const clock = (ms) => new Date(ms).toISOString().slice(11, 23);

// Return how far a time is from now, as `in 3 days` or `2 hours ago`.
export function relative(ms, now) {
  const seconds = Math.round(Math.abs(ms - now) / 1000);
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? ["second", 1];
  const count = Math.floor(seconds / length);
  const amount = `${number(count)} ${unit}${count === 1 ? "" : "s"}`;
  return ms > now ? `in ${amount}` : `${amount} ago`;
}

export function expiry(ms, now) {
  if (ms === null) return "no expiry";
  return ms > now ? `expires ${relative(ms, now)}` : `expired ${relative(ms, now)}`;
}
