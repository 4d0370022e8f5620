// What stands before a web trigger on Forge: each HTTP request becomes a call of the function, with
// headers as lists and the body as text, and its answer becomes the response.
// Prints its URL once it listens. Settings, in the environment:
//   KVS_URL            base URL of the service
//   GATEWAY_PORT       port to listen on; none: a free one
//   GATEWAY_SECONDS    how long a call may take
//   GATEWAY_BYTES      the largest body, of request and response
//   GATEWAY_CALLS      how many calls are let through; a 429 answers the next GATEWAY_REFUSED ones
//   GATEWAY_RETRY_AFTER  the Retry-After of such a 429, in seconds; none: it has none
//   GATEWAY_OLDER      1: answer as the first version of the function did
//   GATEWAY_INSTALLATION  id of the installation; none: the context names only the site

import { createServer } from 'node:http';

const seconds = Number(process.env.GATEWAY_SECONDS ?? 55);
const most = Number(process.env.GATEWAY_BYTES ?? Infinity);
const installationId = process.env.GATEWAY_INSTALLATION;
let calls = Number(process.env.GATEWAY_CALLS ?? Infinity);
let refused = Number(process.env.GATEWAY_REFUSED ?? 0);
const waits = process.env.GATEWAY_RETRY_AFTER;

// The vendor's client sends all its requests through this function.
globalThis.__forge_fetch__ = (_target, path, options) => fetch(process.env.KVS_URL + path, options);
const { bridge } = await import('./src/kvsctl-bridge.js');

const context = {
  installContext: 'ari:cloud:jira::site/11111111-2222-3333-4444-555555555555',
  ...(installationId && { installation: { ari: { installationId }, contexts: [] } }),
};

function eventOf(request, body) {
  const headers = {};
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    (headers[request.rawHeaders[i]] ??= []).push(request.rawHeaders[i + 1]);
  }
  const url = new URL(request.url, 'http://gateway');
  const [, trigger, userPath] = /^(\/x1\/[^/]+)(.*)$/.exec(url.pathname) ?? [];
  if (!trigger) return undefined;
  const queryParameters = {};
  for (const [name, value] of url.searchParams) (queryParameters[name] ??= []).push(value);
  return { method: request.method, headers, body, path: url.pathname, userPath, queryParameters };
}

function isAnswer({ statusCode, headers, body } = {}) {
  const areLists = Object.values(headers ?? {}).every(
    (values) => Array.isArray(values) && values.every((value) => typeof value === 'string'));
  return Number.isInteger(statusCode) && areLists && typeof body === 'string';
}

async function respond(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  if (calls-- <= 0 && refused-- > 0) {
    return response.writeHead(429, waits ? { 'Retry-After': waits } : {}).end('Too many invocations');
  }
  if (Buffer.byteLength(body) > most) return response.writeHead(413).end('Payload Too Large');
  const event = eventOf(request, body);
  if (!event) return response.writeHead(404).end();
  let timer;
  const late = new Promise((resolve) => { timer = setTimeout(resolve, seconds * 1000, 'late'); });
  const answer = await Promise.race([bridge(event, context), late]).catch((error) => error);
  clearTimeout(timer);
  if (answer === 'late') return response.writeHead(504).end();
  if (!isAnswer(answer) || Buffer.byteLength(answer.body) > most) {
    return response.writeHead(500).end('The function did not answer');
  }
  if (process.env.GATEWAY_OLDER) {
    delete answer.headers['x-kvsctl-bridge'];
    answer.body = answer.body && JSON.stringify(JSON.parse(answer.body));
  }
  return response.writeHead(answer.statusCode, answer.headers).end(answer.body);
}

const server = createServer((request, response) => {
  respond(request, response).catch((error) => response.destroy(error));
});
server.listen(Number(process.env.GATEWAY_PORT ?? 0), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/x1/11112222-abcd`);
});
