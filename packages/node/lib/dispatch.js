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
let replaced;
let holders = 0;

/** @type {ForgeFetch} */
function dispatch(target, path, options) {
  if (/** @type {any} */ (target)?.type === 'kvs') {
    const fetch = running.getStore() ?? [...used].at(-1)?.fetch;
    if (fetch !== undefined) return fetch(target, path, options);
  }
  if (replaced !== undefined) return replaced(target, path, options);
  const kind = /** @type {any} */ (target)?.type ?? 'unknown';
  return Promise.reject(
    new EmulatorError(
      'NOT_EMULATED',
      `cannot answer ${path}: the emulator serves key-value stores only, not requests of type "${kind}"`,
    ),
  );
}

function hold() {
  holders += 1;
  if (forge.__forge_fetch__ !== dispatch) {
    replaced = forge.__forge_fetch__;
    forge.__forge_fetch__ = dispatch;
  }
}

function release() {
  holders -= 1;
  if (holders > 0 || forge.__forge_fetch__ !== dispatch) return;
  if (replaced === undefined) delete forge.__forge_fetch__;
  else forge.__forge_fetch__ = replaced;
  replaced = undefined;
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
