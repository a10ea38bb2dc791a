/** What others offer, as contenders. Each is left out where this Node cannot have it. */
import { spawnSync } from 'node:child_process';
import * as workerThreads from 'node:worker_threads';
import type { Mutex as MtMutex, RwLock as MtRwLock } from 'multithreading';
import type { LatchContender } from './contender.ts';

/** The engine's own mutex, of a proposal at stage 2. */
interface V8Mutex {
  new (): object;
  lock(mutex: object, section: () => void): void;
}
type WithMutex = typeof Atomics & { readonly Mutex: V8Mutex };

interface LockManager {
  request(name: string, o: { mode: 'exclusive' | 'shared' }, section: () => void): Promise<void>;
}
const { locks } = workerThreads as { readonly locks?: LockManager };

const V8_FLAG = '--harmony-struct';

/** The flag must be there when the process starts, so another process has to be asked. */
function hasV8Mutex(): boolean {
  const { stdout } = spawnSync(process.execPath, [V8_FLAG, '-p', 'typeof Atomics.Mutex'], {
    encoding: 'utf8',
  });
  return stdout.trim() === 'function';
}

/** `multithreading` asks `navigator` for the number of cores when it is loaded. */
const missingMultithreading = (): string | null =>
  'navigator' in globalThis
    ? null
    : 'it cannot be loaded on a Node without a global navigator (21 and later have one)';

const newWord = (): SharedArrayBuffer => new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);

/** The only one: a worker thread of mortice keeps to the first name that it asked for. */
const MORTICE_NAME = 'latchlab';

export const RIVALS: readonly LatchContender[] = [
  {
    name: 'V8 Atomics.Mutex',
    origin: 'rival',
    kind: 'mutex',
    waits: 'blocking',
    execArgv: [V8_FLAG],
    missing: () => (hasV8Mutex() ? null : `this V8 has no Atomics.Mutex under ${V8_FLAG}`),
    make: () => new (Atomics as WithMutex).Mutex(),
    attach(mutex: object) {
      const { Mutex } = Atomics as WithMutex;
      const exclusive = (section: () => void): void => Mutex.lock(mutex, section);
      return { exclusive, shared: exclusive };
    },
  },
  {
    name: 'multithreading Mutex',
    origin: 'rival',
    kind: 'mutex',
    waits: 'blocking',
    missing: missingMultithreading,
    make: newWord,
    async attach(word: SharedArrayBuffer) {
      const { Mutex } = await import('multithreading');
      const mutex: MtMutex<undefined> = new Mutex(undefined, word);
      const exclusive = (section: () => void): void => {
        const guard = mutex.blockingLock();
        section();
        guard.dispose();
      };
      return { exclusive, shared: exclusive };
    },
  },
  {
    name: 'multithreading RwLock',
    origin: 'rival',
    kind: 'rw',
    waits: 'blocking',
    missing: missingMultithreading,
    make: newWord,
    async attach(word: SharedArrayBuffer) {
      const { RwLock } = await import('multithreading');
      const lock: MtRwLock<undefined> = new RwLock(undefined, word);
      return {
        exclusive(section) {
          const guard = lock.blockingWrite();
          section();
          guard.dispose();
        },
        shared(section) {
          const guard = lock.blockingRead();
          section();
          guard.dispose();
        },
      };
    },
  },
  {
    name: 'Web Locks',
    origin: 'rival',
    kind: 'rw',
    waits: 'async',
    // Two workers, 6,000 exclusive requests of one name: 1 to 63 overlapped, on 24.21 and 26.10.
    flaw: 'exclusive sections of two threads overlap, up to one in a hundred',
    missing: () =>
      locks === undefined ? 'this Node has no locks in node:worker_threads (24 and later have)' : null,
    make: (_threads, no) => `latchlab ${no}`,
    attach(name: string) {
      if (locks === undefined) throw new Error('no Web Locks');
      return {
        exclusive: (section) => locks.request(name, { mode: 'exclusive' }, section),
        shared: (section) => locks.request(name, { mode: 'shared' }, section),
      };
    },
  },
  {
    name: 'mortice',
    origin: 'rival',
    kind: 'rw',
    waits: 'async',
    single: true,
    missing: () =>
      'withResolvers' in Promise
        ? null
        : 'it needs Promise.withResolvers as soon as a lock is waited for (Node 22 and later)',
    async make() {
      // The lock itself is in the main thread, which workers ask by messages.
      const { default: mortice } = await import('mortice');
      mortice({ name: MORTICE_NAME });
      return MORTICE_NAME;
    },
    async attach(name: string) {
      const { default: mortice } = await import('mortice');
      const lock = mortice({ name });
      return {
        async exclusive(section) {
          const release = await lock.writeLock();
          section();
          release();
        },
        async shared(section) {
          const release = await lock.readLock();
          section();
          release();
        },
      };
    },
  },
];
