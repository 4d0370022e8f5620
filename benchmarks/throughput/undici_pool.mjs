// The fastest that a user could write by hand: undici's Pool. URL FILE CONNECTIONS
import { createRequire } from 'node:module';
import { sendAll } from './batches.mjs';

const { Pool } = createRequire(`${process.env.MODULES}/`)('undici');
const [url, path, connections] = process.argv.slice(2);
const pool = new Pool(url, { connections: Number(connections) });
const headers = { 'content-type': 'application/json', authorization: 'Bearer benchmark' };

await sendAll(path, Number(connections), async (body) => {
  const request = { path: '/v1/batch/set', method: 'POST', headers, body };
  const { statusCode, body: answer } = await pool.request(request);
  if (statusCode !== 200) throw new Error(`HTTP ${statusCode}`);
  return answer.json();
});
await pool.close();
