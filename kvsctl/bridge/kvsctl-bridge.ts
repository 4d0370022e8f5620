// A web trigger through which kvsctl reads and writes the key-value store of this installation.
// It answers as the service's REST API does. Anyone can call its URL, so each request must carry a
// token. Secrets and transactions cannot be reached through it.
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { kvs } from '@forge/kvs';

interface Request {
  method?: string;
  userPath?: string;
  headers?: Record<string, string[]>;
  body?: string;
}

interface Context {
  installContext?: string;
  installation?: { ari?: { installationId?: string } };
}

interface Answer {
  statusCode: number;
  headers: Record<string, string[]>;
  body: string;
}

type Operation = (body: any) => Promise<unknown>;

const LEAST_TOKEN_CHARACTERS = 32;
const VERSION = '2';

// A body that cannot be passed on as it is. The service was not called.
class Refused extends Error {
  code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

// The paths that kvsctl calls, with everything that it sends to them. The read-only token opens READS only.
const READS = new Map<string, Operation>([
  ['/v1/batch/get', (items) => kvs.batchGet(items)],
  ['/v1/query', query],
  ['/v1/entity/query', queryEntity],
]);
const WRITES = new Map<string, Operation>([
  ['/v1/batch/set', (items) => kvs.batchSet(items)],
  ['/v1/batch/delete', (items) => kvs.batchDelete(items)],
  ['/v1/set', set],
  ['/v1/entity/set', setEntity],
]);

export async function bridge(request: Request, context?: Context): Promise<Answer> {
  // The tokens are encrypted variables of the app. One that is too short counts as not set.
  const [token, readToken] = [process.env.KVSCTL_BRIDGE_TOKEN, process.env.KVSCTL_BRIDGE_READ_TOKEN]
    .map((set) => (set && set.length >= LEAST_TOKEN_CHARACTERS ? set : undefined));
  if (!token && !readToken) {
    const what = `set KVSCTL_BRIDGE_TOKEN to at least ${LEAST_TOKEN_CHARACTERS} characters, and deploy`;
    return refusal(403, 'BRIDGE_NOT_CONFIGURED', `the bridge has no token: ${what}`);
  }
  const [, given = ''] = /^Bearer +(.*)$/i.exec(header(request, 'authorization')) ?? [];
  const mayWrite = isSame(given, token);
  const mayRead = isSame(given, readToken) || mayWrite;
  if (!mayRead) {
    return refusal(401, 'UNAUTHORIZED', 'the bridge does not know this token');
  }

  const installation = context?.installation?.ari?.installationId ?? context?.installContext ?? '';
  const headers = { 'x-kvsctl-installation': [installation], 'x-kvsctl-bridge': [VERSION] };
  const wanted = header(request, 'x-kvsctl-installation');
  if (wanted && lastPart(wanted) !== lastPart(installation)) {
    return refusal(403, 'WRONG_INSTALLATION', 'the bridge is in another installation', headers);
  }

  const path = request.userPath ?? '';
  const operation = READS.get(path) ?? WRITES.get(path);
  if (request.method !== 'POST' || !operation) {
    return refusal(403, 'NOT_BRIDGED', 'the bridge does not have this path and method', headers);
  }
  if (!mayWrite && !READS.has(path)) {
    return refusal(403, 'READ_ONLY_TOKEN', 'this token of the bridge only reads', headers);
  }
  try {
    const done = await operation(parsed(request.body));
    return answer(done === undefined ? 204 : 200, done, headers);
  } catch (error) {
    return failed(error, headers);
  }
}

function set(body: any) {
  const { key, value, options } = members(body, 'key', 'value', 'options');
  return kvs.set(key, value, setOptions(options));
}

function setEntity(body: any) {
  const { entityName, key, value, options } = members(body, 'entityName', 'key', 'value', 'options');
  return kvs.entity(entityName).set(key, value, setOptions(options));
}

async function query(body: any) {
  const { where, limit, after, options } = members(body, 'where', 'limit', 'after', 'options');
  const listing = kvs.query({ metadataFields: metadataFields(options) });
  requireList(where, 'QUERY_WHERE_INVALID');
  if (where?.length > 1) {
    throw new Refused('QUERY_WHERE_INVALID', 'a query has one condition');
  }
  if (where?.length === 1) {
    const { property, ...condition } = members(where[0], 'property', 'condition', 'values');
    listing.where(property, condition as any);
  }
  const { results, nextCursor } = await listing.limit(limit).cursor(after).getMany();
  return { data: results, cursor: nextCursor };
}

async function queryEntity(body: any) {
  const { entityName, indexName, partition, range, sort, limit, cursor, options } = members(
    body, 'entityName', 'indexName', 'partition', 'range', 'sort', 'limit', 'cursor', 'options');
  const entity = kvs.entity(entityName).query({ metadataFields: metadataFields(options) });
  const listing = entity.index(indexName, { partition }).where(range).sort(sort).limit(limit).cursor(cursor);
  const { results, nextCursor } = await listing.getMany();
  return { data: results, cursor: nextCursor };
}

function parsed(body?: string) {
  let found;
  try {
    found = JSON.parse(body ?? '');
  } catch {
    throw new Refused('INVALID_REQUEST', 'the body is not JSON');
  }
  requireFinite(found);
  return found;
}

// A number beyond all doubles would be passed on as null.
function requireFinite(found: unknown) {
  if (found === Infinity || found === -Infinity) {
    throw new Refused('NUMBER_NOT_EXACT', 'the body has a number that JavaScript cannot hold');
  }
  if (typeof found === 'object' && found !== null) {
    Object.values(found).forEach(requireFinite);
  }
}

// Return an object whose members are all passed on. Leaving one out would change the meaning of the request.
function members(found: any, ...names: string[]): any {
  if (typeof found !== 'object' || found === null || Array.isArray(found)) {
    throw new Refused('INVALID_REQUEST', `not an object with ${names.join(', ')}`);
  }
  if (Object.keys(found).some((name) => !names.includes(name))) {
    throw new Refused('INVALID_REQUEST', `the bridge passes on only ${names.join(', ')}`);
  }
  return found;
}

function setOptions(options: any) {
  return options && members(options, 'ttl', 'keyPolicy');
}

function metadataFields(options: any) {
  const fields = members(options ?? {}, 'metadataFields').metadataFields;
  requireList(fields, 'BAD_REQUEST');
  return fields;
}

function requireList(found: any, code: string) {
  if (!Array.isArray(found ?? [])) {
    throw new Refused(code, 'not an array');
  }
}

// Pass on the answer of the service. Without one, it is not known whether the service took the request.
function failed(error: any, headers: Answer['headers']): Answer {
  if (error instanceof Refused) {
    return refusal(400, error.code, error.message, headers);
  }
  if (error instanceof RangeError) {
    return refusal(400, 'MAX_DEPTH', 'the body is nested too deep to be passed on', headers);
  }
  const { status = 0, traceId } = error?.responseDetails ?? {};
  if (status < 400) {
    return refusal(502, 'BRIDGE_FAILED', `the bridge got no answer from the service: ${error?.message}`, headers);
  }
  const traced = traceId ? { ...headers, 'x-b3-traceid': [traceId] } : headers;
  return refusal(status, error.code, error.message, traced);
}

function refusal(status: number, code: string, message: string, headers: Answer['headers'] = {}): Answer {
  return answer(status, { code, message }, headers);
}

function answer(statusCode: number, body: unknown, headers: Answer['headers']): Answer {
  const type = { 'content-type': ['application/json'] };
  return { statusCode, headers: { ...type, ...headers }, body: body === undefined ? '' : json(body) };
}

// JSON.stringify writes a number beyond all doubles as null. Write another number beyond them instead: the
// caller sees that it is not the one in the store.
function json(body: unknown) {
  const mark = randomUUID();
  const marked = JSON.stringify(body, (_, one) => (one === Infinity || one === -Infinity ? mark + one : one));
  return marked.split(`"${mark}Infinity"`).join('1e999').split(`"${mark}-Infinity"`).join('-1e999');
}

function header({ headers = {} }: Request, name: string): string {
  const found = Object.keys(headers).find((key) => key.toLowerCase() === name);
  return (found && headers[found]?.[0]) || '';
}

// An installation is named by its id, or by an ARI that ends in it.
function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

// Compare hashes in constant time, so that the time of an answer does not help to guess the token.
function isSame(given: string, token: string | undefined): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return token !== undefined && timingSafeEqual(hash(given), hash(token));
}
