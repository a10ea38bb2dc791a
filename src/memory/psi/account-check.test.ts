import { describe, expect, it } from 'vitest';
import { HEAP_TAG } from '../../layout/heap.ts';
import { MY_HEADER, UT_NEW_PFX_57 } from '../../layout/headers.ts';
import { setU53 } from '../../layout/words.ts';
import { accountDefects } from './account-check.ts';
import { free, malloc } from '../heap/malloc.ts';
import { osMemAllocLarge } from '../os/os-large.ts';
import { MEM_KEY, PSI_MEM_CNT_BIT } from './psi-keys.ts';
import { psiSetInstrument } from './psi-setup.ts';
import { psiTruncate } from './psi-truncate.ts';
import { psiDetach, psiMapped, psiMemoryAlloc, psiMemoryClaim, psiMemoryFree } from './psi.ts';
import { MemoryKit } from '../test-kit.ts';
import { utAllocate, utDeallocate } from '../ut/ut-allocator.ts';
import { utAllocateLarge, utDeallocateLarge } from '../ut/ut-large.ts';

const KEY = MEM_KEY.stringValue;

function setUp() {
  const kit = new MemoryKit({ pages: [16, 16] });
  const { mem, os, psi, allOs } = kit;
  const [a, b] = [kit.thread(1), kit.thread(2)];
  const defects = () => accountDefects(mem, psi, allOs);
  return { kit, mem, os, psi, allOs, a, b, alloc: kit.alloc(), defects };
}

describe('accountDefects', () => {
  it('finds nothing while all goes well: blocks of both nodes, freed by others, threads that end, truncation', () => {
    const { kit, psi, allOs, a, b, alloc, defects } = setUp();
    const far = kit.alloc({ os: allOs[1] });
    const p = [
      utAllocate(a, alloc, 100, KEY),
      utAllocate(a, far, 5000, KEY),
      utAllocate(b, far, 10, MEM_KEY.std),
    ];
    const large = utAllocateLarge(b, alloc, 9000, KEY, kit.pfx);
    expect(defects()).toEqual([]);
    utDeallocate(b, alloc, p[0]);
    expect(defects()).toEqual([]);
    psiTruncate(b, psi, 'global');
    expect(defects()).toEqual([]);
    psiDetach(a, psi);
    expect(defects()).toEqual([]);
    utDeallocate(b, alloc, p[1]);
    utDeallocate(a, alloc, p[2]);
    utDeallocateLarge(a, alloc, large, kit.pfx);
    expect(defects()).toEqual([]);
  });

  it('blocks that were not counted are not missed', () => {
    const { mem, psi, a, alloc, defects } = setUp();
    psiSetInstrument(mem, psi, KEY, { enabled: false });
    const p = utAllocate(a, alloc, 100, KEY);
    expect(defects()).toEqual([]);
    psiSetInstrument(mem, psi, KEY, { enabled: true });
    utDeallocate(a, alloc, p);
    expect(defects()).toEqual([]);
  });

  it('reads the headers of 5.7 and of my_malloc; raw blocks are no business of it', () => {
    const { mem, os, psi, a, defects } = setUp();
    const raw = malloc(a, os, 100, HEAP_TAG.raw);
    mem.fill(-1, raw, raw + 25);
    malloc(a, os, 100, HEAP_TAG.utLow);
    expect(defects()).toEqual([]);
    const old = malloc(a, os, 124, HEAP_TAG.ut57);
    mem[old + UT_NEW_PFX_57.at.key] = psiMemoryAlloc(a, psi, KEY, 124);
    setU53(mem, old + UT_NEW_PFX_57.at.size, 124);
    expect(defects()).toEqual([]);
    const my = malloc(a, os, 132, HEAP_TAG.my);
    // The header has the user's bytes; what is counted has the header, too.
    mem[my + MY_HEADER.at.key] = psiMemoryAlloc(a, psi, KEY, 132);
    setU53(mem, my + MY_HEADER.at.size, 100);
    expect(defects()).toEqual([]);
    free(a, os, my, HEAP_TAG.my);
    expect(defects()).toEqual([
      'memory/sql/String::value: 2 blocks of 256 bytes by the accounts, 1 of 124 bytes live',
    ]);
    psiMemoryFree(a, psi, KEY | PSI_MEM_CNT_BIT, 132, a.id);
    expect(defects()).toEqual([]);
  });

  it('a block that is counted wrongly, or or of a key that does not exist', () => {
    const { mem, psi, a, alloc, defects } = setUp();
    psiMemoryAlloc(a, psi, MEM_KEY.std, 40);
    expect(defects()).toEqual(['memory/innodb/std: 1 blocks of 40 bytes by the accounts, 0 of 0 bytes live']);
    psiMemoryFree(a, psi, MEM_KEY.std, 40, a.id);
    const p = utAllocate(a, alloc, 100, KEY);
    mem[p - 8] = 9999;
    expect(defects()).toEqual([
      expect.stringMatching(/^block @\d+ of \d+ bytes: key 9999 does not exist$/),
      'memory/sql/String::value: 1 blocks of 132 bytes by the accounts, 0 of 0 bytes live',
    ]);
    mem[p - 8] = KEY;
    expect(defects()).toEqual([]);
  });

  it('a mapping that nobody counts, and a large block that is not mapped', () => {
    const { psi, a, alloc, defects } = setUp();
    osMemAllocLarge(a, alloc, 8000);
    expect(defects()).toEqual(['0 bytes of large allocations by the accounts, 8192 bytes mapped']);
    psiMapped(a, psi, psiMemoryAlloc(a, psi, KEY, 12288), 12288);
    expect(defects()).toEqual(['12288 bytes of large allocations by the accounts, 8192 bytes mapped']);
    psiMapped(a, psi, KEY, -4096);
    expect(defects()).toEqual([
      'memory/sql/String::value: 1 blocks of 12288 bytes by the accounts, 0 of 8192 bytes live',
    ]);
  });

  it('containers say themselves what they hold', () => {
    const { mem, psi, allOs, a, defects } = setUp();
    psiMemoryAlloc(a, psi, KEY, 64);
    psiMemoryClaim(a, psi, KEY, 64, a.id, false);
    expect(defects()).toHaveLength(1);
    expect(accountDefects(mem, psi, allOs, [{ key: KEY | PSI_MEM_CNT_BIT, bytes: 64 }])).toEqual([]);
  });
});
