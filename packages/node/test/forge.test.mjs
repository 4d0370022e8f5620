// The vendor's client, @forge/kvs, against emulators.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { EmulatorError, connectEmulator, startEmulator } from 'kvsctl-emulator';

const require = createRequire(import.meta.url);
const { kvs } = require('@forge/kvs');

let plain, closed;
before(async () => {
  [plain, closed] = await Promise.all([startEmulator(), startEmulator({ token: 'secret' })]);
});
after(() => Promise.all([plain.stop(), closed.stop()]));

test('use, until it is put back', async () => {
  assert.equal(globalThis.__forge_fetch__, undefined);
  const stopUsing = plain.use();
  await kvs.set('greeting', { hello: 'world' });
  const stopUsingOther = closed.use();
  assert.equal(await kvs.get('greeting'), undefined, 'the last one answers');
  await kvs.set('greeting', 'closed');
  stopUsingOther();
  assert.deepEqual(await kvs.get('greeting'), { hello: 'world' });
  stopUsing();
  stopUsing();
  assert.equal(globalThis.__forge_fetch__, undefined);
});

test('in any order', () => {
  const first = plain.use();
  const second = closed.use();
  first();
  assert.notEqual(globalThis.__forge_fetch__, undefined);
  second();
  assert.equal(globalThis.__forge_fetch__, undefined);
});

test('each installation has its own store', async () => {
  await plain.run(() => kvs.set('mine', 1), { installation: 'one' });
  assert.equal(await plain.run(() => kvs.get('mine'), { installation: 'one' }), 1);
  assert.equal(await plain.run(() => kvs.get('mine'), { installation: 'two' }), undefined);
});

describe('at the same time in one process', { concurrency: true }, () => {
  for (const number of Array.from({ length: 6 }, (_, n) => n)) {
    test(`run ${number}`, async () => {
      const emulator = number % 2 ? plain : closed;
      await emulator.run(async () => {
        for (let n = 0; n < 5; n += 1) {
          await kvs.set(`run-${number}-${n}`, n);
          assert.equal(await kvs.get(`run-${number}-${n}`), n);
        }
      });
      const other = number % 2 ? closed : plain;
      assert.equal(await other.run(() => kvs.get(`run-${number}-0`)), undefined);
    });
  }
});

test('a token is needed where there is one', async () => {
  const withoutToken = connectEmulator(closed.url);
  await assert.rejects(withoutToken.run(() => kvs.get('a')), { code: 'UNAUTHORIZED' });
  const withToken = connectEmulator(closed.url, { token: 'secret' });
  assert.equal(await withToken.run(() => kvs.get('a')), undefined);
  await withToken.reset();
});

test('one installation is emptied', async () => {
  for (const installation of ['three', 'four']) {
    await plain.run(() => kvs.set('mine', installation), { installation });
  }
  await plain.reset('three');
  assert.equal(await plain.run(() => kvs.get('mine'), { installation: 'three' }), undefined);
  assert.equal(await plain.run(() => kvs.get('mine'), { installation: 'four' }), 'four');
});

test('a store is exported and imported', async () => {
  const emulator = await startEmulator();
  try {
    assert.equal(await emulator.admin('GET', 'export'), '');
    for (const key of ['one', 'two']) await emulator.run(() => kvs.set(key, { a: 'ü' }));
    await emulator.run(() => kvs.set('three', 3), { installation: 'other' });
    const lines = await emulator.admin('GET', 'export');
    assert.equal(lines.trim().split('\n').length, 3);
    assert.equal((await emulator.admin('GET', 'export?installation=other')).match(/"three"/g).length, 1);
    for (const given of [lines, new TextEncoder().encode(lines)]) {
      await emulator.reset();
      assert.deepEqual(await emulator.admin('POST', 'import', given), { records: 3 });
      assert.deepEqual(await emulator.run(() => kvs.get('two')), { a: 'ü' });
    }
    await assert.rejects(emulator.admin('POST', 'import', 'no JSON\n'), { code: 'REFUSED', message: /line 1/ });
    await assert.rejects(emulator.admin('POST', 'import', { key: 'a' }), { code: 'REFUSED' });
  } finally {
    await emulator.stop();
  }
});

test('an admin token is needed where there is one', async () => {
  const emulator = await startEmulator({ token: 'secret', adminToken: 'admin' });
  try {
    await emulator.run(() => kvs.set('a', 1));
    await assert.rejects(connectEmulator(emulator.url, { token: 'secret' }).reset(), {
      code: 'REFUSED',
      message: /refused reset: 401/,
    });
    assert.equal(await emulator.run(() => kvs.get('a')), 1);
    await connectEmulator(emulator.url, { token: 'secret', adminToken: 'admin' }).reset();
    assert.equal(await emulator.run(() => kvs.get('a')), undefined);
    await emulator.admin('GET', 'stats');
  } finally {
    await emulator.stop();
  }
});

test('what Forge would send its proxy does not reach the emulator', async () => {
  globalThis.__forge_runtime__ = {
    proxy: { token: 'of-the-proxy' },
    kvs: { url: 'https://kvs.example', host: 'kvs.example' },
    tracing: { traceId: '0123456789abcdef', spanId: 'fedcba9876543210' },
  };
  try {
    for (const name of Object.keys(require.cache)) {
      if (/@forge.kvs.out.index\.js$/.test(name)) delete require.cache[name];
    }
    const { kvs: inForge } = require('@forge/kvs');
    assert.notEqual(inForge, kvs);
    await closed.run(async () => {
      await inForge.set('from-forge', 1);
      assert.equal(await inForge.get('from-forge'), 1);
      await assert.rejects(inForge.get(''), (error) => {
        assert.equal(error.responseDetails.traceId, '0123456789abcdef');
        return true;
      });
    });
  } finally {
    delete globalThis.__forge_runtime__;
  }
});

test('other requests go to what was there, else fail', async () => {
  await plain.run(async () => {
    await assert.rejects(globalThis.__forge_fetch__({ type: 'app' }, '/rest/api/3/myself'), (error) => {
      assert.ok(error instanceof EmulatorError);
      assert.equal(error.code, 'NOT_EMULATED');
      assert.match(error.message, /\/rest\/api\/3\/myself.*type "app"/);
      return true;
    });
  });
  const mine = async (_target, path) => new Response(`mine: ${path}`);
  globalThis.__forge_fetch__ = mine;
  try {
    await plain.run(async () => {
      const response = await globalThis.__forge_fetch__({ type: 'app' }, '/rest');
      assert.equal(await response.text(), 'mine: /rest');
      await kvs.set('k', 1);
    });
    assert.equal(globalThis.__forge_fetch__, mine);
  } finally {
    delete globalThis.__forge_fetch__;
  }
});

/** Put a function around `__forge_fetch__`, and return the paths that it was called with. */
function spied() {
  const paths = [];
  const around = globalThis.__forge_fetch__;
  globalThis.__forge_fetch__ = (target, path, init) => {
    paths.push(path);
    return around(target, path, init);
  };
  return paths;
}

test('a spy that is put around it after use sees every request', async (t) => {
  const stopUsing = plain.use();
  const spy = t.mock.method(globalThis, '__forge_fetch__');
  await kvs.set('spied', 'plain');
  assert.equal(spy.mock.callCount(), 1);
  await closed.run(() => kvs.set('spied', 'closed'));
  assert.equal(spy.mock.callCount(), 2, 'in run, too');
  assert.equal(await kvs.get('spied'), 'plain');
  assert.equal(spy.mock.callCount(), 3, 'and after it');
  const stopUsingOther = closed.use();
  assert.equal(await kvs.get('spied'), 'closed');
  assert.equal(spy.mock.callCount(), 4, 'another emulator is used');
  stopUsingOther();
  await assert.rejects(globalThis.__forge_fetch__({ type: 'app' }, '/rest'), { code: 'NOT_EMULATED' });
  spy.mock.restore();
  stopUsing();
  assert.equal(globalThis.__forge_fetch__, undefined);
});

test('a spy that is left behind does not call itself', async () => {
  const stopUsing = plain.use();
  const paths = spied();
  stopUsing();
  try {
    await assert.rejects(kvs.get('spied'), { code: 'NOT_EMULATED' });
    paths.length = 0;
    await plain.run(async () => {
      assert.equal(await kvs.get('spied'), 'plain');
      assert.deepEqual(paths, [], 'run replaces what was there before');
      await assert.rejects(globalThis.__forge_fetch__({ type: 'app' }, '/rest'), { code: 'NOT_EMULATED' });
    });
    assert.deepEqual(paths, ['/rest']);
    paths.length = 0;
    await assert.rejects(kvs.get('spied'), { code: 'NOT_EMULATED' });
    assert.equal(paths.length, 1, 'it is there again');
  } finally {
    delete globalThis.__forge_fetch__;
  }
});

test('a function that is removed after use is put back by the next run', async () => {
  const mine = async () => new Response('mine');
  for (const before of [undefined, mine]) {
    if (before !== undefined) globalThis.__forge_fetch__ = before;
    const stopUsing = plain.use();
    if (before === undefined) delete globalThis.__forge_fetch__;
    else globalThis.__forge_fetch__ = before;
    assert.equal(await plain.run(() => kvs.get('spied')), 'plain');
    stopUsing();
    assert.equal(globalThis.__forge_fetch__, before);
    delete globalThis.__forge_fetch__;
  }
});
