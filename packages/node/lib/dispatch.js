// Choose the connection that answers __forge_fetch__, the global function through which the
// vendor's clients send every request. Inside a function that a connection runs, that connection
// answers, whatever else runs at the same time. Elsewhere, the connection that was used last does.
'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');
const { EmulatorError } = require('./errors');

/** @typedef {import('../index').ForgeFetch} ForgeFetch */

/** @type {AsyncLocalStorage<ForgeFetch>} */
const running = new AsyncLocalStorage();
/** @type {Set<{ fetch: ForgeFetch }>} */
const used = new Set();
/** @type {{ __forge_fetch__?: ForgeFetch }} */
const forge = /** @type {any} */ (globalThis);
/** @type {ForgeFetch | undefined} */
let placed; // the function that was put in place last
/** @type {ForgeFetch | undefined} */
let replaced; // by it
let holders = 0;

/**
 * Return a new function to put in place of `previous`. If there were only one, a spy around it that
 * a test has left there would be its own previous one, and they would call each other forever.
 *
 * @param {ForgeFetch | undefined} previous
 * @returns {ForgeFetch}
 */
function dispatcher(previous) {
  return (target, path, options) => {
    if (/** @type {any} */ (target)?.type === 'kvs') {
      const fetch = running.getStore() ?? [...used].at(-1)?.fetch;
      if (fetch !== undefined) return fetch(target, path, options);
    }
    if (previous !== undefined) return previous(target, path, options);
    const kind = /** @type {any} */ (target)?.type ?? 'unknown';
    return Promise.reject(
      new EmulatorError(
        'NOT_EMULATED',
        `cannot answer ${path}: the emulator serves key-value stores only, not requests of type "${kind}"`,
      ),
    );
  };
}

/**
 * Return whether a function is in place: ours, or one that a test has put there after it, such as a
 * spy around it, which must stay. If the previous one is there again, none is.
 */
function isInPlace() {
  const current = forge.__forge_fetch__;
  if (current === undefined) return false;
  return current === placed || (holders > 0 && current !== replaced);
}

function hold() {
  if (!isInPlace()) {
    replaced = forge.__forge_fetch__;
    placed = dispatcher(replaced);
    forge.__forge_fetch__ = placed;
  }
  holders += 1;
}

function release() {
  holders -= 1;
  if (holders > 0 || forge.__forge_fetch__ !== placed) return;
  if (replaced === undefined) delete forge.__forge_fetch__;
  else forge.__forge_fetch__ = replaced;
}

/**
 * Send the requests of the vendor's clients through `fetch`, until the returned function is called.
 *
 * @param {ForgeFetch} fetch
 * @returns {() => void}
 */
function use(fetch) {
  const entry = { fetch };
  used.add(entry);
  hold();
  return () => {
    if (used.delete(entry)) release();
  };
}

/**
 * Send the requests that `work` makes through `fetch`, and return what `work` returns.
 *
 * @template T
 * @param {ForgeFetch} fetch
 * @param {() => T | Promise<T>} work
 * @returns {Promise<T>}
 */
async function run(fetch, work) {
  hold();
  try {
    return await running.run(fetch, work);
  } finally {
    release();
  }
}

module.exports = { run, use };
