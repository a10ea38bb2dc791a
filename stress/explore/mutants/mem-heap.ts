/**
 * Seeded bugs in the tiered heap of a node, and in the special pools on it (src/memory).
 *
 * Left out, because nothing can tell them from the original: a state byte of a run that is set after the mutex was left
 * (nobody looks at it before the caller has the address); `calloc` that clears fewer words than the block has; a page
 * that is linked at the list's end instead of its head.
 */
import type { Mutant } from './types.ts';

const MALLOC = 'src/memory/heap/malloc.ts';
const CENTRAL = 'src/memory/heap/heap-central.ts';
const BUDDY = 'src/memory/heap/heap-buddy.ts';
const RUN = 'src/memory/heap/heap-run.ts';
const TRIM = 'src/memory/heap/heap-trim.ts';
const POOLS = 'src/memory/heap/special-pools.ts';

const BROKEN = ['race', 'check', 'exception'] as const;
const STUCK = ['deadlock', 'lost-wakeup', 'check', 'exception', 'latch-order'] as const;

export const mutants: readonly Mutant[] = [
  {
    id: 'heap-refill-unlocks-early',
    file: CENTRAL,
    find: `    if (mem[rec + FREE] === 0) unlinkPage(mem, central, rec);
  }
  mem[cache + ROOM + cls] -= taken;
  mutexExit(thr, central + MUTEX);
`,
    replace: `    if (taken === want) mutexExit(thr, central + MUTEX);
    if (mem[rec + FREE] === 0) unlinkPage(mem, central, rec);
  }
  mem[cache + ROOM + cls] -= taken;
  if (taken < want) mutexExit(thr, central + MUTEX);
`,
    doc: 'a page that has become full is unlinked with the mutex free',
    scenarios: ['heap-exchange', 'heap-free-by-other'],
    oracle: [...BROKEN],
    row: 46,
  },
  {
    id: 'heap-flush-after-exit',
    file: CENTRAL,
    find: `  mutexEnter(thr, central + MUTEX);
  for (let i = 0; i < count; i++) {
    const next = mem[at];
    if (giveBack(thr, os, central, cls, at)) pages++;
    at = next;
  }
  mem[cache + HEAD + cls] = at;
  mem[cache + ROOM + cls] += count;
  mutexExit(thr, central + MUTEX);
`,
    replace: `  mutexEnter(thr, central + MUTEX);
  mutexExit(thr, central + MUTEX);
  for (let i = 0; i < count; i++) {
    const next = mem[at];
    if (giveBack(thr, os, central, cls, at)) pages++;
    at = next;
  }
  mem[cache + HEAD + cls] = at;
  mem[cache + ROOM + cls] += count;
`,
    doc: 'blocks go back to their pages with the mutex free',
    scenarios: ['heap-exchange', 'heap-last-page'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-flush-reads-late',
    file: CENTRAL,
    find: `    const next = mem[at];
    if (giveBack(thr, os, central, cls, at)) pages++;
    at = next;
  }
  mem[cache + HEAD + cls] = at;
  mem[cache + ROOM + cls] += count;
  mutexExit(thr, central + MUTEX);
`,
    replace: `    if (giveBack(thr, os, central, cls, at)) pages++;
    if (i < count - 1) at = mem[at];
  }
  mem[cache + ROOM + cls] += count;
  mutexExit(thr, central + MUTEX);
  mem[cache + HEAD + cls] = mem[at];
`,
    doc: 'the link of a block is read when the block is another thread’s already',
    scenarios: ['heap-exchange', 'heap-free-by-other'],
    oracle: [...BROKEN],
    row: 49,
  },
  {
    id: 'heap-flush-count',
    file: CENTRAL,
    find: `  mem[cache + ROOM + cls] += count;
`,
    replace: `  mem[cache + ROOM + cls] += count - 1;
`,
    doc: 'a list counts one block more than it has',
    scenarios: ['heap-exchange'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-state-stays-cached',
    file: CENTRAL,
    find: `  u8[statesOf(mem, os) + granule] = CENTRAL | cls;
`,
    replace: `  if (block < 6) u8[statesOf(mem, os) + granule] = CENTRAL | cls;
`,
    doc: 'the last two blocks of a page go back to it, and their states say that a thread still has them',
    scenarios: ['heap-exchange'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-bit-stays-free',
    file: CENTRAL,
    find: `    mem[rec + BITS + i] = bits & (bits - 1);
`,
    replace: `    mem[rec + BITS + i] = block > 0 ? bits & (bits - 1) : bits;
`,
    doc: 'the first block of a page stays free in its page while a thread has it',
    scenarios: ['heap-exchange', 'heap-free-by-other'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-page-states-stay',
    file: CENTRAL,
    find: `  u8.fill(0, first, first + PAGE_GRANULES);
`,
    replace: `  u8.fill(0, first + 1, first + PAGE_GRANULES);
`,
    doc: 'a page goes to the operating system, and its first state stays behind',
    scenarios: ['heap-last-page'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-page-goes-linked',
    file: CENTRAL,
    find: `  unlinkPage(mem, central, rec);
  const first`,
    replace: '  const first',
    doc: 'a page goes to the operating system, and stays in the list of its class',
    scenarios: ['heap-last-page'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-full-page-link',
    file: CENTRAL,
    find: `  if (mem[rec + FREE]++ === 0) linkPage(mem, central, rec);
`,
    replace: `  if (mem[rec + FREE]++ === 1) linkPage(mem, central, rec);
`,
    doc: 'a full page that gets a block back is not in the list of its class',
    scenarios: ['heap-last-page', 'heap-exchange'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-chain-end',
    file: CENTRAL,
    find: `    mem[at] = NIL;
`,
    replace: '',
    doc: 'a batch ends with whatever the last block’s owner wrote there',
    scenarios: ['heap-exchange'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-pop-room',
    file: MALLOC,
    find: `      mem[cache + ROOM + cls]++;
      thr.f64`,
    replace: '      thr.f64',
    doc: 'malloc does not count the block that it takes out of its list',
    scenarios: ['heap-exchange', 'heap-last-page'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-free-into-first',
    file: MALLOC,
    find: `  const cache = cacheOf(mem, os, thr.id);
  mem[at] = mem[cache + HEAD + cls];
`,
    replace: `  const cache = cacheOf(mem, os, 1);
  mem[at] = mem[cache + HEAD + cls];
`,
    doc: 'free puts the block into the list of the thread that asked for it, without a latch',
    scenarios: ['heap-free-by-other', 'heap-exchange'],
    oracle: [...BROKEN],
    row: 24,
  },
  {
    id: 'heap-plan-keeps-mutex',
    file: MALLOC,
    find: `  const refused = osRequestFails(thr, os, bytes);
  mutexExit(thr, os + OS_MUTEX);
`,
    replace: `  const refused = osRequestFails(thr, os, bytes);
  if (!refused) mutexExit(thr, os + OS_MUTEX);
`,
    doc: 'a request that the fault plan refuses returns with the mutex in its hands',
    scenarios: ['alloc-retry', 'heap-faults'],
    oracle: STUCK,
    row: 46,
  },
  {
    id: 'heap-hit-skips-plan',
    file: MALLOC,
    find: '  if (bytes <= MAX_BUDDY_BYTES && mem[os + FAULTS_ON] === 0) {',
    replace: '  if (bytes <= MAX_BUDDY_BYTES) {',
    doc: 'a request that a list has a block for passes by the fault plan',
    scenarios: ['heap-faults-hit'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-realloc-frees-first',
    file: MALLOC,
    find: `  mem.copyWithin(to, at, at + Math.ceil(Math.min(had, bytes) / WORD_BYTES));
  free(thr, os, at, tag);
`,
    replace: `  free(thr, os, at, tag);
  mem.copyWithin(to, at, at + Math.ceil(Math.min(had, bytes) / WORD_BYTES));
`,
    doc: 'realloc copies from a block that it has freed',
    scenarios: ['heap-tiers', 'realloc'],
    oracle: [...BROKEN],
    row: 49,
  },
  {
    id: 'heap-calloc-first-half',
    file: MALLOC,
    find: 'clear(thr.mem, at, at + Math.ceil(bytes / WORD_BYTES));',
    replace: 'clear(thr.mem, at, at + Math.ceil(bytes / WORD_BYTES / 2));',
    doc: 'calloc leaves what the block’s last owner wrote in its second half',
    scenarios: ['calloc'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-buddy-any-size',
    file: BUDDY,
    find: '    if (freeClass(mem, os, buddy) !== cls) break;',
    replace: '    if (freeClass(mem, os, buddy) === 0) break;',
    doc: 'a block is joined with a buddy that is split',
    scenarios: ['heap-buddy-split'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-buddy-stays-linked',
    file: BUDDY,
    find: `    unlink(mem, os, cls, buddy);
`,
    replace: '',
    doc: 'a buddy is joined, and stays in the list of free blocks',
    scenarios: ['heap-buddy', 'heap-buddies'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-buddy-join-after-exit',
    file: BUDDY,
    find: `    join(thr, os, at, state & CLASS_MASK);
  }
  mutexExit(thr, mutex);
  return valid;`,
    replace: `  }
  mutexExit(thr, mutex);
  if (valid) join(thr, os, at, state & CLASS_MASK);
  return valid;`,
    doc: 'a block is joined with its buddy with the mutex free',
    scenarios: ['heap-buddies', 'heap-buddy'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-buddy-taken-stays-free',
    file: BUDDY,
    find: `  mem[link + PREV] = 0;
`,
    replace: '',
    doc: 'a block that was taken still counts as free: its buddy joins it',
    scenarios: ['heap-buddy', 'heap-tiers', 'heap-buddy-lists'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-buddy-flush-unlatched',
    file: BUDDY,
    find: `  mutexEnter(thr, mutex);
  for (let i = 0; i < count; i++) {
    const next = mem[at];
    u8[states + granuleOf(mem, os, at)] = 0;
    if (join(thr, os, at, cls)) pages++;
    at = next;
  }
`,
    replace: `  for (let i = 0; i < count; i++) {
    const next = mem[at];
    u8[states + granuleOf(mem, os, at)] = 0;
    if (join(thr, os, at, cls)) pages++;
    at = next;
  }
  mutexEnter(thr, mutex);
`,
    doc: "a thread's list goes back to the buddy system without its mutex",
    scenarios: ['heap-buddy-lists'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-buddy-flush-state-stays',
    file: BUDDY,
    find: `    u8[states + granuleOf(mem, os, at)] = 0;
    if (join(`,
    replace: `    if (join(`,
    doc: 'a block that is joined with its buddy still says that it is in a list',
    scenarios: ['heap-buddy-lists'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-buddy-flush-head-stays',
    file: BUDDY,
    find: `  mem[cache + HEAD + cls] = at;
  mem[cache + ROOM + cls] += count;
  mutexExit(thr, mutex);`,
    replace: `  mem[cache + ROOM + cls] += count;
  mutexExit(thr, mutex);`,
    doc: 'what has gone back to the buddy system stays at the head of the list',
    scenarios: ['heap-buddy-lists'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-buddy-lower-half',
    file: BUDDY,
    find: `    at = Math.min(at, buddy);
`,
    replace: '',
    doc: 'joined buddies are taken for the upper of the two',
    scenarios: ['heap-buddy', 'heap-buddies'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-run-state-stays',
    file: RUN,
    find: `    u8[word] = 0;
`,
    replace: '',
    doc: 'a run goes back, and its state says that it is in use',
    scenarios: ['malloc-whole-pages', 'heap-aligned'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-run-from-block',
    file: RUN,
    find: 'osUnmapRun(thr, os, mem[heapPageOf(mem, os, pageOfGranule(granule)) + RUN]);',
    replace: 'osUnmapRun(thr, os, pageOfGranule(granule));',
    doc: 'an aligned block is released from its own address, not from that of its run',
    scenarios: ['heap-aligned'],
    oracle: [...BROKEN],
  },
  {
    id: 'heap-trim-keeps-one',
    file: TRIM,
    find: '    if (cached > 0) pages',
    replace: '    if (cached > 1) pages',
    doc: 'a trim leaves a list with one block as it is',
    scenarios: ['heap-last-page', 'heap-exchange'],
    oracle: [...BROKEN],
  },
  {
    id: 'pool-limit-unreserved',
    file: POOLS,
    find: `    if (Atomics.compareExchange(mem, pool + IN_USE, used, wanted | 0) === used) {
      raisePeak(mem, pool, wanted);
      return true;
    }
`,
    replace: `    Atomics.add(mem, pool + IN_USE, bytes);
    raisePeak(mem, pool, wanted);
    return true;
`,
    doc: 'the limit is looked at before the bytes are added: two requests pass it together',
    scenarios: ['heap-pool-limit', 'heap-pool'],
    oracle: ['check', 'exception'],
  },
  {
    id: 'pool-failure-keeps-bytes',
    file: POOLS,
    find: `    Atomics.sub(mem, pool + IN_USE, total);
    Atomics.add(mem, pool + FAILED, 1);`,
    replace: '    Atomics.add(mem, pool + FAILED, 1);',
    doc: 'what was reserved stays so when there is no memory',
    scenarios: ['heap-pool-refused'],
    oracle: ['check', 'exception'],
  },
  {
    id: 'pool-peak-lost',
    file: POOLS,
    find: `    if (Atomics.compareExchange(mem, pool + PEAK, peak, bytes | 0) === peak) return;
`,
    replace: `    Atomics.store(mem, pool + PEAK, bytes | 0);
    return;
`,
    doc: 'a higher peak of another thread is overwritten',
    scenarios: ['heap-pool-peak'],
    oracle: ['check', 'exception'],
    row: 24,
  },
  {
    id: 'pool-size-read-late',
    file: POOLS,
    find: `  const total = mem[block + BYTES];
  originFree(thr, os, block, site);
  free(thr, os, block, HEAP_TAG.pool);
`,
    replace: `  originFree(thr, os, block, site);
  free(thr, os, block, HEAP_TAG.pool);
  const total = mem[block + BYTES];
`,
    doc: 'the size of a block is read after it was freed: what came after it is in its place',
    scenarios: ['heap-pool-late'],
    oracle: [...BROKEN],
    row: 49,
  },
];
