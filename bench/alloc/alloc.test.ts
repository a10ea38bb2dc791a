import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/layout/rng.ts';
import { NIL } from '../../src/layout/schema.ts';
import { COMMON_OPTIONS } from '../core/options.ts';
import { FORMAT, type ResultFile, type Row } from '../core/row.ts';
import { aRow } from '../core/test-kit.ts';
import { concludeAlloc } from './conclude.ts';
import { CONTENDERS, type ContenderName, fits, makeContender } from './contenders.ts';
import { renderCurves } from './curves.ts';
import { AllocCase, allocFamily } from './family.ts';
import { firstFitAlloc, firstFitFree, firstFitFreeWords, firstFitInit } from './first-fit.ts';
import { allocDefects, attachAllocThread, liveBlocks, makeAllocPlan } from './plan.ts';
import { type AllocContender, fillRing, runPairs } from './run.ts';
import { allocTable } from './table.ts';
import { taggedAlloc, taggedFree, taggedListInit, taggedListWords } from './tagged-list.ts';

const NAMES = Object.keys(CONTENDERS) as ContenderName[];
const SIZES = [8, 512, 65_536];

describe('every contender', () => {
  it.each(NAMES)('%s: live blocks do not overlap, and nothing is left', (name) => {
    for (const bytes of SIZES.filter((size) => fits(name, size))) {
      const plan = makeAllocPlan(2, bytes);
      const c = makeContender(name, plan, 1, bytes) as AllocContender<unknown>;
      const ring = fillRing(c, bytes);
      expect(ring).toHaveLength(liveBlocks(bytes));
      runPairs(c, ring, bytes, 2000);
      // Arenas, and the limit, come round again.
      if (!['mem_heap', 'MEM_ROOT', 'bump'].includes(name)) expect(new Set(ring).size).toBe(ring.length);
      for (const block of ring) c.free(block);
      c.close?.();
      expect(allocDefects(plan)).toEqual([]);
    }
  });

  it('a block that is not freed is found', () => {
    const plan = makeAllocPlan(1, 64);
    fillRing(makeContender('malloc', plan, 0, 64) as AllocContender<number>, 64);
    expect(allocDefects(plan)).toEqual(['64 blocks are live']);
  });
});

describe('the first-fit list', () => {
  const WORDS = 4096;

  it('splits, joins with both neighbours, and ends as one block', () => {
    const plan = makeAllocPlan(1, 64);
    const { thr } = attachAllocThread(plan, 0);
    const { mem } = thr;
    const at = plan.firstFit;
    firstFitInit(mem, at, WORDS);
    const all = firstFitFreeWords(mem, at);
    const rng = new Rng(3, 1);
    const live = new Map<number, number>();
    for (let i = 0; i < 5000; i++) {
      if (live.size > 0 && rng.below(2) === 0) {
        const p = [...live.keys()][rng.below(live.size)];
        const words = live.get(p) ?? 0;
        if (mem.subarray(p, p + words).some((word) => word !== p))
          throw new Error(`@${p} has a second owner`);
        firstFitFree(thr, at, p);
        live.delete(p);
      } else {
        const bytes = 8 * (1 + rng.below(40));
        const p = firstFitAlloc(thr, at, bytes);
        if (p === NIL) continue;
        mem.fill(p, p, p + bytes / 4);
        live.set(p, bytes / 4);
      }
    }
    for (const p of live.keys()) firstFitFree(thr, at, p);
    expect(firstFitFreeWords(mem, at)).toEqual(all);
    expect(all.blocks).toBe(1);
    expect(firstFitAlloc(thr, at, WORDS * 4)).toBe(NIL);
  });
});

describe('the lock-free list', () => {
  it('hands out each block once, and says when there is none', () => {
    const mem = new Int32Array(taggedListWords(10, 24));
    taggedListInit(mem, 0, 10, 24);
    for (let round = 0; round < 3; round++) {
      const blocks = Array.from({ length: 10 }, () => taggedAlloc(mem, 0));
      expect(new Set(blocks).size).toBe(10);
      expect(blocks).not.toContain(NIL);
      expect(taggedAlloc(mem, 0)).toBe(NIL);
      for (const block of blocks) taggedFree(mem, 0, block);
    }
  });
});

const parse = (argv: string[], quick = true) =>
  allocFamily.parse(argv, COMMON_OPTIONS, { quick, seed: 1, warn: () => undefined });

describe('the family', () => {
  it('has a case for each contender, size and number of threads', async () => {
    const all = await parse([], false);
    if (typeof all === 'string') throw new Error(all);
    expect(new Set(all.cases.map((c) => c.settings['threads']))).toEqual(new Set([1, 2, 4, 8]));
    expect(Math.max(...all.cases.map((c) => Number(c.settings['bytes'])))).toBe(2 ** 20);
    const one = await parse(['--bytes=1K', '--threads=2', '--contenders=malloc,bump']);
    if (typeof one === 'string') throw new Error(one);
    expect(one.cases.map((c) => [c.contender, c.case])).toEqual([
      ['malloc', '1K, 2 threads'],
      ['bump', '1K, 2 threads'],
    ]);
  });

  it('refuses contenders that there are not', async () => {
    await expect(parse(['--contenders=malloc,jemalloc'])).rejects.toThrow(
      "--contenders: 'jemalloc' is none of malloc, ut_allocator",
    );
    await expect(parse(['--bytes=2M'])).rejects.toThrow('--bytes');
  });

  it('measures a case beside the limit', async () => {
    const bench = new AllocCase({ contender: 'malloc', threads: 2, bytes: 64 });
    await bench.open();
    try {
      const round = await bench.round(0);
      expect(round.value).toBeGreaterThan(0);
      expect(round.reference).toBeGreaterThan(0);
    } finally {
      await bench.close();
    }
  });
});

/** ns of a pair by contender, size and number of threads. */
function rows(figures: readonly (readonly [ContenderName, number, number, number])[]): Row[] {
  return figures.map(([contender, bytes, threads, ns]) =>
    aRow({
      family: 'alloc',
      contender,
      origin: CONTENDERS[contender].origin,
      settings: { bytes, threads },
      samples: [ns],
      reference: null,
      group: [0],
      extra: { 'best batch, ns': ns },
    }),
  );
}

const MEASURED = rows([
  ['malloc', 64, 1, 20],
  ['malloc', 512, 1, 25],
  ['malloc', 64, 2, 20.5],
  ['bump', 64, 1, 2],
  ['bump', 64, 2, 2],
  ['ut_allocator', 64, 1, 60],
  ['ut_allocator uncounted', 64, 1, 50],
  ['first-fit list', 64, 1, 80],
  ['first-fit list', 64, 2, 205],
  ['MEM_ROOT', 64, 1, 5],
]);

describe('what the figures say', () => {
  it('in sentences', () => {
    const said = concludeAlloc(MEASURED) ?? '';
    expect(said).toContain(
      'malloc and free of 64 on one thread: 20.0 ns, 10.0 times the raw limit, at most 25.0 ns up to 512.',
    );
    expect(said).toContain('Two threads together do 1.95 times as much as one (the raw limit 2.00 times).');
    expect(said).toContain('Accounting costs ut_allocator +20 % (best batches: 60.0 and 50.0 ns).');
    expect(said).toContain('An allocation of 64 from a MEM_ROOT: 5.0 ns, clearing included.');
    expect(said).toContain('  1 thread: first-fit list 4.0\n  2 threads: first-fit list 10.0');
    expect(concludeAlloc([])).toBeNull();
  });

  it('as a table: sizes across', () => {
    const text = allocTable(MEASURED);
    expect(text).toMatch(/malloc +│ 20\.00 │ 25\.00 │/);
    expect(text).toContain('first-fit list (rival)');
  });

  it('as curves, one chart for each number of threads', () => {
    const file: ResultFile = { format: FORMAT, command: 'c', quick: false, warnings: [], rows: MEASURED };
    const page = renderCurves(file);
    expect(page).toContain('data-chart="alloc-1"');
    expect(page).toContain('data-chart="alloc-2"');
  });
});
