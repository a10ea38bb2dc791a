import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createEngine, type EngineShare } from '../../src/engine.ts';
import { POOL_STAT } from '../../src/layout/buffer.ts';
import { GLOBAL_CONN_MEM } from '../../src/layout/session.ts';
import { CONTROL } from '../../src/layout/thread.ts';
import { setU53 } from '../../src/layout/words.ts';
import type { Sample } from '../../src/observe/sample.ts';
import type { WaitForSnapshot } from '../../src/observe/wait-snapshot.ts';
import { type LiveFrame, liveLine, renderLive } from './live-text.ts';
import { LiveView } from './live.ts';
import type { RunLength } from './progress.ts';
import { NO_SESSIONS, type SessionTotals } from '../runner/session-totals.ts';
import { plan, TINY } from '../test-kit.ts';

const MIB = 2 ** 20;

/** Two seconds later. */
const SESSIONS_NOW: SessionTotals = {
  connected: 998,
  connections: 1010,
  transactions: 1200,
  read: 16_800,
  write: 4800,
  other: 2400,
  errors: 25,
  reconnects: 10,
};
const BEFORE: Sample = {
  atMs: 1000,
  statements: 1000,
  pageGets: 5000,
  pagesRead: 2000,
  pagesWritten: 10,
  waitUs: { lruList: 500_000, pageHash: 0, block: 99_000_000, flushList: 0 },
  contended: {},
  pages: 4096,
  free: 100,
  lru: 4000,
  old: 1500,
  dirty: 20,
  osMemoryBytes: [0, 0],
  connectionMemory: 0,
};
/** Two seconds later. */
const NOW: Sample = {
  ...BEFORE,
  atMs: 3000,
  statements: 25_000,
  pageGets: 45_000,
  pagesRead: 3000,
  pagesWritten: 510,
  waitUs: { lruList: 8_500_000, pageHash: 9_000, block: 99_000_000, flushList: 0 },
  free: 0,
  lru: 4096,
  old: 1536,
  dirty: 1024,
  osMemoryBytes: [16 * MIB, 32 * MIB],
  connectionMemory: 4 * MIB,
};
const LATCH = { instrument: 'wait/synch/sxlock/innodb/hash_table_locks', place: 'buf_pool[1].page_hash' };
const WAITS: WaitForSnapshot = {
  atMs: 3000,
  threads: [
    {
      who: 'session 3',
      node: 1,
      op: 'bufPageGet',
      waitsFor: { ...LATCH, mode: 'S', waitedMs: 12, asleep: true, heldBy: ['page cleaner 0'] },
      holds: [],
    },
    { who: 'page cleaner 0', node: 0, op: 'bufFlushLruBatch', waitsFor: null, holds: [] },
  ],
  cycles: [],
};
const FRAME: LiveFrame = {
  facts: {
    title: 'default: 8 sessions',
    threads: 8,
    osMemoryLimits: [64 * MIB, 64 * MIB],
    connectionMemoryLimit: 16 * MIB,
  },
  stage: 'running, 3 of 10 s',
  before: BEFORE,
  now: NOW,
  sessionsBefore: NO_SESSIONS,
  sessionsNow: SESSIONS_NOW,
  waits: WAITS,
};
const TERMINAL = { columns: 80, rows: 40 };

describe('the picture', () => {
  it('has rates, waits by latch class, who waits, the pool and memory', () => {
    expect(renderLive(FRAME, TERMINAL).split('\n')).toEqual([
      'default: 8 sessions; running, 3 of 10 s',
      '  transactions/s 600        queries/s 12,000          connected 998',
      '  gets/s 20,000             hit ratio 97.50 %         errors/s 13',
      '  pages read/s 500          written/s 250             reconnects/s 5',
      'Waits, ms per second (full bar: 8,000, as if every thread did nothing else)',
      // Half of the time of all sessions: half a bar. Little is not nothing; what has ended is still there.
      `  buf_pool_LRU_list_mutex     ${'█'.repeat(15)}▌               ${'4,000'.padStart(19)}`,
      `  hash_table_locks            ▏                              ${'4.5'.padStart(19)}`,
      `  buffer_block_mutex          ${' '.repeat(31)}${'0'.padStart(19)}`,
      'Threads waiting now: 1, the longest:',
      '  session 3: 12 ms for hash_table_locks S, held by page cleaner 0; buf_pool[1].p',
      'Buffer pool, 4,096 pages',
      `  LRU, young                  ${'█'.repeat(19)}▍           ${'2,560'.padStart(19)}`,
      `  LRU, old                    ${'█'.repeat(11)}▋                   ${'1,536'.padStart(19)}`,
      `  free                        ${' '.repeat(31)}${'0'.padStart(19)}`,
      `  dirty                       ${'█'.repeat(7)}▊                       ${'1,024'.padStart(19)}`,
      'Memory, MiB',
      `  node 0                      ${'█'.repeat(7)}▊                       ${'16.0 of 64.0'.padStart(19)}`,
      `  node 1                      ${'█'.repeat(15)}▌               ${'32.0 of 64.0'.padStart(19)}`,
      `  connections                 ${'█'.repeat(7)}▊                       ${'4.00 of 16.0'.padStart(19)}`,
    ]);
  });

  it('never exceeds the terminal, and keeps what fits from the top', () => {
    for (let columns = 1; columns <= 200; columns++) {
      for (const rows of [1, 2, 10, 24, 50]) {
        const lines = renderLive(FRAME, { columns, rows }).split('\n');
        expect(Math.max(...lines.map((l) => l.length))).toBeLessThanOrEqual(columns);
        expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
        expect(lines[0]).toBe('default: 8 sessions; running, 3 of 10 s'.slice(0, columns));
      }
    }
    // Without room for bars worth the name the figures remain.
    for (const columns of [40, 52]) {
      expect(renderLive(FRAME, { columns, rows: 40 })).toContain('\n  buf_pool_LRU_list_mutex: 4,000\n');
    }
  });

  it('shows no rate where there is none: no time, no gets, no limit, nobody waiting', () => {
    const { facts } = FRAME;
    const still: LiveFrame = {
      ...FRAME,
      now: BEFORE,
      sessionsNow: NO_SESSIONS,
      waits: null,
      facts: { ...facts, connectionMemoryLimit: null },
    };
    const text = renderLive(still, TERMINAL);
    expect(text).toMatch(/transactions\/s 0 +queries\/s 0 +connected 0\n +gets\/s 0 +hit ratio - /);
    expect(text).toContain('Threads waiting now: 0\n');
    expect(text).toMatch(/connections +0\.00 no limit$/);
    expect(text).not.toMatch(/NaN|Infinity/);
    const fresh = { ...BEFORE, waitUs: { lruList: 0 } };
    expect(renderLive({ ...still, before: fresh, now: fresh }, TERMINAL)).toContain('\n  none so far\n');
  });
});

it('the line has the same labels always, and values without blanks', () => {
  const line = liveLine(FRAME, 3);
  expect(line).toBe(
    '[ 3s ] thds: 8 conns: 998 tps: 600.00 qps: 12000.00 (r/w/o: 8400.00/2400.00/1200.00) err/s: 12.50 ' +
      'reconn/s: 5.00 gets/s: 20000 hit%: 97.50 reads/s: 500 writes/s: 250 wait_ms/s: 4005 ' +
      'by_latch: buf_pool_LRU_list_mutex=4000,hash_table_locks=5,buffer_block_mutex=0 ' +
      'young: 2560 old: 1536 free: 0 dirty: 1024 os_mib: 16.0,32.0 conn_mib: 4.00 ' +
      'waiting: 1 longest: session_3/hash_table_locks/12ms',
  );
  const labels = (text: string): string[] => text.match(/\S+(?=: \S)/g) ?? [];
  const still = liveLine({ ...FRAME, now: BEFORE, before: BEFORE, waits: null }, -1);
  expect(still).toMatch(/hit%: - .* waiting: 0 longest: -$/);
  expect(labels(still)).toEqual(labels(line));
  expect(labels(line)).toHaveLength(21);
});

describe('the view', () => {
  /** The terminal's "erase this line, go to the one above", as a pattern. */
  const ERASE_UP = String.raw`\x1b\[2K\x1b\[1A`;

  async function shown(
    terminal: object,
    show: (view: LiveView, share: EngineShare) => void,
    length: RunLength = { seconds: 9, warmupSeconds: 2, traceLength: 0 },
  ): Promise<string> {
    const { run } = await plan(...TINY, '--sessions=2', '--global-connection-memory-limit=16M');
    const share = createEngine(run.engine);
    let text = '';
    const out = new Writable({
      write(chunk: Buffer, _, done) {
        text += chunk.toString();
        done();
      },
    });
    show(new LiveView('tiny', length, Object.assign(out, terminal)), share);
    return text;
  }
  const all = (view: LiveView, share: EngineShare): void => {
    view.preparing(1, 2);
    view.started(share);
    view.tick(share, -1000);
    view.tick(share, 3000);
    view.phase('writing out dirty pages');
    view.verifying(1, 2);
    view.note('stopping');
    view.done();
  };

  it('is a line a second where there is no terminal, and nothing else', async () => {
    const lines = (await shown({}, all)).split('\n');
    expect(lines).toEqual([
      expect.stringMatching(/^\[ -1s \] thds: 2 .* gets\/s: 0 .* free: 320 /),
      expect.stringMatching(/^\[ 3s \] thds: /),
      '',
    ]);
    // A terminal that does not know its size is none.
    expect(await shown({ isTTY: true, columns: 0, rows: 0 }, all)).toMatch(/^\[ -1s \]/);
  });

  it('is drawn over on a terminal, and taken away in the end', async () => {
    const text = await shown({ isTTY: true, columns: 80, rows: 30 }, all);
    expect(text).toContain('filling data files: 1 of 2\n');
    expect(text).toContain('tiny: 2 sessions, 2 threads, 1 node, 1 instance; warming up, 1 of 2 s\n');
    expect(text).toContain('running, 3 of 9 s\n');
    expect(text).toMatch(/connections +0\.00 of 16\.0\n/);
    expect(text).toMatch(/node 0 +[▏▎▍▌▋]? +0\.\d\d of 8\.00\n/);
    expect(text).toContain('writing out dirty pages\n');
    const [, after] = text.split('verifying pages: 1 of 2\n');
    expect(after).toMatch(new RegExp(`${ERASE_UP}[^]*stopping\\n`));
  });

  it('has the rates of the last second, not of the whole run', async () => {
    const text = await shown({}, (view, share) => {
      view.started(share);
      new Int32Array(share.buffer)[share.plan.pool.stats + POOL_STAT.at.pageGets] = 1000;
      view.tick(share, 1000);
      view.tick(share, 2000);
    });
    expect(text).toMatch(/^\[ 1s \] thds: 2 .* gets\/s: [1-9]\d* hit%: 100.00 /);
    expect(text).toMatch(/\n\[ 2s \] thds: 2 .* gets\/s: 0 hit%: - /);
  });

  it('has the limit of connection memory as it is now', async () => {
    const text = await shown({ isTTY: true, columns: 80, rows: 30 }, (view, share) => {
      view.started(share);
      view.tick(share, 1000);
      const limit = share.plan.globalConnMem + GLOBAL_CONN_MEM.at.limit;
      setU53(new Int32Array(share.buffer), limit, 32 * MIB);
      view.tick(share, 2000);
    });
    const [before, after] = text.split('running, 2 of 9 s');
    expect(before).toMatch(/connections +0\.00 of 16\.0\n/);
    expect(after).toMatch(/connections +0\.00 of 32\.0\n/);
  });

  it('says on a terminal which chunk size is measured after the run', async () => {
    const chunks = (view: LiveView): void => view.chunks(3, 24, '8912');
    expect(await shown({ isTTY: true, columns: 80, rows: 30 }, chunks)).toContain(
      'measuring chunk sizes: 3 of 24, 8912\n',
    );
    expect(await shown({}, chunks)).toBe('');
  });

  it('counts requests where the run goes to the end of a trace', async () => {
    const replay = { seconds: 0, warmupSeconds: 0, traceLength: 5000 };
    const show = (view: LiveView, share: EngineShare): void => {
      new Int32Array(share.buffer)[share.plan.runtime.control + CONTROL.at.traceCursor] = 1234;
      view.started(share);
      view.tick(share, 1000);
    };
    const text = await shown({ isTTY: true, columns: 100, rows: 30 }, show, replay);
    expect(text).toContain('; replaying, 1,234 of 5,000 requests\n');
  });
});
