import { describe, expect, it } from 'vitest';
import { poolSizing } from '../buffer/sizes.ts';
import { BillTooLarge, measureBill } from './measure.ts';
import { billItems, type BillSettings, usablePages } from './objects.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

function settings(size: number, more: Partial<BillSettings> = {}): BillSettings {
  return {
    pool: poolSizing({ size, instances: 0, chunk: 128 * MIB, debug: false }),
    ahiParts: 8,
    logBufferBytes: 16 * MIB,
    blockBytes: 440,
    mutexEvents: true,
    ...more,
  };
}

const totals = (s: BillSettings): Record<string, number> =>
  Object.fromEntries(billItems(s).map((i) => [i.object, i.count * i.bytes]));
const sum = (s: BillSettings): number => Object.values(totals(s)).reduce((a, b) => a + b, 0);

describe('the bill by its formulas', () => {
  it('of 128 MiB (facts A 8.3)', () => {
    const s = settings(128 * MIB);
    expect(totals(s)).toEqual({
      'buf_pool chunks': 137_822_208,
      page_hash: 139_144,
      zip_hash: 139_144,
      'adaptive hash index': 2_219_456,
      'dict_sys table_hash, table_id_hash': 554_864,
      'lock_sys rec_hash, prdt_hash, prdt_page_hash': 998_616,
      'os_event of block mutexes': 917_504,
      'os_event of block rw-locks': 1_835_008,
      'log buffer': 16_777_216,
    });
    expect(sum(s)).toBe(161_403_160);
    expect(usablePages(s)).toBe(8192);
  });

  it('of 1 GiB in 8 instances (facts A 8.3)', () => {
    const s = settings(GIB);
    expect(totals(s)).toEqual({
      'buf_pool chunks': 1_102_577_664,
      page_hash: 1_113_152,
      zip_hash: 1_113_152,
      'adaptive hash index': 17_709_248,
      'dict_sys table_hash, table_id_hash': 4_427_312,
      'lock_sys rec_hash, prdt_hash, prdt_page_hash': 7_971_528,
      'os_event of block mutexes': 7_340_032,
      'os_event of block rw-locks': 14_680_064,
      'log buffer': 16_777_216,
    });
    expect(sum(s)).toBe(1_173_709_368);
    expect(usablePages(s)).toBe(8 * 8192);
  });

  it('of one instance of 1 GiB: page_hash 1 107 208', () => {
    const pool = poolSizing({ size: GIB, instances: 1, chunk: 128 * MIB, debug: false });
    expect(totals(settings(GIB, { pool })).page_hash).toBe(1_107_208);
  });

  it('without events of mutexes, where mutexes are futexes', () => {
    const s = settings(128 * MIB, { mutexEvents: false });
    expect(sum(s)).toBe(161_403_160 - 917_504);
  });
});

describe('the bill as it is really paid', () => {
  const items = billItems(settings(8 * MIB));

  it('is never less than the formula, and the difference is headers and rounding', () => {
    const bill = measureBill(items);
    expect(bill.passes).toBe(1);
    items.forEach(({ object, source, count, bytes }, i) => {
      const { tracked, allocated } = bill.items[i];
      const asked = { large: bytes, ut: bytes + 32, aligned: bytes + 32 + 511 }[source];
      expect([object, tracked]).toEqual([object, count * Math.ceil(asked / grain(source)) * grain(source)]);
      expect(allocated).toBeGreaterThanOrEqual(tracked);
      expect(allocated).toBeLessThan(2 * tracked + 4096 * count);
    });
    const all = bill.items.reduce((n, m) => n + m.allocated, 0);
    expect(bill.peakMapped).toBeGreaterThanOrEqual(all);
  });

  it('tells how far it is', () => {
    const told: number[] = [];
    measureBill(items, 0, (done, total) => told.push(done / total));
    expect(told.at(-1)).toBe(1);
  });

  it('comes in passes when the arena is too small for all at once', () => {
    const chunks = { ...items[0], count: 3, bytes: 700 * MIB };
    const { passes, items: measured } = measureBill([chunks]);
    expect(passes).toBe(2);
    expect(measured[0].allocated).toBe(3 * 700 * MIB);
  });

  it('with huge pages, in which large memory is rounded up', () => {
    const huge = 2 * MIB;
    const { items: measured, tlb } = measureBill(items, huge);
    expect(measured[0]).toEqual({ tracked: 10 * MIB, allocated: 10 * MIB });
    expect(tlb.find((t) => t.pageBytes === huge)).toMatchObject({ mappedBytes: 10 * MIB, covered: 1 });
    expect(measured.slice(1)).toEqual(measureBill(items).items.slice(1));
  });

  it('counts aligned memory in passes, too', () => {
    const log = { ...items[items.length - 1], count: 3, bytes: 40 * MIB };
    const { passes, items: measured } = measureBill([log], 0, undefined, 50 * MIB);
    expect(passes).toBe(3);
    expect(measured[0].tracked).toBe(3 * (40 * MIB + 511 + 32));
  });

  it('refuses an object that no arena can hold', () => {
    expect(() => measureBill([{ ...items[0], bytes: 2 ** 40 }])).toThrow(BillTooLarge);
  });
});

/** Large memory is charged in whole pages. */
function grain(source: string): number {
  return source === 'large' ? 4096 : 1;
}
