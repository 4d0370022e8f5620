// kvsctl as a program: which one to run, whether it is the right one, and what its errors mean.
'use strict';

const { execFile } = require('node:child_process');
const { EmulatorError } = require('./errors');

/** @typedef {import('../index').EmulatorErrorCode} Code */

const OLDEST = [0, 1, 0];
const VERSION_TIMEOUT_MS = 60_000;
/** @type {Map<string, Promise<string>>} */
const versions = new Map();

/**
 * @param {string | string[] | undefined} given
 * @returns {[string, string[]]}
 */
function commandOf(given) {
  const words = given ?? (process.env.KVSCTL || 'kvsctl');
  const [program, ...first] = typeof words === 'string' ? [words] : words;
  if (!program) throw new EmulatorError('KVSCTL_NOT_FOUND', 'cannot run kvsctl: command is empty');
  return [program, first];
}

/**
 * Return the error for a program that could not be run.
 *
 * @param {string} program
 * @param {unknown} error
 */
function notRun(program, error) {
  const reason = /** @type {NodeJS.ErrnoException} */ (error).code;
  const why = reason === 'ENOENT' ? 'there is no such program on the PATH' : reason ?? String(error);
  return new EmulatorError(
    'KVSCTL_NOT_FOUND',
    `cannot run "${program}": ${why}. Install it, or name it by the option ` +
      'command or the environment variable KVSCTL.',
    { cause: error },
  );
}

/**
 * Return the version of a program. Reject unless it is a kvsctl that is new enough.
 *
 * @param {string} program
 * @param {string[]} first
 * @param {import('../index').StartOptions} options
 * @returns {Promise<string>}
 */
function versionOf(program, first, { cwd, env = process.env }) {
  const key = JSON.stringify([program, first, cwd, env.PATH]);
  let asked = versions.get(key);
  if (asked === undefined) {
    asked = askVersion(program, first, { cwd, env });
    versions.set(key, asked);
    asked.catch(() => versions.delete(key)); // it may be installed before the next try
  }
  return asked;
}

/**
 * @param {string} program
 * @param {string[]} first
 * @param {{ cwd?: string, env: NodeJS.ProcessEnv }} where
 * @returns {Promise<string>}
 */
function askVersion(program, first, where) {
  return new Promise((resolve, reject) => {
    const options = { ...where, timeout: VERSION_TIMEOUT_MS, windowsHide: true };
    const asked = execFile(program, [...first, '--version'], options, (error, stdout) => {
      if (error !== null && typeof error.code === 'string') return reject(notRun(program, error));
      const found = /^kvsctl (\d+)\.(\d+)\.(\d+)/.exec(stdout);
      const shown = stdout.trim().split('\n')[0];
      if (found === null) {
        const message = `"${program}" is not kvsctl: its --version printed "${shown}"`;
        return reject(new EmulatorError('KVSCTL_WRONG_VERSION', message));
      }
      if (isBefore(found.slice(1).map(Number), OLDEST)) {
        const message = `${shown} is too old: ${OLDEST.join('.')} or later is needed`;
        return reject(new EmulatorError('KVSCTL_WRONG_VERSION', message));
      }
      resolve(shown.slice('kvsctl '.length));
    });
    asked.stdin?.end();
  });
}

/**
 * @param {number[]} version
 * @param {number[]} other
 */
function isBefore(version, other) {
  const at = version.findIndex((part, index) => part !== other[index]);
  return at >= 0 && version[at] < other[at];
}

/**
 * Return the error for an emulator that ended before it accepted requests.
 *
 * @param {string} complaint what it wrote on stderr
 * @param {string} ending how it ended
 */
function notStarted(complaint, ending) {
  /** @type {Code} */
  const code = /cannot listen on .*(already in use|one usage of each socket)/i.test(complaint)
    ? 'PORT_IN_USE'
    : 'START_FAILED';
  const why = complaint.trim().replaceAll(/^kvsctl: /gm, '') || ending;
  return new EmulatorError(code, `the emulator did not start: ${why}`);
}

module.exports = { commandOf, notRun, notStarted, versionOf };
