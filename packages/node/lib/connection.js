// An emulator that somebody else started: its URL, and how an app's requests reach it.
'use strict';

const { EmulatorError } = require('./errors');
const dispatch = require('./dispatch');

/** @typedef {import('../index').StoreOptions} StoreOptions */

class Connection {
  #token;

  /**
   * @param {string} url
   * @param {import('../index').ConnectOptions} [options]
   */
  constructor(url, { token } = {}) {
    this.url = url.replace(/\/+$/, '');
    this.#token = token;
  }

  /**
   * The headers that open a store: those of the token, and of an installation.
   *
   * @param {StoreOptions} [options]
   * @returns {Record<string, string>}
   */
  headers({ installation } = {}) {
    return {
      ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
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
    return (_target, path, init) => {
      const headers = new Headers(init?.headers);
      // Those of Forge's own proxy: the emulator has a token and a host name of its own.
      headers.delete('authorization');
      headers.delete('host');
      for (const [name, value] of Object.entries(this.headers(options))) headers.set(name, value);
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
  run(work, options) {
    return dispatch.run(this.fetchOf(options), work);
  }

  async reset() {
    await this.admin('POST', 'reset');
  }

  /**
   * @param {'GET' | 'POST'} method
   * @param {string} action
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async admin(method, action, body) {
    const sent = method === 'POST' ? JSON.stringify(body ?? {}) : undefined;
    const headers = { ...this.headers(), 'content-type': 'application/json' };
    const response = await this.request(`/_emulator/${action}`, { method, headers, body: sent });
    const text = await response.text();
    if (!response.ok) {
      throw new EmulatorError('REFUSED', `the emulator refused ${action}: ${response.status} ${text}`);
    }
    return JSON.parse(text);
  }

  /**
   * @param {string} path
   * @param {RequestInit} init
   * @returns {Promise<Response>}
   */
  request(path, init) {
    return fetch(this.url + path, init);
  }
}

module.exports = { Connection };
