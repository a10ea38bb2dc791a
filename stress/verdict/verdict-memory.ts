/** The verdict on memory once every session has closed: nothing is left, and every byte is accounted for. */
import type { Attached } from '../../src/engine.ts';
import { OS_MEMORY } from '../../src/layout/os-memory.ts';
import { NIL } from '../../src/layout/schema.ts';
import { getU53 } from '../../src/layout/words.ts';
import { heapDefects } from '../../src/memory/heap/heap-check.ts';
import { heapTrimAll } from '../../src/memory/heap/heap-trim.ts';
import { heapReserveBytes } from '../../src/memory/heap/heap-walk.ts';
import { leaksOf } from '../../src/memory/ut/leak-detector.ts';
import { MemPool } from '../../src/memory/old/mem-pool.ts';
import { yardClose, yardDefects } from '../../src/session/program/yard-plan.ts';
import { leaksText } from '../report/leaks-text.ts';
import type { Verdict } from './verdict.ts';

/** What the shared allocators of a yard have left over; after it they have given everything back. */
export function checkYard({ thr, env, share }: Attached): Verdict[] {
  const { yard } = share.plan;
  if (yard === null) return [];
  const pool = new MemPool(thr.mem, yard.memPool, { at: yard.utMem, env });
  const violations = yardDefects(thr, env, yard, pool);
  if (violations.length === 0) violations.push(...yardClose(thr, env, yard, pool));
  return [
    {
      invariant: 'every allocator validates, and has nothing of a session left',
      violations,
      checked: `buddy pool, ut_malloc list, ${yard.special.pools.length} special pools, movable heap`,
    },
  ];
}

/** What lives that should not, by the place that asked for it; and that nothing is mapped any more. */
export function checkNothingLeft({ thr, share }: Attached): Verdict[] {
  const { mem } = thr;
  const { plan, config } = share;
  const allOs = plan.osMemory.map((o) => o.at);
  const heaps: string[] = [];
  for (const [node, os] of allOs.entries()) {
    heapTrimAll(thr, os);
    heaps.push(...heapDefects(mem, os));
    const mapped = getU53(mem, os + OS_MEMORY.at.inUse);
    const kept = heapReserveBytes(mem, os);
    if (mapped !== kept) {
      heaps.push(
        `os_memory[${node}]: ${mapped} bytes are mapped after all sessions closed, and the heap keeps ${kept}`,
      );
    }
  }
  const verdicts: Verdict[] = [
    {
      invariant: 'the heaps are whole, and nothing else is mapped',
      violations: heaps,
      checked: `${allOs.length} nodes`,
    },
  ];
  if (!config.origins) return verdicts;
  const { ticksPerMs } = thr.clock;
  const rows = leaksOf(mem, allOs, plan.sites?.at ?? NIL, {
    nowTicks: thr.clock.ticks(),
    ticksPerMs,
    olderThanTicks: 0,
  });
  return [
    ...verdicts,
    {
      invariant: 'no block leaks',
      violations: rows.length === 0 ? [] : leaksText(rows, ticksPerMs).split('\n'),
      checked: 'every live block, by the place that asked for it',
    },
  ];
}
