// Every method of the vendor's own client, run against an emulator at KVS_URL.
// The emulator uses tests/emulator/node/manifest.yml; its store is empty.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { before, describe, test } from 'node:test';

const base = process.env.KVS_URL;
// The client sends all its requests through this function.
globalThis.__forge_fetch__ = (_target, path, options) => fetch(base + path, options);

const require = createRequire(import.meta.url);
const { kvs, WhereConditions, FilterConditions, Filter, MetadataField, Sort } =
  require('@forge/kvs');

const admin = (action, body = {}) =>
  fetch(`${base}/_emulator/${action}`, { method: 'POST', body: JSON.stringify(body) });

async function refused(promise, code, status) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.name, 'ForgeKvsError');
    assert.equal(error.code, code);
    assert.equal(error.responseDetails.status, status);
    assert.match(error.responseDetails.traceId, /^[0-9a-f]{16}$/);
    return true;
  });
}

const ALL = [MetadataField.CREATED_AT, MetadataField.UPDATED_AT, MetadataField.EXPIRE_TIME];
const MINUTE = { value: 1, unit: 'MINUTES' };

before(() => admin('reset'));

for (const [name, get, set, remove] of [
  ['plain', 'get', 'set', 'delete'],
  ['secret', 'getSecret', 'setSecret', 'deleteSecret'],
]) {
  describe(name, () => {
    test('set, get, delete', async () => {
      for (const value of [1, 'x', true, { a: [1.5, null] }, []]) {
        assert.equal(await kvs[set]('k', value), undefined);
        assert.deepEqual(await kvs[get]('k'), value);
      }
      assert.equal(await kvs[remove]('k'), undefined);
      assert.equal(await kvs[get]('k'), undefined);
      assert.equal(await kvs[remove]('k'), undefined);
    });

    test('metadata and ttl', async () => {
      const start = Date.now();
      await kvs[set]('t', 1, { ttl: MINUTE });
      const found = await kvs[get]('t', { metadataFields: ALL });
      assert.equal(found.value, 1);
      assert.ok(Math.abs(found.createdAt - start) < 10000);
      assert.equal(found.updatedAt, found.createdAt);
      assert.equal(Date.parse(found.expireTime), found.updatedAt + 60000);
    });

    test('key policy and returned values', async () => {
      await kvs[remove]('p');
      await kvs[set]('p', 1, { keyPolicy: 'FAIL_IF_EXISTS' });
      await refused(kvs[set]('p', 2, { keyPolicy: 'FAIL_IF_EXISTS' }), 'KEY_CONFLICT', 409);
      const override = { keyPolicy: 'OVERRIDE', returnMetadataFields: ALL };
      const previous = await kvs[set]('p', 2, { ...override, returnValue: 'PREVIOUS' });
      assert.equal(previous.value, 1);
      assert.equal(typeof previous.createdAt, 'number');
      const latest = await kvs[set]('p', 3, { ...override, returnValue: 'LATEST' });
      assert.deepEqual([latest.key, latest.value], ['p', 3]);
      await kvs[remove]('p');
      assert.equal(await kvs[set]('p', 4, { ...override, returnValue: 'PREVIOUS' }), undefined);
    });

    test('refusals', async () => {
      await refused(kvs[set]('a/b', 1), 'INVALID_KEY', 400);
      await refused(kvs[get]('k'.repeat(501)), 'KEY_TOO_LONG', 400);
      await refused(kvs[get](''), 'KEY_TOO_SHORT', 400);
      await refused(kvs[set]('k', 'x'.repeat(240 * 1024)), 'MAX_SIZE', 400);
      let deep = 1;
      for (let level = 0; level < 32; level += 1) deep = [deep];
      await refused(kvs[set]('k', deep), 'MAX_DEPTH', 400);
      await refused(kvs[set]('k', 1, { ttl: { value: 0, unit: 'DAYS' } }), 'INVALID_TTL', 400);
    });
  });
}

describe('batch', () => {
  const batch = [
    { key: 'b1', value: { n: 1 } },
    { key: 'b2', value: 2, options: { ttl: MINUTE } },
    { key: 'b3', value: { name: 'x', age: 1 }, entityName: 'employee' },
  ];

  test('set, get, delete', async () => {
    const named = [{ key: 'b1' }, { key: 'b2' }, { key: 'b3', entityName: 'employee' }];
    assert.deepEqual(await kvs.batchSet(batch), { successfulKeys: named, failedKeys: [] });
    const read = await kvs.batchGet([...named, { key: 'missing' }]);
    assert.deepEqual(read.successfulKeys.map((one) => one.value), batch.map((one) => one.value));
    assert.deepEqual(read.failedKeys, [
      {
        key: 'missing',
        error: { code: 'KEY_NOT_FOUND', message: 'Provided key does not exist' },
      },
    ]);
    const withTimes = named.map((one) => ({ ...one, options: { metadataFields: ALL } }));
    const [, second] = (await kvs.batchGet(withTimes)).successfulKeys;
    assert.equal(Date.parse(second.expireTime), second.createdAt + 60000);
    assert.deepEqual(await kvs.batchDelete(named), { successfulKeys: named, failedKeys: [] });
    assert.equal((await kvs.batchGet(named)).failedKeys.length, 3);
  });

  test('bad records fail alone', async () => {
    const answer = await kvs.batchSet([
      { key: 'ok', value: 1 },
      { key: 'a/b', value: 1 },
      { key: 'x', value: {}, entityName: 'nobody' },
      { key: 'y', value: { age: 'old' }, entityName: 'employee' },
    ]);
    assert.deepEqual(answer.successfulKeys, [{ key: 'ok' }]);
    assert.deepEqual(
      answer.failedKeys.map((one) => one.error.code),
      ['INVALID_KEY', 'SCHEMA_NOT_FOUND', 'INCORRECT_PROPERTY_TYPE'],
    );
  });

  test('whole batches are refused', async () => {
    const many = Array.from({ length: 26 }, (_, n) => ({ key: `k${n}`, value: n }));
    await refused(kvs.batchSet(many), 'TOO_MANY_BATCH_ENTITIES', 400);
    await refused(kvs.batchGet(many), 'TOO_MANY_BATCH_ENTITIES', 400);
    await refused(kvs.batchDelete(many), 'TOO_MANY_BATCH_ENTITIES', 400);
    await refused(kvs.batchSet([]), 'INVALID_REQUEST', 400);
    await refused(kvs.batchDelete([{ key: 'a' }, { key: 'a' }]), 'KEY_DUPLICATION_ERROR', 400);
  });
});

describe('query', () => {
  before(async () => {
    await admin('reset');
    for (const stem of ['p:', 'q:']) {
      await kvs.batchSet(Array.from({ length: 12 }, (_, n) => ({ key: `${stem}${10 + n}`, value: n })));
    }
  });

  test('all pages, in order', async () => {
    const keys = [];
    let cursor;
    do {
      const query = kvs.query().limit(5);
      const page = await (cursor ? query.cursor(cursor) : query).getMany();
      keys.push(...page.results.map((one) => one.key));
      cursor = page.nextCursor;
    } while (cursor);
    assert.equal(keys.length, 24);
    assert.deepEqual(keys, [...keys].sort());
  });

  test('begins with, default page, one, metadata', async () => {
    const page = await kvs.query().where('key', WhereConditions.beginsWith('q:')).getMany();
    assert.equal(page.results.length, 10);
    assert.deepEqual(page.results[0], { key: 'q:10', value: 0 });
    const one = await kvs.query().where('key', WhereConditions.beginsWith('q:2')).getOne();
    assert.equal(one.key, 'q:20');
    assert.equal(
      await kvs.query().where('key', WhereConditions.beginsWith('z')).getOne(),
      undefined,
    );
    const [timed] = (await kvs.query({ metadataFields: ALL }).limit(1).getMany()).results;
    assert.equal(typeof timed.createdAt, 'number');
  });

  test('refusals', async () => {
    await refused(kvs.query().limit(101).getMany(), 'LIST_QUERY_LIMIT_EXCEEDED', 400);
    await refused(kvs.query().cursor('nonsense').getMany(), 'INVALID_CURSOR', 400);
    await refused(
      kvs.query().where('value', WhereConditions.beginsWith('x')).getMany(),
      'QUERY_WHERE_FIELD_INVALID',
      400,
    );
    await refused(
      kvs.query().where('key', WhereConditions.equalTo('x')).getMany(),
      'INVALID_FILTER_CONDITION',
      400,
    );
  });
});

describe('entity', () => {
  const staff = kvs.entity('employee');
  const people = {
    ada: { name: 'Ada', age: 36, team: 'red', tags: 'a,b' },
    bob: { name: 'Bob', age: 20, team: 'red' },
    cy: { name: 'Cy', age: 41, team: 'blue' },
    di: { name: 'Di', age: 36, team: 'blue', tags: 'b' },
  };
  const keys = (page) => page.results.map((one) => one.key).join(' ');

  before(async () => {
    await admin('reset');
    for (const [key, value] of Object.entries(people)) await staff.set(key, value);
  });

  test('set, get, delete', async () => {
    assert.deepEqual(await staff.get('ada'), people.ada);
    const timed = await staff.get('ada', { metadataFields: ALL });
    assert.equal(typeof timed.updatedAt, 'number');
    await staff.set('temp', { age: 1 });
    await staff.delete('temp');
    assert.equal(await staff.get('temp'), undefined);
    await staff.delete('temp');
    await refused(
      staff.set('ada', people.ada, { keyPolicy: 'FAIL_IF_EXISTS' }),
      'KEY_CONFLICT',
      409,
    );
    const options = { keyPolicy: 'OVERRIDE', returnValue: 'LATEST' };
    assert.deepEqual((await staff.set('ada', people.ada, options)).value, people.ada);
  });

  const ages = () => staff.query().index('age');
  for (const [name, condition, expected] of [
    ['between', WhereConditions.between(20, 36), 'bob ada di'],
    ['equalTo', WhereConditions.equalTo(36), 'ada di'],
    ['greaterThan', WhereConditions.greaterThan(36), 'cy'],
    ['greaterThanEqualTo', WhereConditions.greaterThanEqualTo(36), 'ada di cy'],
    ['lessThan', WhereConditions.lessThan(36), 'bob'],
    ['lessThanEqualTo', WhereConditions.lessThanEqualTo(36), 'bob ada di'],
  ]) {
    test(`where ${name}`, async () => {
      assert.equal(keys(await ages().where(condition).getMany()), expected);
    });
  }

  test('where beginsWith', async () => {
    const query = staff.query().index('by-team', { partition: ['blue'] });
    assert.equal(keys(await query.where(WhereConditions.beginsWith('C')).getMany()), 'cy');
  });

  test('sort, partition, one, by-key', async () => {
    assert.equal(keys(await ages().sort(Sort.DESC).getMany()), 'cy di ada bob');
    assert.equal(keys(await ages().sort(Sort.ASC).getMany()), 'bob ada di cy');
    const red = staff.query().index('by-team', { partition: ['red'] });
    assert.equal(keys(await red.getMany()), 'ada bob');
    assert.equal((await ages().getOne()).key, 'bob');
    assert.equal(keys(await staff.query().index('by-key').getMany()), 'ada bob cy di');
  });

  test('cursors', async () => {
    const found = [];
    let cursor;
    do {
      const query = ages().limit(1);
      const page = await (cursor ? query.cursor(cursor) : query).getMany();
      found.push(keys(page));
      cursor = page.nextCursor;
    } while (cursor);
    assert.deepEqual(found, ['bob', 'ada', 'di', 'cy']);
  });

  const F = FilterConditions;
  for (const [name, filter, expected] of [
    ['beginsWith', new Filter().and('name', F.beginsWith('D')), 'di'],
    ['between', new Filter().and('age', F.between(30, 40)), 'ada di'],
    ['contains', new Filter().and('tags', F.contains('b')), 'ada di'],
    ['notContains', new Filter().and('tags', F.notContains('a')), 'bob di cy'],
    ['equalTo', new Filter().and('team', F.equalTo('red')), 'bob ada'],
    ['notEqualTo', new Filter().and('team', F.notEqualTo('red')), 'di cy'],
    ['exists', new Filter().and('tags', F.exists()), 'ada di'],
    ['notExists', new Filter().and('tags', F.notExists()), 'bob cy'],
    ['greaterThan', new Filter().and('age', F.greaterThan(36)), 'cy'],
    ['greaterThanEqualTo', new Filter().and('age', F.greaterThanEqualTo(36)), 'ada di cy'],
    ['lessThan', new Filter().and('age', F.lessThan(36)), 'bob'],
    ['lessThanEqualTo', new Filter().and('age', F.lessThanEqualTo(36)), 'bob ada di'],
    ['and', new Filter().and('team', F.equalTo('blue')).and('age', F.lessThan(40)), 'di'],
    ['or', new Filter().or('name', F.equalTo('Bob')).or('age', F.greaterThan(40)), 'bob cy'],
  ]) {
    test(`filter ${name}`, async () => {
      assert.equal(keys(await ages().filters(filter).getMany()), expected);
    });
  }

  test('refusals', async () => {
    await refused(kvs.entity('nobody').get('a'), 'SCHEMA_NOT_FOUND', 404);
    await refused(kvs.entity('ab').get('a'), 'ENTITY_TYPE_TOO_SHORT', 400);
    await refused(kvs.entity('a'.repeat(61)).get('a'), 'ENTITY_TYPE_TOO_LARGE', 400);
    await refused(kvs.entity('No').set('a', {}), 'ENTITY_TYPE_TOO_SHORT', 400);
    await refused(kvs.entity('Nobody').set('a', {}), 'INVALID_ENTITY_TYPE', 400);
    await refused(staff.get(''), 'EMPTY_KEY', 400);
    await refused(staff.set('x', { age: 2 ** 31 }), 'INCORRECT_PROPERTY_TYPE', 400);
    await refused(staff.set('x', 'text'), 'INVALID_ENTITY_VALUE', 400);
    await refused(staff.query().index('none').getMany(), 'INVALID_ENTITY_INDEX', 400);
    await refused(ages().limit(0).getMany(), 'COMPLEX_QUERY_PAGE_LIMIT_NOT_IN_RANGE', 400);
  });
});

describe('transaction', () => {
  const entityName = 'employee';
  const staff = kvs.entity(entityName);
  const held = (condition) => ({ entityName, conditions: new Filter().and('age', condition) });

  before(async () => {
    await admin('reset');
    await staff.set('ada', { age: 36 });
  });

  test('all operations are applied', async () => {
    await kvs.set('old', 1);
    await kvs
      .transact()
      .set('plain', { a: 1 }, undefined, { ttl: MINUTE })
      .set('ada', { age: 37 }, held(FilterConditions.equalTo(36)))
      .delete('old')
      .check('none', held(FilterConditions.notExists()))
      .execute();
    assert.deepEqual(await kvs.get('plain'), { a: 1 });
    assert.deepEqual(await staff.get('ada'), { age: 37 });
    assert.equal(await kvs.get('old'), undefined);
  });

  test('a false condition changes nothing', async () => {
    const transaction = kvs
      .transact()
      .set('never', 1)
      .delete('ada', held(FilterConditions.lessThan(5)));
    await refused(transaction.execute(), 'CONDITIONAL_CHECK_FAILED', 400);
    assert.equal(await kvs.get('never'), undefined);
    assert.notEqual(await staff.get('ada'), undefined);
  });

  test('refusals', async () => {
    await refused(
      kvs.transact().set('a', 1).delete('a').execute(),
      'KEY_DUPLICATION_ERROR',
      400,
    );
    const many = kvs.transact();
    for (let n = 0; n < 26; n += 1) many.set(`k${n}`, n);
    await refused(many.execute(), 'UNPROCESSABLE_ENTITY', 422);
  });
});
