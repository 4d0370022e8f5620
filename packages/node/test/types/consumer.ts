// A consumer in TypeScript. It compiles only if each line marked as an error is one.

import {
  connectEmulator,
  Connection,
  Emulator,
  EmulatorError,
  startEmulator,
  type EmulatorErrorCode,
  type ForgeFetch,
  type StartOptions,
} from 'kvsctl-emulator';

export const options: StartOptions = {
  ...{ command: ['uv', 'run', 'kvsctl'], port: 0, db: 'a.db', seed: ['a.jsonl'], token: 't' },
  ...{ manifest: 'manifest.yml', faults: '429=0.1', args: ['--quotas'], cwd: '.', env: {}, adminToken: 'a' },
  ...{ onLog: (line: string) => void line, startTimeoutMs: 1, stopTimeoutMs: 1 },
  signal: AbortSignal.timeout(60_000),
};

export async function main(): Promise<number> {
  await using emulator: Emulator = await startEmulator();
  const connection: Connection = connectEmulator(emulator.url, { token: 't', adminToken: 'a' });
  const fetch: ForgeFetch = connection.fetchOf({ installation: 'one' });
  const response: Response = await fetch({ type: 'kvs' }, '/api/v1/query', { method: 'POST', body: '{}' });
  const stopUsing: () => void = emulator.use();
  stopUsing();
  const found: string = await emulator.run(() => response.text());
  const headers: Record<string, string> = emulator.headers();
  await emulator.admin('POST', 'clock', { now: found.length });
  await emulator.reset();
  await emulator.reset('one');
  await emulator.admin('POST', 'import', await emulator.admin('GET', 'export'));
  console.log(`${emulator.url} ${emulator.version} ${Object.keys(headers).length}`);
  return emulator.pid + emulator.port + response.status;
}

export function codeOf(error: unknown): EmulatorErrorCode | undefined {
  return error instanceof EmulatorError ? error.code : undefined;
}

export const wrong = async (emulator: Emulator): Promise<void> => {
  // @ts-expect-error a port is a number
  await startEmulator({ port: '0' });
  // @ts-expect-error there is no such option
  await startEmulator({ ports: 0 });
  // @ts-expect-error an installation is named by its id
  await emulator.reset({ installation: 'one' });
  // @ts-expect-error only startEmulator makes one
  new Emulator();
  // @ts-expect-error it does not change
  emulator.url = 'x';
  // @ts-expect-error there is no such code
  new EmulatorError('NONE', 'x');
};

void main().then(() => console.log('stopped'));
