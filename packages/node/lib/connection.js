// A connection to a running emulator: its URL, and how an app's requests reach it.
'use strict';

const { EmulatorError, requireKnown } = require('./errors');
const dispatch = require('./dispatch');

/** @typedef {import('../index').StoreOptions} StoreOptions */

const CONNECT_OPTIONS = ['token', 'adminToken'];
const LINES = 'application/x-ndjson'; // of export and import
const STORE_OPTIONS = ['installation'];

/** @param {string} url */
function isHttp(url) {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

/**
 * @param {string | undefined} token
 * @returns {Record<string, string>}
 */
function bearer(token) {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

class Connection {
  #token;
  #adminToken;

  /**
   * @param {string} url
   * @param {import('../index').ConnectOptions} [options]
   */
  constructor(url, { token, adminToken } = {}) {
    if (!isHttp(url)) {
      const how = 'give one such as "http://127.0.0.1:8787"';
      throw new EmulatorError('INVALID_OPTION', `"${url}" is not an http URL: ${how}`);
    }
    this.url = url.replace(/\/+$/, '');
    this.#token = token;
    this.#adminToken = adminToken;
  }

  /**
   * The headers that open a store: those of the token, and of an installation.
   *
   * @param {StoreOptions} [options]
   * @returns {Record<string, string>}
   */
  headers(options = {}) {
    requireKnown('a store', options, STORE_OPTIONS);
    const { installation } = options;
    return {
      ...bearer(this.#token),
      ...(installation === undefined
        ? {}
        : { 'forge-proxy-authorization': `Forge as=app,installationId=${installation}` }),
    };
  }

  /**
   * Return a function to call as __forge_fetch__.
   *
   * @param {StoreOptions} [options]
   * @returns {import('../index').ForgeFetch}
   */
  fetchOf(options) {
    const store = this.headers(options);
    return (_target, path, init) => {
      const headers = new Headers(init?.headers);
      // These are for Forge's own proxy: the emulator has its own token and host name.
      headers.delete('authorization');
      headers.delete('host');
      for (const [name, value] of Object.entries(store)) headers.set(name, value);
      return this.request(path, { ...init, headers });
    };
  }

  /**
   * @param {StoreOptions} [options]
   * @returns {() => void}
   */
  use(options) {
    return dispatch.use(this.fetchOf(options));
  }

  /**
   * @template T
   * @param {() => T | Promise<T>} work
   * @param {StoreOptions} [options]
   * @returns {Promise<T>}
   */
  async run(work, options) {
    return dispatch.run(this.fetchOf(options), work);
  }

  /**
   * @param {string} [installation]
   * @returns {Promise<void>}
   */
  async reset(installation) {
    await this.admin('POST', 'reset', { installation });
  }

  /**
   * @param {'GET' | 'POST'} method
   * @param {string} action
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async admin(method, action, body) {
    const isText = typeof body === 'string' || body instanceof Uint8Array;
    const sent = isText ? /** @type {RequestInit['body']} */ (body) : JSON.stringify(body ?? {});
    const token = bearer(this.#adminToken ?? this.#token);
    const headers = { ...token, 'content-type': isText ? LINES : 'application/json' };
    const init = method === 'POST' ? { method, headers, body: sent } : { method, headers };
    const response = await this.request(`/_emulator/${action}`, init);
    const text = await response.text();
    if (!response.ok) {
      throw new EmulatorError('REFUSED', `the emulator refused ${action}: ${response.status} ${text}`);
    }
    return response.headers.get('content-type') === LINES ? text : JSON.parse(text);
  }

  /**
   * @param {string} path
   * @param {RequestInit} init
   * @returns {Promise<Response>}
   */
  async request(path, init) {
    try {
      return await fetch(this.url + path, init);
    } catch (error) {
      if (init.signal?.aborted) throw error;
      const { cause, message } = /** @type {Error} */ (error);
      const why = /** @type {NodeJS.ErrnoException | undefined} */ (cause)?.code ?? message;
      throw new EmulatorError('UNREACHABLE', `cannot reach ${this.url}: ${why}`, { cause: error });
    }
  }
}

/**
 * @param {string} url
 * @param {import('../index').ConnectOptions} [options]
 */
function connectEmulator(url, options = {}) {
  requireKnown('connectEmulator', options, CONNECT_OPTIONS);
  return new Connection(url, options);
}

module.exports = { Connection, connectEmulator };
