/** Each check must find what it is there for: a sound run, then one thing planted. */
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type Attached, attachEngine, createEngine, MAIN_SLOT, sessionAt } from '../../src/engine.ts';
import { BUF_BLOCK, LOG_SYS } from '../../src/layout/buffer.ts';
import { MEM_ROOT } from '../../src/layout/mem-root.ts';
import { PSI_THREAD } from '../../src/layout/psi.ts';
import { GLOBAL_CONN_MEM, SESSION, SESSION_STATE, THD } from '../../src/layout/session.ts';
import { setU53 } from '../../src/layout/words.ts';
import { MEM_KEY } from '../../src/memory/psi/psi-keys.ts';
import { psiMemoryAlloc } from '../../src/memory/psi/psi.ts';
import { utAllocate, utDeallocate } from '../../src/memory/ut/ut-allocator.ts';
import type { SessionResult } from '../../src/session/program/program.ts';
import { sessionResult } from '../../src/session/session-result.ts';
import { COUNTER_OFFSET, SECTOR_BYTES } from '../../src/storage/counter-page.ts';
import { dataFileName, prepareDataDir, verifyDataDir } from '../../src/storage/data-dir.ts';
import { LOG_START_LSN, stampPage, UNIV_PAGE_SIZE } from '../../src/storage/page.ts';
import { mutexEnter } from '../../src/sync/mutex.ts';
import { sxSLock } from '../../src/sync/sx-lock.ts';
import { THREAD_KIND } from '../../src/sync/thread.ts';
import { damage, plan, Scratch, TINY } from '../test-kit.ts';
import { checkClosed, checkConnectionMemory, checkFiles, checkPool, type Verdict } from './verdict.ts';
import { checkEnds, checkSeats } from './verdict-sessions.ts';

const scratch = new Scratch();
const dataDir = scratch.file('data');
afterAll(() => scratch.remove());

let a: Attached;
let mem: Int32Array;

beforeEach(async () => {
  const planned = await plan(...TINY, '--data-size=1M', '--sessions=3', `--data=${dataDir}`, '--fault-ppm=0');
  fs.rmSync(dataDir, { recursive: true, force: true });
  const share = createEngine(planned.run.engine);
  const { tablespaces, pagesPerSpace, seed } = share.config;
  prepareDataDir({ dir: dataDir, tablespaces, pagesPerSpace, seed });
  mem = new Int32Array(share.buffer);
  verifyDataDir(dataDir, {
    onPage: (space, pageNo, counter) => {
      mem[share.plan.ledger + (space - 1) * pagesPerSpace + pageNo] = counter;
    },
  });
  a = attachEngine(share, MAIN_SLOT, THREAD_KIND.main, 0);
  // With nothing planted, all holds.
  expect(violations()).toEqual([]);
});

const verdicts = (): Verdict[] => [
  checkConnectionMemory(a.share, 'open'),
  checkConnectionMemory(a.share, 'closed'),
  ...checkPool(a),
  ...checkClosed(a),
  ...checkSeats(a),
  checkFiles(a.share),
];
const violations = (): string[] => verdicts().flatMap((v) => v.violations);
const thd = (session: number): number => a.share.plan.thds + session * THD.words;
const file = (space: number): string => join(dataDir, dataFileName(space));

describe('connection memory', () => {
  it('a session’s share that the global counter does not have', () => {
    setU53(mem, thd(1) + THD.at.globMemCounter, 8192);
    expect(checkConnectionMemory(a.share, 'open').violations).toEqual([
      'sessions have reserved 8192 bytes, the global counter says 0',
    ]);
  });

  it('a global counter that is not 0 after all have closed, though the sum is right', () => {
    setU53(mem, thd(1) + THD.at.globMemCounter, 8192);
    setU53(mem, a.share.plan.globalConnMem + GLOBAL_CONN_MEM.at.counter, 8192);
    expect(checkConnectionMemory(a.share, 'open').violations).toEqual([]);
    expect(checkConnectionMemory(a.share, 'closed').violations).toEqual([
      'after all sessions closed: 8192 bytes reserved, global counter 8192',
    ]);
  });
});

describe('seats', () => {
  const seat = (session: number): number => sessionAt(a.share.plan, session);

  it.each([
    ['running', SESSION_STATE.running],
    ['idle', SESSION_STATE.idle],
    ['queued', SESSION_STATE.queued],
  ])('one that is still %s', (name, state) => {
    mem[seat(2) + SESSION.at.state] = state;
    expect(violations()).toEqual([`session 2 is ${name}`]);
    mem[seat(2) + SESSION.at.state] = SESSION_STATE.ended;
    expect(violations()).toEqual([]);
  });

  it('one whose THD still has a connection, killed or not', () => {
    mem[thd(1) + THD.at.sessionId] = 5;
    expect(violations()).toEqual(['session 1 has connection 5']);
    mem[thd(1) + THD.at.killed] = 1317;
    expect(violations()).toEqual(['session 1 has connection 5, killed with 1317']);
  });

  it('one with a command, a counter, or the Performance Schema’s thread', () => {
    mem[thd(0) + THD.at.command] = 7;
    mem[thd(1) + THD.at.enabled] = 1;
    setU53(mem, thd(2) + THD.at.memCounter, 100);
    const psi = a.share.plan.psi.threads + (mem[thd(2) + THD.at.psiId] - 1) * PSI_THREAD.words;
    mem[psi + PSI_THREAD.at.state] = 1;
    expect(checkSeats(a).flatMap((v) => v.violations)).toEqual([
      'session 0 is in its command 7',
      `session 2 still has PSI_THREAD ${mem[thd(2) + THD.at.psiId]}`,
      'session 1: its memory counter is on',
      'session 2: memCounter is 100',
    ]);
  });

  it.each(['netBuff', 'packet', 'value', 'sortKeys', 'tempTable', 'userVars', 'preparedStatements'] as const)(
    'one whose %s was forgotten',
    (name) => {
      mem[thd(1) + THD.at[name]] = 4711;
      expect(violations()).toEqual([`session 1: ${name} @4711 was not freed`]);
    },
  );

  it('one whose main_mem_root has a block', () => {
    mem[thd(1) + THD.at.mainMemRoot + MEM_ROOT.at.currentBlock] = 4711;
    expect(violations()).toEqual(['session 1: main_mem_root still has a block']);
  });
});

describe('ends of sessions', () => {
  const result = (change: Partial<SessionResult>): SessionResult => ({
    ...sessionResult(mem, sessionAt(a.share.plan, 1), {
      session: 1,
      node: 0,
      name: 'mixed',
      program: 0,
      privileges: 0,
      transactions: 0,
    }),
    connections: 1,
    ...change,
  });
  const found = (change: Partial<SessionResult>, reconnect = false, kills = 0): readonly string[] => {
    mem[thd(1) + THD.at.kills] = kills;
    return checkEnds(a, [result(change)], reconnect).violations;
  };
  const killed = { code: 4082, text: 'Connection closed.' };

  it('hold when who was ended met the error', () => {
    expect(found({})).toEqual([]);
    mem[sessionAt(a.share.plan, 1) + SESSION.at.endedBy] = 4082;
    expect(found({ killed, errors: { 4082: 1 } })).toEqual([]);
    expect(found({ killed, errors: { 4082: 3 }, connections: 3 }, true)).toEqual([]);
  });

  it('of an error that the session never met, or that its seat does not know', () => {
    expect(found({ killed })).toEqual([
      'session 1 was ended by error 4082, which it never met',
      'session 1: its seat says ended by 0, its client 4082',
    ]);
  });

  it('by a KILL, when there was none', () => {
    expect(found({ errors: { 1317: 2 } }, false, 2)).toEqual([]);
    expect(found({ errors: { 1317: 2 } }, false, 1)).toEqual([
      '2 statements and connections were interrupted, by 1 KILLs',
    ]);
  });

  it('more often than it had connections, or again without reconnecting', () => {
    expect(found({ errors: { 4081: 1, 4082: 1 } }, true)).toEqual([
      'session 1: 2 connections were ended by errors, and it had 1',
    ]);
    expect(found({ errors: { 4082: 2 }, connections: 2 })).toEqual([
      'session 1: 2 connections were ended by errors, without reconnecting',
    ]);
  });
});

describe('memory', () => {
  it('a block that nobody gave back', () => {
    const p = utAllocate(a.thr, a.alloc, 100, MEM_KEY.stringValue, false, false);
    expect(violations()).toEqual(['1 blocks are live after all sessions closed']);
    utDeallocate(a.thr, a.alloc, p);
    expect(violations()).toEqual([]);
  });

  it('an account that is out by one', () => {
    psiMemoryAlloc(a.thr, a.env.psi, MEM_KEY.stringValue, 32);
    expect(violations()).toEqual([
      'memory/sql/String::value: 1 blocks of 32 bytes by the accounts, 0 of 0 bytes live',
    ]);
  });
});

describe('latches', () => {
  it.each([
    ['log_sn_mutex', () => a.share.plan.pool.logSys + LOG_SYS.at.snMutex],
    ['log_closer_mutex', () => a.share.plan.pool.logSys + LOG_SYS.at.closerMutex],
    ['LOCK_global_conn_mem_limit', () => a.share.plan.globalConnMem],
    ['LOCK_thd_data of session 2', () => thd(2) + THD.at.dataMutex],
  ])('%s, held', (name, at) => {
    mutexEnter(a.thr, at());
    expect(violations()).toEqual(['thread 1 holds a latch', `${name} is held (word 2)`]);
  });

  it('a mutex whose owner has forgotten it', () => {
    mem[a.share.plan.pool.logSys + LOG_SYS.at.snMutex] = 6;
    expect(violations()).toEqual(['log_sn_mutex is held (word 6)']);
  });

  it('an open mini-transaction', () => {
    mem[a.thr.memo] = 1;
    expect(violations()).toEqual(['thread 1 has an open mini-transaction']);
  });

  it.each([
    ['the LRU list mutex', () => mutexEnter(a.thr, a.pool.instances[0].lruListMutex), /LRU|lru/],
    ['a stripe', () => sxSLock(a.thr, a.pool.instances[0].stripe(5)), /stripe|page.?hash/i],
    [
      'a frame',
      () => sxSLock(a.thr, a.pool.instances[0].chunks[0].blocks + BUF_BLOCK.at.lock),
      /lock word \d+ at rest/,
    ],
  ])('%s of the pool, held', (_, hold, message) => {
    hold();
    const found = checkPool(a).flatMap((v) => v.violations);
    expect(found).not.toEqual([]);
    expect(found[0]).toMatch(message);
  });
});

it('a block of the pool whose fix count was forgotten', () => {
  mem[a.pool.instances[0].chunks[0].blocks + BUF_BLOCK.at.fixCount] = 1;
  expect(
    checkPool(a)
      .flatMap((v) => v.violations)
      .join('\n'),
  ).toMatch(/has fix count 1/);
});

describe('files', () => {
  it('a lost update: the ledger knows of one more', () => {
    const at = a.share.plan.ledger + a.share.config.pagesPerSpace + 4;
    const before = mem[at]++;
    expect(checkFiles(a.share).violations).toEqual([
      `space 2, page 4: ${before} on disk, raised to ${before + 1}`,
    ]);
  });

  it('a torn page whose checksum is right', () => {
    const bytes = fs.readFileSync(file(1));
    bytes[3 * UNIV_PAGE_SIZE + 7 * SECTOR_BYTES + COUNTER_OFFSET]++;
    stampPage(bytes, 3 * UNIV_PAGE_SIZE, LOG_START_LSN);
    fs.writeFileSync(file(1), bytes);
    expect(checkFiles(a.share).violations).toEqual([
      expect.stringMatching(
        /lab_0001\.ibd: page 3: copies of the counter differ: sectors 0-6 hold \d+, sector 7/,
      ),
    ]);
  });

  it('a byte that changed on disk', () => {
    damage(file(2), [9]);
    expect(checkFiles(a.share).violations).toEqual([
      expect.stringMatching(/lab_0002\.ibd: page 9: wrong checksum/),
    ]);
  });

  it('a page in another one’s place, and a file that is gone', () => {
    const bytes = fs.readFileSync(file(1));
    bytes.copy(bytes, 5 * UNIV_PAGE_SIZE, 6 * UNIV_PAGE_SIZE, 7 * UNIV_PAGE_SIZE);
    fs.writeFileSync(file(1), bytes);
    expect(checkFiles(a.share).violations).toEqual([expect.stringMatching(/lab_0001\.ibd: page 5: /)]);
    fs.rmSync(file(1));
    expect(checkFiles(a.share).violations).toEqual([expect.stringMatching(/lab_0001\.ibd: cannot open/)]);
  });
});
