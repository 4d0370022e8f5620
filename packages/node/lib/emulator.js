// An emulator in a process of its own, which ends with this process at the latest.
'use strict';

const { spawn, spawnSync } = require('node:child_process');
const { statSync } = require('node:fs');
const { once } = require('node:events');
const { createInterface } = require('node:readline');
const { Connection } = require('./connection');
const { EmulatorError, requireKnown } = require('./errors');
const { commandOf, notRun, notStarted, versionOf } = require('./program');

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000; // kvsctl waits up to 10 seconds for requests in flight
const LINES_KEPT = 50;
const BANNER = /^kvsctl: serving the emulator /; // it may arrive after the URL
const START_OPTIONS = [
  ...['command', 'port', 'db', 'manifest', 'seed', 'token', 'adminToken', 'faults', 'args'],
  ...['cwd', 'env', 'onLog', 'startTimeoutMs', 'stopTimeoutMs', 'signal'],
];
const IS_WINDOWS = process.platform === 'win32';

/** @typedef {import('node:child_process').ChildProcessWithoutNullStreams} Child */
/** @typedef {import('../index').StartOptions} StartOptions */

/** @type {Set<Child>} */
const living = new Set();
// The end of the child's standard input stops it, too, even if this process is killed.
process.on('exit', () => living.forEach((child) => signal(child, 'SIGTERM')));

/**
 * Send a signal to a child and all that it started. Windows can only kill: there, the end of
 * standard input asks a child to stop.
 *
 * @param {Child} child
 * @param {NodeJS.Signals} name
 */
function signal(child, name) {
  if (child.pid === undefined) return;
  if (IS_WINDOWS) {
    if (name === 'SIGKILL') spawnSync('taskkill', ['/pid', String(child.pid), '/T', '/F']);
    return;
  }
  try {
    process.kill(-child.pid, name);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}

/**
 * @param {StartOptions} options
 * @returns {string[]}
 */
function wordsOf({ port = 0, db, manifest, seed = [], token, adminToken, faults, args = [] }) {
  const seeds = typeof seed === 'string' ? [seed] : seed;
  return [
    ...['serve', '--stop-at-eof', '--port', String(port)],
    ...(db === undefined ? [] : ['--db', db]),
    ...(manifest === undefined ? [] : ['--manifest', manifest]),
    ...seeds.flatMap((file) => ['--seed', file]),
    ...(token === undefined ? [] : ['--token', `default=${token}`]),
    ...(adminToken === undefined ? [] : ['--admin-token', adminToken]),
    ...(faults === undefined ? [] : ['--faults', faults]),
    ...args,
  ];
}

class Emulator extends Connection {
  #child;
  #closed;
  #complaint;
  #stopTimeoutMs;
  /** @type {Promise<void> | undefined} */
  #stopping;

  /**
   * @param {Child} child
   * @param {{ url: string, version: string, closed: Promise<unknown>, complaint: () => string }} found
   * @param {StartOptions} options
   */
  constructor(child, { url, version, closed, complaint }, options) {
    super(url, options);
    this.pid = /** @type {number} */ (child.pid);
    this.port = Number(new URL(url).port);
    this.version = version;
    this.#child = child;
    this.#closed = closed;
    this.#complaint = complaint;
    this.#stopTimeoutMs = options.stopTimeoutMs ?? STOP_TIMEOUT_MS;
  }

  /** @returns {Promise<void>} */
  stop() {
    this.#stopping ??= end(this.#child, this.#closed, this.#stopTimeoutMs);
    return this.#stopping;
  }

  /** @returns {Promise<void>} */
  [Symbol.asyncDispose]() {
    return this.stop();
  }

  /**
   * @param {string} path
   * @param {RequestInit} init
   * @returns {Promise<Response>}
   */
  async request(path, init) {
    try {
      return await super.request(path, init);
    } catch (error) {
      const { exitCode, signalCode } = this.#child;
      if (exitCode === null && signalCode === null) throw error;
      const why = this.#stopping === undefined ? whyEnded(this.#child, this.#complaint) : 'it was stopped';
      throw new EmulatorError('NOT_RUNNING', `the emulator is not running: ${why}`, { cause: error });
    }
  }
}

/**
 * @param {Child} child
 * @returns {string}
 */
function ending({ exitCode, signalCode }) {
  return `it ended with ${signalCode ?? `exit code ${exitCode}`}`;
}

/**
 * Return how a serving child ended, and what it logged about that.
 *
 * @param {Child} child
 * @param {() => string} complaint
 */
function whyEnded(child, complaint) {
  // Earlier log lines do not explain the signal that killed it.
  const said = child.signalCode === null ? complaint() : '';
  return said === '' ? ending(child) : `${ending(child)}: ${said}`;
}

/**
 * End a child and all that it started. Resolve once they have ended.
 *
 * @param {Child} child
 * @param {Promise<unknown>} closed
 * @param {number} timeoutMs
 */
async function end(child, closed, timeoutMs) {
  child.ref();
  child.stdin.end();
  signal(child, 'SIGTERM');
  const timer = setTimeout(() => signal(child, 'SIGKILL'), timeoutMs);
  await closed;
  clearTimeout(timer);
}

/**
 * @param {Child} child
 * @param {StartOptions} options
 */
function readStderr(child, { onLog }) {
  /** @type {string[]} */
  const lines = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (!BANNER.test(line)) lines.push(line);
    if (lines.length > LINES_KEPT) lines.shift();
    onLog?.(line);
  });
  return { complaint: () => lines.join('\n'), forget: () => lines.splice(0) };
}

/**
 * Return the URL that a child prints once it accepts requests.
 *
 * @param {Child} child
 * @param {Promise<unknown>} closed
 * @param {() => string} complaint
 * @param {{ program: string, options: StartOptions }} given
 * @returns {Promise<string>}
 */
async function ready(child, closed, complaint, { program, options }) {
  const { startTimeoutMs = START_TIMEOUT_MS, signal: aborted } = options;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {(() => void) | undefined} */
  let abort;
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', (error) => reject(notRun(program, error)));
      createInterface({ input: child.stdout }).once('line', (line) => {
        if (URL.canParse(line)) resolve(line);
        else reject(notStarted('', `it printed "${line}" in place of its URL`));
      });
      closed.then(() => {
        reject(notStarted(complaint(), ending(child)));
      });
      timer = setTimeout(() => {
        const message = `the emulator did not start within ${startTimeoutMs} ms: ${complaint()}`;
        reject(new EmulatorError('START_TIMEOUT', message));
      }, startTimeoutMs);
      abort = () => reject(aborted?.reason);
      if (aborted?.aborted) abort();
      aborted?.addEventListener('abort', abort);
    });
  } finally {
    clearTimeout(timer);
    if (abort !== undefined) aborted?.removeEventListener('abort', abort);
  }
}

/**
 * Let this process end while the child runs.
 *
 * @param {Child} child
 */
function letGo(child) {
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) {
    /** @type {import('node:net').Socket} */ (/** @type {unknown} */ (stream)).unref();
  }
}

/**
 * Throw an EmulatorError unless the program can run there: Node would blame the program.
 *
 * @param {string | undefined} cwd
 */
function requireFolder(cwd) {
  if (cwd === undefined || statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new EmulatorError('INVALID_OPTION', `cwd: "${cwd}" is not a folder`);
}

/**
 * @param {StartOptions} [options]
 * @returns {Promise<Emulator>}
 */
async function startEmulator(options = {}) {
  requireKnown('startEmulator', options, START_OPTIONS);
  requireFolder(options.cwd);
  options.signal?.throwIfAborted();
  const [program, first] = commandOf(options.command);
  const version = await versionOf(program, first, options);
  const child = spawn(program, [...first, ...wordsOf(options)], {
    cwd: options.cwd,
    env: options.env ?? process.env,
    detached: !IS_WINDOWS, // a process group of its own
    windowsHide: true,
  });
  child.stdin.on('error', () => {}); // it may end first
  living.add(child);
  const closed = once(child, 'close').catch(() => {});
  closed.then(() => living.delete(child));
  const { complaint, forget } = readStderr(child, options);
  try {
    const url = await ready(child, closed, complaint, { program, options });
    letGo(child);
    forget(); // log lines of the start do not explain a later end
    return new Emulator(child, { url, version, closed, complaint }, options);
  } catch (error) {
    await end(child, closed, 0);
    throw error;
  }
}

module.exports = { Emulator, startEmulator };
