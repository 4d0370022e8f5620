// The code that both Node scripts share: no checks, no order, no retries. Lines are sent unchanged.
import { readFileSync } from 'node:fs';

const BATCH = 25;

/** Sends the file's lines by `post(body)`, `connections` at a time; prints how many were named. */
export async function sendAll(path, connections, post) {
  const lines = readFileSync(path, 'latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  let next = 0;
  let named = 0;
  const send = async () => {
    while (next < lines.length) {
      const batch = lines.slice(next, (next += BATCH));
      const answer = await post('[' + batch.join(',') + ']');
      if (answer.failedKeys.length) throw new Error('failed keys');
      named += answer.successfulKeys.length;
    }
  };
  await Promise.all(Array.from({ length: connections }, send));
  console.log(named);
}
