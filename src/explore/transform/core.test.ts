import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Build, BuildOptions } from './build.ts';
import { Host } from './host.ts';
import { instantiate } from './instantiate.ts';
import { drive, PassHooks } from './test-kit.ts';
import * as simplePool from '../../buffer/simple-pool.ts';
import * as getPage from '../../buffer/get-page.ts';
import * as mtr from '../../buffer/mtr.ts';
import * as flushPage from '../../buffer/flush-page.ts';
import * as validate from '../../buffer/validate.ts';
import * as clock from '../../layout/clock.ts';
import * as event from '../../sync/event.ts';
import * as mutex from '../../sync/mutex.ts';
import * as sxLock from '../../sync/sx-lock.ts';
import { BUF_POOL } from '../../layout/buffer.ts';
import { FETCH, RW } from '../../buffer/states.ts';
import { LATCH } from '../../sync/latch-meta.ts';
import { UNIV_PAGE_SIZE } from '../../storage/page.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const at = (path: string): string => `${ROOT}src/${path}`;

/** All run-time modules of a part of src. */
function modulesOf(part: string): string[] {
  return readdirSync(at(part))
    .filter((name) => name.endsWith('.ts') && !/\.test\.ts$|test-kit|build-dist/.test(name))
    .map((name) => at(`${part}/${name}`));
}

const ENTRY = [...['sync', 'buffer', 'memory'].flatMap(modulesOf), at('session/limits/thd-mem-cnt.ts')];

const API = { simplePool, getPage, mtr, flushPage, validate, clock, event, mutex, sxLock };
const FILES: Readonly<Record<keyof typeof API, string>> = {
  simplePool: at('buffer/simple-pool.ts'),
  getPage: at('buffer/get-page.ts'),
  mtr: at('buffer/mtr.ts'),
  flushPage: at('buffer/flush-page.ts'),
  validate: at('buffer/validate.ts'),
  clock: at('layout/clock.ts'),
  event: at('sync/event.ts'),
  mutex: at('sync/mutex.ts'),
  sxLock: at('sync/sx-lock.ts'),
};

/** Latches and pages, all that one thread can do without waiting: what came out, and the whole memory. */
function sequence(
  api: typeof API,
  storeBlocks = false,
): { readonly log: unknown[]; readonly mem: Int32Array } {
  const log: unknown[] = [];
  const call = <A extends readonly unknown[], R>(fn: (...args: A) => R, ...args: A): R => {
    try {
      const result = drive(fn, ...args) as R;
      log.push(typeof result === 'object' ? 'an object' : result);
      return result;
    } catch (e) {
      log.push(String(e));
      return undefined as R;
    }
  };
  const time = new api.clock.VirtualClock(1000);
  const config = {
    instances: 1,
    nStripes: 4,
    chunks: { bytes: 8 * UNIV_PAGE_SIZE, perInstance: 1 },
    oldBlocksPct: 37,
    nSpaces: 8,
    nThreads: 2,
  };
  // Where plain accesses suspend, what the pool calls must be able to.
  const made = <A extends readonly unknown[], R>(fn: (...args: A) => R): ((...args: A) => R) =>
    storeBlocks
      ? (function* (...args: A) {
          yield;
          return fn(...args);
        } as never)
      : fn;
  const plan = call(api.simplePool.makeSimplePool, { clock: time, config });
  const store = {
    read: made((space: number, page: number): null => {
      log.push(`read ${space}:${page}`);
      return null;
    }),
    write: made((space: number, page: number): void => {
      log.push(`write ${space}:${page}`);
    }),
  };
  const pool = call(api.simplePool.attachPool, plan, store);
  const thr = call(api.simplePool.attachPoolThread, plan, 0, time, { checked: true });
  const other = call(api.simplePool.attachPoolThread, plan, 1, time);
  const { mem } = pool;
  const lru = pool.instances[0].at + BUF_POOL.at.lruListMutex;
  call(api.mutex.mutexEnter, thr, lru);
  call(api.mutex.mutexTryEnter, other, lru);
  call(api.mutex.mutexExit, other, lru);
  call(api.mutex.mutexEnter, thr, lru);
  call(api.mutex.mutexExit, thr, lru);
  for (let n = 0; n < 40; n++) {
    const latch = [RW.s, RW.x, RW.sx, RW.none][n % 4];
    const mode = latch === RW.none ? FETCH.noLatch : n % 7 === 0 ? FETCH.ifInPool : FETCH.normal;
    const block = call(api.getPage.bufPageGet, thr, pool, 1, (n * 5) % 13, latch, mode);
    if (latch === RW.x && block !== 0) call(api.mtr.mtrSetModified, thr);
    if (block !== 0) call(api.mtr.mtrCommit, thr, pool);
    call(() => time.sleepUs(100_000));
    if (n % 9 === 8) call(api.flushPage.bufFlushSinglePageFromLru, thr, pool, pool.instances[0]);
  }
  call(api.validate.validateInstance, thr, pool, pool.instances[0], true);
  // Free words of the arena, where nothing else lies: the frames' first words.
  const lock = 64;
  call(api.sxLock.sxLockInit, mem, lock, LATCH.testSxLock);
  for (const step of [
    'sxSLock',
    'sxSUnlock',
    'sxSxLock',
    'sxXLock',
    'sxXUnlock',
    'sxSxUnlock',
    'sxXUnlock',
  ] as const) {
    call(api.sxLock[step], thr, lock);
  }
  call(api.event.eventInit, mem, lock + 32, false);
  call(api.event.eventSet, mem, lock + 32);
  call(api.event.eventReset, mem, lock + 32);
  call(api.event.eventWaitTime, thr, lock + 32, 0, 600_000);
  return { log, mem };
}

const host = new Host(ROOT);
const build = (o: Partial<BuildOptions> = {}): Build =>
  host.build({ entry: ENTRY, dialect: 'explore', plain: 'race', state: false, ...o });

describe('our own core', () => {
  let expected: ReturnType<typeof sequence>;
  beforeAll(() => {
    expected = sequence(API);
  });

  it('did something to compare with', () => {
    expect(expected.log.filter((x) => typeof x === 'string' && x.startsWith('read')).length).toBeGreaterThan(
      15,
    );
    expect(expected.log).toContainEqual(expect.stringMatching(/^write/));
    expect(expected.log).toContainEqual(expect.stringMatching(/released mutex/));
  });

  for (const o of [{}, { plain: 'dirty' }, { state: true }, { plain: 'all', state: true }] as const) {
    it(`does the same transformed: ${JSON.stringify(o)}`, async () => {
      const made = build(o);
      for (const suspend of [false, true]) {
        const hooks = new PassHooks(suspend);
        const instance = await instantiate(made, hooks);
        const api = Object.fromEntries(
          Object.entries(FILES).map(([name, file]) => [name, instance.exports(file)]),
        );
        const got = sequence(api as unknown as typeof API, 'plain' in o);
        expect(got.log).toEqual(expected.log);
        expect(got.mem.every((word, i) => word === expected.mem[i])).toBe(true);
        expect(hooks.log.length).toBeGreaterThan(1000);
      }
    });
  }

  it('keeps its lines', () => {
    for (const { file, code } of build().modules) {
      expect(code.split('\n').length, file).toBe(readFileSync(file, 'utf8').split('\n').length);
    }
  });

  it('pauses where it spins, and nowhere looks into what is opaque', () => {
    const { modules } = build();
    const code = modules.find((m) => m.file.endsWith('park-sites.ts'))?.code ?? '';
    expect(code).toMatch(
      /function\* spinAt\(latch , pauses \) +\{ \(\$x\.pause\(\d+\) && \(yield\), undefined\);/,
    );
    expect(code).toContain('.pause.bind(Atomics)');
  });

  it('changes in one file only: the sites of others stay, and so does what was made before', () => {
    const file = at('sync/mutex.ts');
    const text = readFileSync(file, 'utf8');
    const before = build();
    const mutant = build({ overlay: new Map([[file, text.replace('Atomics.notify(mem, at, 1);', ';')]]) });
    expect(mutant.fingerprint).not.toBe(before.fingerprint);
    expect(mutant.sites.length).toBe(before.sites.length - 1);
    expect(mutant.modules.find((m) => m.file === file)?.code).not.toContain('$x.notify');
    expect(build().modules).toEqual(before.modules);
    expect(build()).toBe(before);
  });

  it('is transformed fast', () => {
    const ms = (run: () => unknown): string => {
      const began = performance.now();
      run();
      return `${(performance.now() - began).toFixed(0)} ms`;
    };
    const cold = ms(() =>
      new Host(ROOT).build({ entry: ENTRY, dialect: 'explore', plain: 'race', state: false }),
    );
    const file = at('sync/mutex.ts');
    const text = readFileSync(file, 'utf8');
    const warm = [1, 2, 3].map((n) => ms(() => build({ overlay: new Map([[file, `${text}// ${n}\n`]]) })));
    // oxlint-disable-next-line no-console
    console.log(
      `transform of ${build().modules.length} modules: cold ${cold}, one file changed ${warm.join(', ')}`,
    );
  });
});
