// What most would write: Node's own fetch. URL FILE CONNECTIONS
import { sendAll } from './batches.mjs';

const [url, path, connections] = process.argv.slice(2);
const headers = { 'content-type': 'application/json', authorization: 'Bearer benchmark' };

await sendAll(path, Number(connections), async (body) => {
  const answer = await fetch(`${url}/v1/batch/set`, { method: 'POST', headers, body });
  if (answer.status !== 200) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
});
