// The questions that the vendor's client asks: each of its methods, each branch of its code, each
// error that it knows, and the service's answers in its own tests. The emulator is at KVS_URL, with
// the entity "employee". Prints one JSON object per question.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const base = process.env.KVS_URL;
const require = createRequire(import.meta.url);
let last; // the last request: its target, and its response
globalThis.__forge_fetch__ = async (target, path, options) => {
  last = { target, path, options };
  last.response = await fetch(base + path, options);
  return last.response;
};
const forge = require('@forge/kvs');
const { kvs, Filter, FilterConditions, ForgeKvsAPIError, ForgeKvsError, MetadataField, Sort, WhereConditions } =
  forge;

const admin = async (action, body = {}) => {
  const response = await fetch(`${base}/_emulator/${action}`, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(response.status, 200, await response.text());
};
const faults = (spec) => admin('faults', { spec });

async function ask(sentence, file, line, text, question) {
  let why_not = null;
  try {
    await admin('reset');
    await faults('');
    await question();
  } catch (error) {
    why_not = `${error.name}: ${error.message}`.split('\n').join(' ').slice(0, 300);
  }
  console.log(JSON.stringify({ sentence, file: `out/${file}`, line, text, why_not }));
}

async function refused(promise, code, status, more = {}) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof ForgeKvsAPIError, String(error));
    assert.deepEqual([error.code, error.responseDetails.status], [code, status]);
    for (const [name, expected] of Object.entries(more)) assert.deepEqual(error[name], expected);
    return true;
  });
}

const ALL = [MetadataField.CREATED_AT, MetadataField.UPDATED_AT, MetadataField.EXPIRE_TIME];
const DAY = { value: 1, unit: 'DAYS' };
const staff = kvs.entity('employee');
const API = 'storage-api.js';

// The three kinds of records: plain, secret, and of an entity.
for (const [kind, get, set, remove, lines] of [
  ['plain', kvs.get.bind(kvs), kvs.set.bind(kvs), kvs.delete.bind(kvs), [20, 37, 38, 50]],
  ['secret', kvs.getSecret.bind(kvs), kvs.setSecret.bind(kvs), kvs.deleteSecret.bind(kvs), [26, 41, 42, 55]],
  ['entity', staff.get.bind(staff), staff.set.bind(staff), staff.delete.bind(staff), [32, 45, 46, 60]],
]) {
  const path = kind === 'plain' ? '' : `/${kind}`;
  const [getLine, setLine, returnLine, deleteLine] = lines;
  await ask(`${kind}: get returns the value`, API, getLine, `/api/v1${path}/get`, async () => {
    await set('a', { age: 1 });
    assert.deepEqual(await get('a'), { age: 1 });
  });
  await ask(`${kind}: get of a missing key returns undefined`, API, 106, 'KEY_NOT_FOUND', async () => {
    assert.equal(await get('none'), undefined);
    assert.equal(last.response.status, 404);
  });
  await ask(`${kind}: another error of get is thrown`, API, 109, 'throw e', async () => {
    await refused(get('/'), 'INVALID_KEY', 400);
  });
  for (const [field, member, line] of [
    [MetadataField.CREATED_AT, 'createdAt', 147],
    [MetadataField.UPDATED_AT, 'updatedAt', 150],
    [MetadataField.EXPIRE_TIME, 'expireTime', 153],
  ]) {
    await ask(`${kind}: get with ${field} returns it beside key and value`, API, line, member, async () => {
      await set('a', { age: 1 }, { ttl: DAY });
      const found = await get('a', { metadataFields: [field] });
      assert.deepEqual(Object.keys(found).sort(), ['key', member, 'value'].sort());
      assert.equal(typeof found[member], member === 'expireTime' ? 'string' : 'number');
    });
  }
  await ask(`${kind}: get with options but no fields returns key and value`, API, 155, 'return {', async () => {
    await set('a', { age: 1 });
    assert.deepEqual(await get('a', {}), { key: 'a', value: { age: 1 } });
  });
  await ask(`${kind}: set returns nothing`, API, setLine, `/api/v1${path}/set`, async () => {
    assert.equal(await set('a', { age: 1 }), undefined);
  });
  await ask(`${kind}: set with FAIL_IF_EXISTS creates, then is refused`, 'interfaces/types.d.ts', 28, 'FAIL_IF_EXISTS', async () => {
    assert.equal(await set('a', {}, { keyPolicy: 'FAIL_IF_EXISTS' }), undefined);
    await refused(set('a', {}, { keyPolicy: 'FAIL_IF_EXISTS' }), 'KEY_CONFLICT', 409);
  });
  for (const returnValue of ['PREVIOUS', 'LATEST']) {
    await ask(`${kind}: set returns the ${returnValue} record`, API, returnLine, 'isOverrideAndReturnOptions', async () => {
      await set('a', { age: 1 });
      const found = await set('a', { age: 2 }, { keyPolicy: 'OVERRIDE', returnValue });
      assert.deepEqual(found, { key: 'a', value: { age: returnValue === 'LATEST' ? 2 : 1 } });
    });
  }
  for (const [field, member, line] of [
    [MetadataField.CREATED_AT, 'createdAt', 172],
    [MetadataField.UPDATED_AT, 'updatedAt', 173],
    [MetadataField.EXPIRE_TIME, 'expireTime', 174],
  ]) {
    await ask(`${kind}: set returns ${field} of the record`, API, line, member, async () => {
      const options = { ttl: DAY, keyPolicy: 'OVERRIDE', returnValue: 'LATEST', returnMetadataFields: [field] };
      assert.ok((await set('a', {}, options))[member]);
    });
  }
  await ask(`${kind}: set returns undefined if there was no PREVIOUS record`, API, 130, '!responseText', async () => {
    assert.equal(await set('a', {}, { keyPolicy: 'OVERRIDE', returnValue: 'PREVIOUS' }), undefined);
  });
  await ask(`${kind}: delete returns nothing, and the key is gone`, API, deleteLine, `/api/v1${path}/delete`, async () => {
    await set('a', {});
    assert.equal(await remove('a'), undefined);
    assert.equal(await get('a'), undefined);
  });
  await ask(`${kind}: delete of a missing key succeeds, also if it is answered KEY_NOT_FOUND`, API, 107, 'return undefined', async () => {
    assert.equal(await remove('none'), undefined);
    await faults('refuse=none:KEY_NOT_FOUND');
    assert.equal(await remove('none'), undefined);
    assert.equal(last.response.ok, false);
  });
}

// Errors.
const HANDLING = 'utils/error-handling.js';
await ask('an error has code, message and the details of the response', HANDLING, 41, 'parsedBody', async () => {
  const { response } = await kvs.set('/', 1).then(assert.fail, (error) => {
    assert.equal(error.name, 'ForgeKvsError');
    assert.match(error.message, /^The provided key does not match the regex: /);
    const { traceId, responseBodyLength, ...details } = error.responseDetails;
    assert.match(traceId, /^[0-9a-f]{16}$/);
    assert.ok(responseBodyLength > error.message.length);
    assert.deepEqual(details, {
      status: 400, statusText: 'Bad Request', httpMethod: 'POST', httpPath: '/api/v1/set',
    });
    return last;
  });
  assert.equal(response.headers.get('content-type'), 'application/json');
});
await ask('an error that has no context has an empty one', 'errors.js', 26, 'context', () =>
  refused(kvs.set('/', 1), 'INVALID_KEY', 400, { context: {} }));
await ask('the trace id of an error is that of the response', HANDLING, 30, 'x-b3-traceid', async () => {
  await kvs.get('/').then(assert.fail, (error) => {
    assert.equal(error.responseDetails.traceId, last.response.headers.get('x-b3-traceid'));
  });
});
for (const [what, fault, text] of [['a page of a proxy', '502-html', /<html/i], ['an empty body', '502-empty', /^$/]]) {
  await ask(`${what} is an UNKNOWN_ERROR with its text`, HANDLING, 44, 'UNKNOWN_ERROR', async () => {
    await faults(`script=${fault}`);
    await kvs.get('a').then(assert.fail, (error) => {
      assert.deepEqual([error.code, error.responseDetails.status], ['UNKNOWN_ERROR', 502]);
      assert.match(error.context.responseText, text);
    });
  });
}
await ask('an answer 200 that is not JSON is an UNKNOWN_ERROR', API, 137, 'UNKNOWN_ERROR', async () => {
  await faults('script=200-html');
  const how = 'Unexpected error in Forge KVS API. Response was not valid JSON';
  await refused(kvs.get('a'), 'UNKNOWN_ERROR', 200, { message: how });
});
for (const fault of ['reset-before', 'reset-after', 'cut']) {
  await ask(`a lost connection (${fault}) is an error of fetch`, API, 120, 'apiClient', async () => {
    await kvs.set('a', 1);
    await faults(`script=${fault}`);
    await assert.rejects(kvs.get('a'), TypeError);
  });
}

// Batches.
const named = [{ key: 'a' }, { key: 'b', entityName: 'employee' }];
const items = [{ key: 'a', value: 1, options: { ttl: DAY } }, { ...named[1], value: { age: 1 } }];
await ask('batchSet returns both lists', API, 78, '/api/v1/batch/set', async () => {
  const bad = { key: '/', value: 1 };
  const answer = await kvs.batchSet([...items, bad]);
  assert.deepEqual(answer.successfulKeys, named);
  assert.deepEqual(answer.failedKeys.map((one) => [one.key, one.error.code]), [['/', 'INVALID_KEY']]);
});
await ask('batchGet returns both lists, with values and metadata', API, 92, '/api/v1/batch/get', async () => {
  await kvs.batchSet(items);
  const options = { metadataFields: ALL };
  const answer = await kvs.batchGet([...named, { key: 'none' }].map((one) => ({ ...one, options })));
  assert.deepEqual(answer.successfulKeys.map((one) => one.value), [1, { age: 1 }]);
  assert.ok(answer.successfulKeys[0].expireTime);
  assert.ok(answer.successfulKeys[1].createdAt);
  assert.equal(answer.failedKeys[0].error.code, 'KEY_NOT_FOUND');
});
await ask('batchDelete returns both lists', API, 85, '/api/v1/batch/delete', async () => {
  await kvs.batchSet(items);
  const answer = await kvs.batchDelete([...named, { key: '/' }]);
  assert.deepEqual(answer.successfulKeys, named);
  assert.equal(answer.failedKeys.length, 1);
  assert.equal(await kvs.get('a'), undefined);
});

// Queries of plain keys.
const fill = () => kvs.batchSet(['p:1', 'p:2', 'p:3', 'q:1'].map((key, value) => ({ key, value })));
const keysOf = (page) => page.results.map((one) => one.key).join(' ');
await ask('query returns results, and no cursor on the last page', API, 66, 'rs.data', async () => {
  await fill();
  const page = await kvs.query().getMany();
  assert.equal(keysOf(page), 'p:1 p:2 p:3 q:1');
  assert.equal(page.nextCursor, undefined);
  assert.deepEqual(page.results[0], { key: 'p:1', value: 0 });
});
await ask('query takes a where clause', 'query.js', 12, 'where', async () => {
  await fill();
  assert.equal(keysOf(await kvs.query().where('key', WhereConditions.beginsWith('p:')).getMany()), 'p:1 p:2 p:3');
});
await ask('query takes a limit, and its cursor leads on', 'query.js', 16, 'cursor', async () => {
  await fill();
  const page = await kvs.query().limit(3).getMany();
  assert.equal(keysOf(page), 'p:1 p:2 p:3');
  const next = await kvs.query().limit(3).cursor(page.nextCursor).getMany();
  assert.equal(keysOf(next), 'q:1');
  assert.equal(next.nextCursor, undefined);
});
await ask('getOne of a query returns the first record', 'query.js', 26, 'results[0]', async () => {
  await fill();
  assert.deepEqual(await kvs.query().where('key', WhereConditions.beginsWith('q')).getOne(), { key: 'q:1', value: 3 });
});
await ask('getOne of a query that finds nothing returns undefined', 'query.js', 28, 'undefined', async () => {
  assert.equal(await kvs.query().getOne(), undefined);
});
await ask('query takes metadata fields', 'query.js', 32, 'metadataFields', async () => {
  await kvs.set('a', 1, { ttl: DAY });
  const [found] = (await kvs.query({ metadataFields: ALL }).getMany()).results;
  assert.deepEqual(Object.keys(found).sort(), ['createdAt', 'expireTime', 'key', 'updatedAt', 'value']);
});

// Queries of entities.
const people = {
  ada: { name: 'Ada', age: 36, team: 'red', tags: 'a,b' },
  bob: { name: 'Bob', age: 20, team: 'red' },
  cy: { name: 'Cy', age: 41, team: 'blue' },
  di: { name: 'Di', age: 36, team: 'blue', tags: 'b' },
};
const hire = () => kvs.batchSet(Object.entries(people).map(([key, value]) => ({ key, value, entityName: 'employee' })));
const ages = () => staff.query().index('age');
const QUERY = 'entity-query.js';
const finds = (sentence, file, line, text, expected, query) =>
  ask(sentence, file, line, text, async () => {
    await hire();
    assert.equal(keysOf(await query().getMany()), expected);
  });
await finds('an entity query lists by an index', QUERY, 13, 'index(name', 'bob ada di cy', ages);
await finds('an entity query takes a partition', QUERY, 18, 'partition', 'ada bob', () =>
  staff.query().index('by-team', { partition: ['red'] }));
await finds('an entity query sorts ASC', QUERY, 41, 'sort', 'bob ada di cy', () => ages().sort(Sort.ASC));
await finds('an entity query sorts DESC', QUERY, 41, 'sort', 'cy di ada bob', () => ages().sort(Sort.DESC));
await finds('an entity query takes a limit', QUERY, 49, 'limit', 'bob ada', () => ages().limit(2));
await ask('the cursor of an entity query leads on', QUERY, 45, 'cursor', async () => {
  await hire();
  const page = await ages().limit(3).getMany();
  assert.equal(keysOf(await ages().cursor(page.nextCursor).getMany()), 'cy');
});
await ask('getOne of an entity query returns the first record', QUERY, 55, 'results[0]', async () => {
  await hire();
  assert.deepEqual(await ages().getOne(), { key: 'bob', value: people.bob });
});
await ask('getOne of an entity query that finds nothing returns undefined', QUERY, 57, 'undefined', async () => {
  assert.equal(await ages().getOne(), undefined);
});
await ask('an entity query takes metadata fields', QUERY, 61, 'metadataFields', async () => {
  await staff.set('a', { age: 1 }, { ttl: DAY });
  const [found] = (await staff.query({ metadataFields: ALL }).index('age').getMany()).results;
  assert.deepEqual(Object.keys(found).sort(), ['createdAt', 'expireTime', 'key', 'updatedAt', 'value']);
});
await finds('an entity query without filters lists everything', QUERY, 73, 'queryEntity', 'bob ada di cy', () =>
  ages().filters(new Filter()));
const CONDITIONS = 'conditions.js';
for (const [name, line, condition, expected] of [
  ['between', 6, WhereConditions.between(20, 36), 'bob ada di'],
  ['equalTo', 66, WhereConditions.equalTo(36), 'ada di'],
  ['greaterThan', 30, WhereConditions.greaterThan(36), 'cy'],
  ['greaterThanEqualTo', 36, WhereConditions.greaterThanEqualTo(36), 'ada di cy'],
  ['lessThan', 42, WhereConditions.lessThan(36), 'bob'],
  ['lessThanEqualTo', 48, WhereConditions.lessThanEqualTo(36), 'bob ada di'],
]) {
  await finds(`where ${name}`, CONDITIONS, line, 'condition:', expected, () => ages().where(condition));
}
await finds('where beginsWith', CONDITIONS, 12, 'BEGINS_WITH', 'bob', () =>
  staff.query().index('by-team', { partition: ['red'] }).where(WhereConditions.beginsWith('B')));
const F = FilterConditions;
for (const [name, line, filter, expected] of [
  ['beginsWith', 12, new Filter().and('name', F.beginsWith('D')), 'di'],
  ['between', 6, new Filter().and('age', F.between(30, 40)), 'ada di'],
  ['contains', 54, new Filter().and('tags', F.contains('a')), 'ada'],
  ['notContains', 60, new Filter().and('tags', F.notContains('a')), 'bob di cy'],
  ['equalTo', 66, new Filter().and('team', F.equalTo('red')), 'bob ada'],
  ['notEqualTo', 72, new Filter().and('team', F.notEqualTo('red')), 'di cy'],
  ['exists', 18, new Filter().and('tags', F.exists()), 'ada di'],
  ['notExists', 24, new Filter().and('tags', F.notExists()), 'bob cy'],
  ['greaterThan', 30, new Filter().and('age', F.greaterThan(36)), 'cy'],
  ['greaterThanEqualTo', 36, new Filter().and('age', F.greaterThanEqualTo(36)), 'ada di cy'],
  ['lessThan', 42, new Filter().and('age', F.lessThan(36)), 'bob'],
  ['lessThanEqualTo', 48, new Filter().and('age', F.lessThanEqualTo(36)), 'bob ada di'],
]) {
  await finds(`filter ${name}`, CONDITIONS, line, 'condition:', expected, () => ages().filters(filter));
}
await finds('filters joined by and', QUERY, 99, 'and(field', 'di', () =>
  ages().filters(new Filter().and('team', F.equalTo('blue')).and('age', F.lessThan(40))));
await finds('filters joined by or', QUERY, 105, 'or(field', 'bob cy', () =>
  ages().filters(new Filter().or('name', F.equalTo('Bob')).or('age', F.greaterThan(40))));

// Transactions.
const TRANSACTION = 'transaction-api.js';
const on = (condition) => ({ entityName: 'employee', conditions: new Filter().and('age', condition) });
await ask('a transaction sets, deletes and checks', TRANSACTION, 64, 'transact', async () => {
  await hire();
  await kvs.set('old', 1);
  const done = await kvs.transact()
    .set('new', 2, undefined, { ttl: DAY })
    .set('eve', { age: 1 }, { entityName: 'employee' })
    .set('ada', { age: 37 }, on(F.equalTo(36)))
    .delete('old')
    .delete('bob', on(F.lessThan(21)))
    .delete('cy', { entityName: 'employee' })
    .check('di', on(F.exists()))
    .execute();
  assert.equal(done, undefined);
  assert.equal(await kvs.get('new'), 2);
  assert.equal(await kvs.get('old'), undefined);
  assert.deepEqual((await ages().getMany()).results.map((one) => one.key), ['eve', 'di', 'ada']);
});
for (const [verb, line, guarded] of [
  ['set', 16, (one) => one.set('ada', { age: 1 }, on(F.lessThan(5)))],
  ['delete', 31, (one) => one.delete('ada', on(F.lessThan(5)))],
  ['check', 44, (one) => one.check('ada', on(F.lessThan(5)))],
]) {
  await ask(`a transaction whose ${verb} has a false condition changes nothing`, TRANSACTION, line, `${verb}(key`, async () => {
    await hire();
    await refused(guarded(kvs.transact().set('never', 1)).execute(), 'CONDITIONAL_CHECK_FAILED', 400);
    assert.equal(await kvs.get('never'), undefined);
    assert.deepEqual(await staff.get('ada'), people.ada);
  });
}
await ask('conditions without any is an error of the client', 'utils/transaction-request-builder.js', 10, 'at least one condition', async () => {
  const empty = kvs.transact().check('a', { entityName: 'employee', conditions: new Filter() });
  await assert.rejects(empty.execute(), ForgeKvsError);
});
await ask('a transaction without operations is refused', TRANSACTION, 57, 'undefined', async () => {
  await assert.rejects(kvs.transact().execute(), ForgeKvsAPIError);
});

// How the client reaches the service.
await ask('outside of a runtime, requests are for the remote kvs of the app', 'index.js', 25, '__forge_fetch__', async () => {
  await kvs.set('a', 1);
  assert.deepEqual(last.target, { type: 'kvs', provider: 'app', remote: 'kvs' });
  assert.equal(last.options.headers['content-type'], 'application/json');
});
await ask('in a runtime, requests bring its token, host and trace id', 'index.js', 16, 'Bearer', async () => {
  const trace = '0123456789abcdef';
  globalThis.__forge_runtime__ = {
    proxy: { token: 'of-the-proxy' },
    kvs: { url: base, host: new URL(base).host },
    tracing: { traceId: trace, spanId: trace },
  };
  delete require.cache[require.resolve('@forge/kvs')];
  const inside = require('@forge/kvs').kvs;
  await inside.set('a', 1);
  assert.equal(await inside.get('a'), 1);
  assert.equal(last.response.headers.get('x-b3-traceid'), trace);
  assert.equal(await kvs.get('a'), undefined, 'the token opens a store of its own');
});

// The service's answers in the client's own tests.
const TESTS = '__test__/index.test.js';
for (const [what, line, call] of [
  ['set', 271, () => kvs.set('a', 1)],
  ['set with FAIL_IF_EXISTS', 295, () => kvs.set('a', 1, { keyPolicy: 'FAIL_IF_EXISTS' })],
  ['set without a PREVIOUS record', 344, () => kvs.set('a', 1, { keyPolicy: 'OVERRIDE', returnValue: 'PREVIOUS' })],
  ['setSecret', 370, () => kvs.setSecret('a', 1)],
  ['set of an entity', 469, () => staff.set('a', {})],
  ['delete', 578, () => kvs.delete('a')],
  ['deleteSecret', 602, () => kvs.deleteSecret('a')],
  ['delete of an entity', 626, () => staff.delete('a')],
]) {
  await ask(`${what} is answered with 204`, TESTS, line, 'status: 204', async () => {
    await call();
    assert.equal(last.response.status, 204);
  });
}
for (const [what, line, call] of [
  ['get', 105, (options) => kvs.get('a', options)],
  ['batchGet', 1511, (options) => kvs.batchGet([{ key: 'a', options }])],
]) {
  await ask(`an unknown metadata field of ${what} is refused with 400 BAD_REQUEST`, TESTS, line + 1, 'BAD_REQUEST', () =>
    refused(call({ metadataFields: ['INVALID_METADATA_FIELD'] }), 'BAD_REQUEST', 400, {
      message: 'Provided request body is invalid',
    }));
}
await ask('a missing key is 404 with the message of the service', TESTS, 93, 'Provided key does not exist', async () => {
  await kvs.get('none');
  assert.equal(last.response.status, 404);
  const again = await fetch(`${base}/v1/get`, { method: 'POST', body: '{"key":"none"}' });
  assert.deepEqual(await again.json(), { code: 'KEY_NOT_FOUND', message: 'Provided key does not exist' });
});
await ask('a failure of the service is 500 with its code and message', TESTS, 125, 'An internal server error', async () => {
  await faults('script=500');
  const message = 'An internal server error has occurred';
  await refused(kvs.get('a'), 'INTERNAL_SERVER_ERROR', 500, { message });
});
for (const [code, line] of [['VALIDATION_ERROR', 1074], ['PERMISSION_DENIED', 1167], ['STORAGE_LIMIT_EXCEEDED', 1172]]) {
  await ask(`an item can fail with ${code}`, TESTS, line, code, async () => {
    await faults(`refuse=bad:${code}`);
    const answer = await kvs.batchSet([{ key: 'good', value: 1 }, { key: 'bad', value: 1 }]);
    assert.deepEqual(answer.successfulKeys, [{ key: 'good' }]);
    assert.equal(answer.failedKeys[0].error.code, code);
  });
}
