/// <reference lib="esnext.disposable" />

/** The function that the vendor's clients call for every request: `globalThis.__forge_fetch__`. */
export type ForgeFetch = (target: unknown, path: string, options?: RequestInit) => Promise<Response>;

/** The store to use: that of an installation, or by default that of the token, if any. */
export interface StoreOptions {
  /** The id of an installation. Only without a token: a token opens its own store. */
  installation?: string;
}

export interface ConnectOptions {
  /** A token that the emulator accepts. */
  token?: string;
  /** Its admin token, if it has one: `reset` and `admin` need it. */
  adminToken?: string;
}

export interface StartOptions {
  /** The program, with its first arguments. By default the variable KVSCTL, else `kvsctl`. */
  command?: string | string[];
  /** The port to listen on. By default 0: a free one. */
  port?: number;
  /** A SQLite file that keeps the records. By default they are in memory. */
  db?: string;
  /** The app's manifest.yml, whose entities, types and indexes are enforced. */
  manifest?: string;
  /** Files of JSON Lines whose records are loaded first. */
  seed?: string | string[];
  /** Accept only callers with this token. It opens the store of the installation `default`. */
  token?: string;
  /** Accept only callers with this token in `/_emulator/`. `reset` and `admin` send it. */
  adminToken?: string;
  /** Faults to inject, such as `seed=7,429=0.05`. */
  faults?: string;
  /** More options of `kvsctl serve`. */
  args?: string[];
  /** The folder to run in, and the environment. By default those of this process. */
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Called with each line that the emulator logs. `args: ['--verbose']` logs each request. */
  onLog?: (line: string) => void;
  /** How long it may take to start. By default 60 000 ms. */
  startTimeoutMs?: number;
  /** How long it may take to stop before it is killed. By default 15 000 ms. */
  stopTimeoutMs?: number;
  /** Aborts the start. */
  signal?: AbortSignal;
}

export type EmulatorErrorCode =
  /** An option is unknown, the URL is not an http URL, or `cwd` is not a folder. */
  | 'INVALID_OPTION'
  /** There is no such program, or it cannot be run. */
  | 'KVSCTL_NOT_FOUND'
  /** The program is not kvsctl, or too old. */
  | 'KVSCTL_WRONG_VERSION'
  /** Another program listens on the port. */
  | 'PORT_IN_USE'
  /** It ended before it accepted requests; the message says why. */
  | 'START_FAILED'
  | 'START_TIMEOUT'
  /** A request after the emulator has ended. */
  | 'NOT_RUNNING'
  /** Nothing answers at the URL; the message says why. */
  | 'UNREACHABLE'
  /** A request to `/_emulator/` was refused. */
  | 'REFUSED'
  /** A request of a vendor's client that is not for a key-value store. */
  | 'NOT_EMULATED';

export declare class EmulatorError extends Error {
  constructor(code: EmulatorErrorCode, message: string, options?: ErrorOptions);
  readonly code: EmulatorErrorCode;
}

/** A connection to a running emulator. */
export declare class Connection {
  constructor(url: string, options?: ConnectOptions);
  /** The base URL, without a slash at its end. */
  readonly url: string;
  /** Return the headers that open a store, for requests without the vendor's client. */
  headers(options?: StoreOptions): Record<string, string>;
  /** Return a function to call as `__forge_fetch__`. */
  fetchOf(options?: StoreOptions): ForgeFetch;
  /**
   * Set `globalThis.__forge_fetch__`, so that `@forge/kvs` reaches this emulator. Call the returned
   * function to restore the previous value. If several emulators are used, the last one answers.
   * What is put there later, such as a spy around it, stays there until it is removed.
   */
  use(options?: StoreOptions): () => void;
  /**
   * Call `work` and return its result. Requests that `work` makes reach this emulator, even while
   * other functions run against other emulators.
   */
  run<T>(work: () => T | Promise<T>, options?: StoreOptions): Promise<T>;
  /** Delete all records, or those of the installation with this id. */
  reset(installation?: string): Promise<void>;
  /**
   * Send a request to `/_emulator/ACTION`, and return the JSON of its answer. `export` returns
   * JSON Lines as a string, and `import` takes them as a string or bytes.
   */
  admin(method: 'GET' | 'POST', action: string, body?: unknown): Promise<any>;
}

/** An emulator in a process of its own, which ends with this process at the latest. */
export declare class Emulator extends Connection implements AsyncDisposable {
  private constructor();
  readonly pid: number;
  readonly port: number;
  /** The version of kvsctl. */
  readonly version: string;
  /** Stop it. Resolves once it has ended, also when called again. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Start an emulator. Resolves once it accepts requests; rejects with an `EmulatorError`. */
export declare function startEmulator(options?: StartOptions): Promise<Emulator>;

/** Return a connection to a running emulator. Throws an `EmulatorError`. */
export declare function connectEmulator(url: string, options?: ConnectOptions): Connection;
