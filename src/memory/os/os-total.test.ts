import { describe, expect, it } from 'vitest';
import { OS_MEMORY, OS_TOTAL } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import * as OS from './os-memory.ts';
import { OsKit } from './os-test-kit.ts';
import { osSetTotalLimit, osTotalUse } from './os-total.ts';

const A = OS_MEMORY.at;
const KB4 = OS.OS_PAGE_BYTES;
const KB16 = 16384;

function setUp(totalPages: number) {
  const kit = new OsKit({ pages: [8, 8], totalBytes: totalPages * KB4, hugePages: { [KB16]: 2 } });
  const { mem, total } = kit;
  const use = () => osTotalUse(mem, total);
  const [one, two] = kit.allOs;
  return { kit, mem, total, use, one, two, thr: kit.thread(1) };
}

describe('the limit of all nodes together', () => {
  it('holds to the page, whichever node asks, heap and huge pages included', () => {
    const { kit, mem, use, one, two, thr } = setUp(9);
    const a = OS.osMmap(thr, one, 3 * KB4);
    expect(OS.osMmapHuge(thr, two, KB16, KB16)).not.toBe(NIL);
    expect(OS.osMmap(thr, two, 3 * KB4)).toBe(NIL);
    expect(OS.osMmapHuge(thr, one, KB16, KB16)).toBe(NIL);
    expect(OS.osMmap(thr, two, 2 * KB4)).not.toBe(NIL);
    expect(OS.osMmap(thr, one, 1)).toBe(NIL);
    expect(use()).toEqual({ bytes: 9 * KB4, peakBytes: 9 * KB4, limitBytes: 9 * KB4, failed: 3 });
    expect([mem[one + A.failedTotal], mem[two + A.failedTotal]]).toEqual([2, 1]);
    expect(kit.defects()).toEqual([]);
    OS.osMunmap(thr, one, a, 3 * KB4);
    expect(OS.osMmap(thr, two, 3 * KB4)).not.toBe(NIL);
    expect(kit.defects()).toEqual([]);
  });

  it('is not touched by what a node refuses for its own reasons', () => {
    const { kit, use, one, thr } = setUp(100);
    OS.osSetLimit(thr, one, KB4);
    expect(OS.osMmap(thr, one, 2 * KB4)).toBe(NIL);
    OS.osSetLimit(thr, one, OS.NO_LIMIT);
    expect(OS.osMmap(thr, one, 9 * KB4)).toBe(NIL);
    expect(use()).toMatchObject({ bytes: 0, peakBytes: 0, failed: 0 });
    expect(kit.defects()).toEqual([]);
  });

  it('can be changed: what is mapped stays', () => {
    const { mem, total, use, one, thr } = setUp(4);
    OS.osMmap(thr, one, 4 * KB4);
    osSetTotalLimit(mem, total, 2 * KB4 + 1);
    expect(use()).toMatchObject({ bytes: 4 * KB4, limitBytes: 2 * KB4 });
    expect(OS.osMmap(thr, one, 1)).toBe(NIL);
    osSetTotalLimit(mem, total, OS.NO_LIMIT);
    expect(use().limitBytes).toBe(Infinity);
    expect(OS.osMmap(thr, one, 1)).not.toBe(NIL);
  });

  it('the check sees a count that is wrong, and a node that counts elsewhere', () => {
    const { kit, mem, total, one, two, thr } = setUp(4);
    OS.osMmap(thr, one, KB4);
    mem[total + OS_TOTAL.at.pages] = 2;
    expect(kit.defects()).toEqual([
      '1 pages are mapped on all nodes, the total says 2',
      'the peak of all nodes is below what is mapped',
    ]);
    mem[total + OS_TOTAL.at.pages] = 1;
    mem[total + OS_TOTAL.at.failed] = 1;
    mem[two + A.total] = NIL;
    expect(kit.defects()).toEqual([
      'node 1 counts in another total',
      '0 requests were refused by the total, it says 1',
    ]);
  });
});
