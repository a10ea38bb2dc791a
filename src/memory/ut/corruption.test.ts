import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../layout/clock.ts';
import { HEAP_TAG } from '../../layout/heap.ts';
import { UT_NEW_PFX } from '../../layout/headers.ts';
import { setU53 } from '../../layout/words.ts';
import { corruption, MemoryCorruption } from './corruption.ts';
import { free, malloc } from '../heap/malloc.ts';
import { originAlloc, originOf } from './origin.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { allocSite, NO_SITE } from './site.ts';
import { MemoryKit } from '../test-kit.ts';
import { utAllocate, utDeallocate, utReallocate } from './ut-allocator.ts';
import { utFree, utLibrary, utMalloc } from './ut-entry.ts';
import { utSite } from './ut-keys.ts';

const MADE = utSite('trx0trx.cc', 12);
const FREED = utSite('trx0roll.cc', 34);
const AGAIN = utSite('trx0sys.cc', 56);
const KEY = MEM_KEY.trxSysRwTrxIds;
const { key, size } = UT_NEW_PFX.at;

function setUp(origins = true) {
  const kit = new MemoryKit({ node: { origins } });
  const clock = new VirtualClock(1000);
  return { kit, mem: kit.mem, os: kit.os, clock, thr: kit.thread(1, 1, clock), ut: utLibrary(kit.env) };
}

/** What a call throws, which must be a report; its lines without addresses. */
function report(call: () => unknown): string[] {
  try {
    call();
  } catch (e) {
    if (!(e instanceof MemoryCorruption)) throw e;
    return e.message
      .replace(/@\d+/g, '@')
      .split('\n')
      .map((line) => line.replace(/ {2,}/g, '  ').trim());
  }
  throw new Error('nothing was thrown');
}

const PLACES = [
  'instrument  memory/innodb/trx_sys_t::rw_trx_ids',
  'allocated  trx0trx.cc:12, by thread 1, 2.000 s ago',
];

describe('corruption reports of ut_allocator', () => {
  it('a double free: where it was allocated, and where freed first', () => {
    const { thr, ut, clock, mem, os } = setUp();
    const p = utMalloc(thr, ut, 100, KEY, MADE);
    const keep = utMalloc(thr, ut, 100, KEY, MADE);
    clock.advance(2_000_000);
    utFree(thr, ut, p, FREED);
    const lines = report(() => utFree(thr, ut, p, AGAIN));
    expect(lines[0]).toMatch(/double free.*256 bytes/);
    expect(lines).toEqual(expect.arrayContaining([...PLACES, 'freed  trx0roll.cc:34', 'found by  thread 1']));
    expect(originOf(mem, os, keep - 8)).toMatchObject({ freed: 0 });
    // Whatever the next user of the memory, or the heap itself, has written there.
    mem.fill(0x5a5a5a5a, p - 8, p);
    expect(report(() => utFree(thr, ut, p, AGAIN))[0]).toMatch(/double free/);
  });

  it('an overwritten header: a key that does not exist', () => {
    const { thr, ut, clock, mem, kit } = setUp();
    const p = utMalloc(thr, ut, 100, KEY, MADE);
    clock.advance(2_000_000);
    mem[p - 8 + key] = 5000;
    for (const call of [() => utFree(thr, ut, p, FREED), () => utReallocate(thr, kit.alloc(), p, 9)]) {
      const lines = report(call);
      expect(lines[0]).toMatch(/^(de|re)allocate\(@\): overwritten header: key 5000 does not exist$/);
      expect(lines).toEqual(
        expect.arrayContaining([...PLACES, 'size  132 bytes with its header', 'freed  not freed']),
      );
      expect(lines.at(-1)).toMatch(/^lies there {2}00001388 00000001 00000084 00000000 /);
    }
    mem[p - 8 + key] = KEY;
    utFree(thr, ut, p, FREED);
    expect(kit.defects()).toEqual([]);
  });

  it.each([
    [true, 'it says 1000 bytes, the block was allocated with 132'],
    [false, 'it says 1000 bytes, its check word'],
  ])('an overwritten header: a size that does not fit (origins: %s)', (origins, text) => {
    const { thr, ut, mem, kit } = setUp(origins);
    const p = utMalloc(thr, ut, 100, KEY, MADE);
    setU53(mem, p - 8 + size, 1000);
    const lines = report(() => utFree(thr, ut, p, FREED));
    expect(lines[0]).toContain(`overwritten header: ${text}`);
    if (!origins) {
      expect(lines).toContain(
        'allocated  not recorded: plan the memory with origins (NodeMemoryOptions.origins)',
      );
    }
    setU53(mem, p - 8 + size, 132);
    utFree(thr, ut, p, FREED);
    expect(kit.defects()).toEqual([]);
  });

  it('every word of a header that is filled with rubbish is noticed', () => {
    const { thr, ut, mem } = setUp(false);
    for (const rubbish of [0, -1, 0x41414141, 7]) {
      const p = utMalloc(thr, ut, 100, KEY, MADE);
      mem.fill(rubbish, p - 8, p);
      expect(report(() => utFree(thr, ut, p, FREED))[0]).toContain('overwritten header');
    }
  });

  it('a foreign address, and one inside a block', () => {
    const { thr, ut, kit, clock } = setUp();
    const p = utMalloc(thr, ut, 100, KEY, MADE);
    clock.advance(2_000_000);
    expect(report(() => utFree(thr, ut, 64, FREED))).toEqual([
      'deallocate(@): foreign address: the address is outside the memory of all nodes',
      'found by  thread 1',
      'block  @, in the memory of no node',
      expect.stringMatching(/^lies there/),
    ]);
    const lines = report(() => utFree(thr, ut, p + 4, FREED));
    expect(lines[0]).toMatch(/inside a block/);
    expect(lines).toEqual(expect.arrayContaining([...PLACES, 'freed  not freed']));
    utFree(thr, ut, p, FREED);
    expect(kit.defects()).toEqual([]);
  });

  it('the other generation is another allocator', () => {
    const { thr, ut, kit } = setUp();
    const p = utMalloc(thr, ut, 100, KEY, MADE);
    const old = utLibrary(kit.env, { version: '5.7' });
    expect(report(() => utFree(thr, old, p, FREED))[0]).toMatch(/inside a block|wrong allocator/);
    const q = utMalloc(thr, old, 100, KEY, MADE);
    expect(report(() => utFree(thr, ut, q, FREED))[0]).toMatch(
      /inside a block|wrong allocator|double free|no block/,
    );
    utFree(thr, ut, p, FREED);
    utFree(thr, old, q, FREED);
    expect(kit.defects()).toEqual([]);
  });

  it("a block that is another allocator's", () => {
    const { thr, ut, os, mem } = setUp();
    const block = malloc(thr, os, 132, HEAP_TAG.my);
    const lines = report(() => utFree(thr, ut, block + 8, FREED));
    expect(lines[0]).toMatch(/wrong allocator: a block of 256 bytes of my, freed by ut$/);
    expect(originOf(mem, os, block)).toBe(null);
    free(thr, os, block, HEAP_TAG.my);
  });
});

describe('a corruption report', () => {
  it('says all that is known, also without a clock', () => {
    const { kit, mem, os, thr } = setUp();
    const block = malloc(thr, os, 600);
    originAlloc(thr, os, block, MEM_KEY.std, 600, allocSite('a.cc', 1));
    const error = corruption(mem, os, block, { what: 'x', call: 'f', at: block + 8, detail: 'd' });
    expect(error).toBeInstanceOf(MemoryCorruption);
    expect(error.name).toBe('MemoryCorruption');
    const base = kit.nodes[0].base;
    expect(error.message.split('\n')).toEqual([
      `f(@${block + 8}): x: d`,
      `  block       @${block}, byte ${(block - base) * 4} of the memory at @${base}`,
      '  size        600 bytes with its header',
      '  instrument  memory/innodb/std',
      '  allocated   a.cc:1, by thread 1, at tick 1000',
      '  freed       not freed',
      expect.stringMatching(/^ {2}lies there ( [0-9a-f]{8}){8}$/),
    ]);
    const inside = corruption(mem, os, block + 100, { what: 'x', call: 'f', at: block + 100 });
    expect(inside.message).toContain(`\n  inside of   the block @${block}\n  size        600 bytes`);
    const beyond = corruption(mem, os, block + 300, { what: 'x', call: 'f', at: block + 300 });
    expect(beyond.message).toContain('\n  allocated   no tracked block ever started there\n');
  });

  it('a place that nobody gave, or that has no name, is said so', () => {
    const { mem, os, thr, kit } = setUp();
    const alloc = kit.alloc();
    const p = utAllocate(thr, alloc, 100, KEY, false, true, NO_SITE);
    const text = () => corruption(mem, os, p - 8, { what: 'x', call: 'f', at: p }).message;
    expect(text()).toContain('allocated   place not given, by thread 1');
    utDeallocate(thr, alloc, p);
    expect(text()).toContain('freed       place not given');
  });
});
