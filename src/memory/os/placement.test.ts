import { describe, expect, it } from 'vitest';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { type Placement, TaskPolicy } from '../../numa/placement.ts';
import { uniformDistance } from '../../numa/topology.ts';
import { hugePoolsUse } from './os-huge-pool.ts';
import { OS_PAGE_BYTES, osMmap, osPageOf } from './os-memory.ts';
import { OsKit } from './os-test-kit.ts';
import { beginNumaInterleave, endNumaInterleave, numaStat, placedMmap } from './placement.ts';

const KB4 = OS_PAGE_BYTES;
const KB16 = 16384;

function setUp(pages: readonly number[], placement: Placement, own = 0) {
  const kit = new OsKit({ pages, hugePages: { [KB16]: 2 } });
  const { mem, allOs } = kit;
  const thr = kit.thread(1, own);
  const policy = new TaskPolicy(uniformDistance(pages.length));
  policy.set(placement);
  /** Node that a mapping of so many pages lands on; −1: refused. */
  const map = (n: number): number => {
    const at = placedMmap(thr, allOs, policy, n * KB4);
    return at === NIL ? -1 : allOs.findIndex((os) => osPageOf(mem, os, at) >= 0);
  };
  const stats = () =>
    allOs.map((os) => {
      const s = numaStat(mem, os);
      return [s.numaHit, s.numaMiss, s.numaForeign, s.interleaveHit, s.localNode, s.otherNode];
    });
  return { kit, mem, allOs, thr, policy, map, stats };
}

describe('mapping by policy', () => {
  it('local: own node, then the others by distance', () => {
    const { kit, map, stats } = setUp([4, 4, 4], { policy: 'local' }, 1);
    expect([map(3), map(2), map(2), map(4), map(1), map(1)]).toEqual([1, 2, 2, 0, 1, -1]);
    expect(stats()).toEqual([
      [0, 4, 0, 0, 0, 4],
      [4, 0, 8, 0, 4, 0],
      [0, 4, 0, 0, 0, 4],
    ]);
    expect(kit.defects()).toEqual([]);
  });

  it('bind: only its nodes, ENOMEM when they are full', () => {
    const { kit, mem, allOs, map, stats } = setUp([4, 4, 4], { policy: 'bind', nodes: [1, 2] });
    expect([map(4), map(3), map(2), map(1)]).toEqual([1, 2, -1, 2]);
    expect(stats()).toEqual([
      [0, 0, 0, 0, 0, 0],
      [4, 0, 4, 0, 0, 4],
      [0, 4, 0, 0, 0, 4],
    ]);
    expect(mem[allOs[0] + OS_MEMORY.at.requests]).toBe(0);
    expect(kit.defects()).toEqual([]);
  });

  it('preferred: that node, then the others', () => {
    const { map, stats } = setUp([4, 4], { policy: 'preferred', node: 1 });
    expect([map(4), map(1)]).toEqual([1, 0]);
    expect(stats()).toEqual([
      [0, 1, 0, 0, 1, 0],
      [4, 0, 1, 0, 0, 4],
    ]);
  });

  it('interleave: one after another by mapping; a full node is passed over, and missed', () => {
    const { kit, map, stats } = setUp([4, 2, 4], { policy: 'interleave', nodes: [0, 1, 2] });
    expect(Array.from({ length: 6 }, () => map(1))).toEqual([0, 1, 2, 0, 1, 2]);
    expect([map(1), map(1), map(1)]).toEqual([0, 2, 2]);
    expect(stats()).toEqual([
      [3, 0, 0, 3, 3, 0],
      [2, 0, 1, 2, 0, 2],
      [3, 1, 0, 3, 0, 4],
    ]);
    expect(kit.defects()).toEqual([]);
  });

  it.each<Placement>([{ policy: 'interleave', nodes: [0, 1] }, { policy: 'local' }])(
    'huge pages follow $policy too; numastat does not count them',
    (placement) => {
      const { kit, mem, allOs, thr, policy, stats } = setUp([4, 4], placement);
      for (let i = 0; i < 4; i++) expect(placedMmap(thr, allOs, policy, 1, KB16)).not.toBe(NIL);
      expect(allOs.map((os) => hugePoolsUse(mem, os)[0].free)).toEqual([0, 0]);
      expect(placedMmap(thr, allOs, policy, 1, KB16)).toBe(NIL);
      expect(
        stats()
          .flat()
          .every((n) => n === 0),
      ).toBe(true);
      expect(kit.defects()).toEqual([]);
    },
  );

  it('a mapping without policy is wanted where it is asked for', () => {
    const { kit, thr, allOs, stats } = setUp([4, 4], { policy: 'local' });
    osMmap(thr, allOs[1], 2 * KB4);
    expect(stats()).toEqual([
      [0, 0, 0, 0, 0, 0],
      [2, 0, 0, 0, 0, 2],
    ]);
    expect(kit.defects()).toEqual([]);
  });

  it('the check sees a miss that nobody is missing', () => {
    const { kit, mem, allOs, map } = setUp([2, 4], { policy: 'local' });
    expect(map(3)).toBe(1);
    mem[allOs[0] + OS_MEMORY.at.numaForeign]--;
    expect(kit.defects()).toEqual(['numa_miss of all nodes is 3, numa_foreign 2']);
  });
});

describe('innodb_numa_interleave', () => {
  it('interleaves over all nodes while the buffer pool is allocated, then is local again', () => {
    const { kit, policy, map } = setUp([8, 8, 8], { policy: 'preferred', node: 2 }, 1);
    beginNumaInterleave(kit.env, policy);
    expect([map(1), map(1), map(1), map(1)]).toEqual([0, 1, 2, 0]);
    endNumaInterleave(kit.env, policy);
    expect([map(1), map(1)]).toEqual([1, 1]);
    expect(policy.get()).toEqual({ policy: 'local' });
    expect(kit.log.lines.map((l) => `${l.priority}: ${l.text}`)).toEqual([
      'Note: Setting NUMA memory policy to MPOL_INTERLEAVE',
      'Note: Setting NUMA memory policy to MPOL_DEFAULT',
    ]);
  });
});
