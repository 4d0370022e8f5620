// Start and stop: errors and their messages, and that nothing is left behind. KVSCTL names the program.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Connection, EmulatorError, connectEmulator, startEmulator } from 'kvsctl-emulator';

const IS_POSIX = process.platform !== 'win32';
const KVSCTL = process.env.KVSCTL ?? 'kvsctl';
const folder = mkdtempSync(join(tmpdir(), 'kvsctl-emulator-'));

const post = (url, path, body, headers = {}) =>
  fetch(url + path, { method: 'POST', body: JSON.stringify(body), headers });

const fails = (promise, code, message) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof EmulatorError, error);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });

/** Resolve once nothing listens at the URL. */
async function silent(url) {
  for (;;) {
    try {
      await fetch(url);
    } catch {
      return;
    }
  }
}

function script(name, text) {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

/** The version, the port, and administration, of an emulator that has the key a. */
async function controlled(emulator) {
  assert.match(emulator.version, /^\d+\.\d+\.\d+/);
  assert.equal(emulator.url, `http://127.0.0.1:${emulator.port}`);
  assert.deepEqual((await emulator.admin('GET', 'stats')).records, { default: { '': 1 } });
  await emulator.admin('POST', 'clock', { now: 5, frozen: true });
  assert.equal((await emulator.admin('GET', 'clock')).now, 5);
  await connectEmulator(`${emulator.url}/`).reset();
  assert.equal((await post(emulator.url, '/v1/get', { key: 'a' })).status, 404);
  await fails(emulator.admin('POST', 'nothing'), 'REFUSED', /refused nothing: 403/);
}

describe('start', { concurrency: true }, () => {
  test('several at once, each with its own store and port', async () => {
    const all = await Promise.all([startEmulator(), startEmulator(), startEmulator()]);
    assert.equal(new Set(all.map((one) => one.port)).size, 3);
    assert.equal(new Set(all.map((one) => one.pid)).size, 3);
    await post(all[0].url, '/v1/set', { key: 'a', value: 1 });
    const found = await Promise.all(all.map((one) => post(one.url, '/v1/get', { key: 'a' })));
    assert.deepEqual(found.map((one) => one.status), [200, 404, 404]);
    await controlled(all[0]);
    await Promise.all(all.map((one) => one.stop()));
    await Promise.all(all.map((one) => silent(one.url)));
  });

  test('options reach the command', async () => {
    const seed = join(folder, 'seed.jsonl');
    writeFileSync(seed, '{"key":"seeded","value":[1]}\n');
    const manifest = join(folder, 'manifest.yml');
    const entity = '{ name: person, attributes: { age: { type: integer } } }';
    writeFileSync(manifest, `app: { storage: { entities: [${entity}] } }\n`);
    const db = join(folder, 'kept.db');
    const lines = [];
    const emulator = await startEmulator({
      ...{ seed, manifest, db, token: 'secret', faults: 'script=ok:ok:503', args: ['--verbose'] },
      onLog: (line) => lines.push(line),
    });
    const headers = emulator.headers();
    assert.equal((await post(emulator.url, '/v1/get', { key: 'seeded' })).status, 401);
    const found = await post(emulator.url, '/v1/get', { key: 'seeded' }, headers);
    assert.deepEqual(await found.json(), { key: 'seeded', value: [1] });
    const faulty = await post(emulator.url, '/v1/get', { key: 'seeded' }, headers);
    assert.equal(faulty.status, 503);
    const bad = { entityName: 'person', key: 'a', value: { age: 'old' } };
    const refused = await post(emulator.url, '/v1/entity/set', bad, headers);
    assert.equal((await refused.json()).code, 'INCORRECT_PROPERTY_TYPE');
    await emulator.stop();
    assert.ok(existsSync(db));
    assert.ok(!existsSync(`${db}-wal`), 'the database was closed');
    assert.equal(lines.filter((line) => line.startsWith('POST /v1/get ')).length, 3);
    assert.ok(!lines.join().includes('secret'));
  });
});

describe('errors', { concurrency: true }, () => {
  test('there is no kvsctl', async () => {
    const how = /cannot run "no-such-kvsctl": there is no such program.*Install it/;
    await fails(startEmulator({ command: 'no-such-kvsctl' }), 'KVSCTL_NOT_FOUND', how);
    await fails(startEmulator({ command: [] }), 'KVSCTL_NOT_FOUND', /command is empty/);
  });

  test('another program', async () => {
    const how = /is not kvsctl: its --version printed "v\d+/;
    await fails(startEmulator({ command: process.execPath }), 'KVSCTL_WRONG_VERSION', how);
  });

  test('an old kvsctl', async () => {
    const old = script('old.cjs', 'console.log("kvsctl 0.0.9")');
    const command = [process.execPath, old];
    const how = /kvsctl 0\.0\.9 is too old: 0\.1\.0 or later is needed/;
    await fails(startEmulator({ command }), 'KVSCTL_WRONG_VERSION', how);
    script('old.cjs', 'if (process.argv[2] === "--version") console.log("kvsctl 0.1.0"); else process.exit(7)');
    await fails(startEmulator({ command }), 'START_FAILED', /did not start: it ended with exit code 7/);
    script('old.cjs', 'console.log("kvsctl 0.1.0")');
    await fails(startEmulator({ command }), 'START_FAILED', /it printed "kvsctl 0\.1\.0" in place of its URL/);
  });

  test('the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address();
    await fails(startEmulator({ port }), 'PORT_IN_USE', new RegExp(`cannot listen on 127.0.0.1:${port}`));
    other.close();
  });

  test('what kvsctl says is passed on', async () => {
    await fails(startEmulator({ seed: 'none.jsonl' }), 'START_FAILED', /cannot read none\.jsonl/);
    await fails(startEmulator({ args: ['--no-such'] }), 'START_FAILED', /--no-such/);
  });

  test('a start that takes too long, or is given up', async () => {
    const slow = script('slow.cjs', 'if (process.argv[2] === "--version") console.log("kvsctl 9.0.0"); else setInterval(() => {}, 1e6)');
    const command = [process.execPath, slow];
    await fails(startEmulator({ command, startTimeoutMs: 1 }), 'START_TIMEOUT', /within 1 ms/);
    const given = new AbortController();
    const starting = startEmulator({ command, signal: given.signal });
    given.abort(new Error('enough'));
    await assert.rejects(starting, /enough/);
    await assert.rejects(startEmulator({ command, signal: given.signal }), /enough/);
  });

  test('nothing answers', async () => {
    const port = 2; // no service has it, and no free port is one of these
    const connection = connectEmulator(`http://127.0.0.1:${port}`);
    const how = new RegExp(`cannot reach http://127.0.0.1:${port}: ECONNREFUSED`);
    await fails(connection.reset(), 'UNREACHABLE', how);
    await fails(connection.fetchOf()({ type: 'kvs' }, '/v1/get', { method: 'POST' }), 'UNREACHABLE', how);
    const given = AbortSignal.abort(new Error('enough'));
    await assert.rejects(connection.request('/', { signal: given }), /enough/);
  });

  test('options that cannot be right', async () => {
    assert.throws(() => new Connection('nonsense'), /"nonsense" is not an http URL/);
    for (const url of ['nonsense', 'ftp://127.0.0.1', '', undefined]) {
      await fails((async () => connectEmulator(url))(), 'INVALID_OPTION', /is not an http URL/);
    }
    const misspelt = (async () => connectEmulator('http://127.0.0.1', { tokne: 'a' }))();
    await fails(misspelt, 'INVALID_OPTION', /connectEmulator has no option "tokne"; its options: token, adminToken$/);
    const connection = connectEmulator('http://127.0.0.1');
    for (const wrong of [() => connection.use({ instalation: 'a' }), () => connection.headers({ token: 'a' })]) {
      await fails((async () => wrong())(), 'INVALID_OPTION', /a store has no option ".*"; its options: installation$/);
    }
    await fails(connection.run(() => 1, { instalation: 'a' }), 'INVALID_OPTION', /"instalation"/);
    await fails(startEmulator({ prot: 5 }), 'INVALID_OPTION', /no option "prot"; its options: command, port,/);
    for (const cwd of [join(folder, 'missing'), fileURLToPath(import.meta.url)]) {
      await fails(startEmulator({ cwd }), 'INVALID_OPTION', /^cwd: ".*" is not a folder$/);
    }
  });

  test('a request after the end', async () => {
    const emulator = await startEmulator();
    await emulator.stop();
    await fails(emulator.reset(), 'NOT_RUNNING', /not running: it was stopped/);
  });

  test('a request after it was killed', { skip: !IS_POSIX }, async () => {
    const emulator = await startEmulator();
    process.kill(emulator.pid, 'SIGKILL');
    await silent(emulator.url);
    const why = await new Promise((resolve) => {
      const ask = () => emulator.reset().then(ask, (error) => (error.code === 'NOT_RUNNING' ? resolve(error.message) : setImmediate(ask)));
      ask();
    });
    assert.equal(why, 'the emulator is not running: it ended with SIGKILL');
  });
});

describe('the end', { concurrency: true }, () => {
  test('stopping again, and disposing', async () => {
    const emulator = await startEmulator();
    await Promise.all([emulator.stop(), emulator.stop(), emulator[Symbol.asyncDispose]()]);
    await silent(emulator.url);
    await emulator.stop();
  });

  test('a program that ignores it is killed, with what it started', { skip: !IS_POSIX }, async () => {
    const stubborn = script('stubborn.cjs', `
      if (process.argv[2] === '--version') { console.log('kvsctl 9.0.0'); process.exit(); }
      process.on('SIGTERM', () => {});
      if (process.argv[2] === 'serve') {
        require('child_process').spawn(process.execPath, [__filename, 'child'], { stdio: 'inherit' });
        setInterval(() => {}, 1e6);
      } else {
        const server = require('http').createServer((_, answer) => answer.end());
        server.listen(0, '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port));
      }
    `);
    const emulator = await startEmulator({ command: [process.execPath, stubborn], stopTimeoutMs: 1 });
    assert.equal((await fetch(emulator.url)).status, 200);
    await emulator.stop();
    await assert.rejects(fetch(emulator.url));
    assert.throws(() => process.kill(emulator.pid, 0), /ESRCH/);
  });

  for (const [how, end] of [
    ['is killed', (child) => child.kill('SIGKILL')],
    ['is interrupted', (child) => child.kill('SIGINT')],
    ['ends without stopping it', (child) => child.stdin.end()],
  ]) {
    test(`the process that started it ${how}`, async () => {
      const parent = `
        import { startEmulator } from ${JSON.stringify(pathToFileURL(fileURLToPath(import.meta.resolve('kvsctl-emulator'))).href)};
        const { url } = await startEmulator();
        console.log(url);
        process.stdin.resume();
        process.stdin.on('end', () => process.stdin.destroy());
      `;
      const child = spawn(process.execPath, ['--input-type=module', '-e', parent], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const [url] = await once(createInterface({ input: child.stdout }), 'line');
      assert.equal((await post(url, '/v1/query', {})).status, 200);
      end(child);
      await once(child, 'exit');
      await silent(url);
    });
  }

  test('a wrapper around kvsctl ends with it', { skip: !IS_POSIX }, async () => {
    const wrapper = script('wrapper', '#!/bin/sh\n"$KVSCTL_BEHIND" "$@"\nexit $?\n');
    const env = { ...process.env, KVSCTL_BEHIND: KVSCTL };
    const emulator = await startEmulator({ command: wrapper, env });
    await emulator.stop();
    await silent(emulator.url);
    assert.throws(() => process.kill(emulator.pid, 0), /ESRCH/);
  });
});

test('both ways of importing give the same classes', () => {
  const required = createRequire(import.meta.url)('kvsctl-emulator');
  assert.equal(required.EmulatorError, EmulatorError);
  assert.deepEqual(Object.keys(required).sort(), [
    'Connection', 'Emulator', 'EmulatorError', 'connectEmulator', 'startEmulator',
  ]);
});

test('the declarations name what is exported, and nothing else', () => {
  const text = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8');
  const named = [...text.matchAll(/^export declare (?:class|function) (\w+)/gm)].map((one) => one[1]);
  const required = createRequire(import.meta.url)('kvsctl-emulator');
  assert.deepEqual(named.sort(), Object.keys(required).sort());
});
