/** The bill as data, and as text for people. */
import type { MeasuredBill } from '../../src/bill/measure.ts';
import { billItems, type BillSettings, type BillSource, usablePages } from '../../src/bill/objects.ts';
import { showBytes } from '../../src/config/values.ts';
import { int, percent } from '../../src/page/format.ts';
import { plainTable } from '../../src/page/plain-table.ts';

/** Bytes, of all objects of the row together. */
interface BillRow {
  readonly object: string;
  readonly formula: string;
  readonly count: number;
  /** By the formula. */
  readonly computed: number;
  /** As the instrument counts it: with headers. */
  readonly tracked: number;
  /** As heap and operating system gave it. */
  readonly allocated: number;
  readonly difference: number;
  readonly because: string;
}

export interface MemoryBill {
  readonly settings: BillSettings;
  readonly usablePages: number;
  readonly rows: readonly BillRow[];
  readonly computed: number;
  readonly allocated: number;
  /** Bytes of pages that were mapped at most at one time. */
  readonly peakMapped: number;
  readonly passes: number;
  /** How far address translation reaches, by page size. */
  readonly tlb: MeasuredBill['tlb'];
}

const BECAUSE: Readonly<Record<BillSource, string>> = {
  large: 'whole pages',
  ut: 'header 32',
  aligned: 'header 32, room to align 511',
};

export function buildMemoryBill(settings: BillSettings, measured: MeasuredBill): MemoryBill {
  const rows = billItems(settings).map((item, i): BillRow => {
    const { tracked, allocated } = measured.items[i];
    const computed = item.count * item.bytes;
    return {
      object: item.object,
      formula: item.formula,
      count: item.count,
      computed,
      tracked,
      allocated,
      difference: allocated - computed,
      because: allocated === computed ? '' : becauseOf(item.source, allocated - tracked, item.count),
    };
  });
  const sum = (of: (row: BillRow) => number): number => rows.reduce((n, row) => n + of(row), 0);
  return {
    settings,
    usablePages: usablePages(settings),
    rows,
    computed: sum((row) => row.computed),
    allocated: sum((row) => row.allocated),
    peakMapped: measured.peakMapped,
    passes: measured.passes,
    tlb: measured.tlb,
  };
}

function becauseOf(source: BillSource, rounding: number, count: number): string {
  if (source === 'large' || rounding === 0) return BECAUSE[source];
  return `${BECAUSE[source]}, rounding ${int(Math.round(rounding / count))} each`;
}

export function renderBill(bill: MemoryBill): string {
  const { size, instances, chunk } = bill.settings.pool;
  const head = ['object', 'formula', 'number', 'computed', 'allocated', 'difference', 'because'];
  const rows = bill.rows.map((r) => [
    r.object,
    r.formula,
    r.count,
    r.computed,
    r.allocated,
    r.difference,
    r.because,
  ]);
  const total = ['total', '', '', bill.computed, bill.allocated, bill.allocated - bill.computed, ''];
  const over = (bytes: number): string => percent(bytes / size - 1);
  const lines = [
    `Bill of memory: buffer pool of ${showBytes(size)}, ${plural(instances, 'instance')} of ` +
      `${plural(size / chunk / instances, 'chunk')} of ${showBytes(chunk)}, ${int(bill.usablePages)} pages of 16K`,
    '',
    plainTable(head, [...rows, total], [0, 1, 6]),
    '',
    `computed ${over(bill.computed)} above the pool, allocated ${over(bill.allocated)}; ` +
      `mapped at most ${int(bill.peakMapped)} bytes${bill.passes === 1 ? '' : ` in each of ${bill.passes} passes`}`,
    ...bill.tlb
      .filter((t) => t.mappedBytes > 0)
      .map(
        (t) =>
          `TLB: ${int(t.entries)} entries for pages of ${showBytes(t.pageBytes)} reach ${showBytes(t.reachBytes)}, ` +
          `${percent(t.covered)} of the ${int(t.mappedBytes)} bytes mapped in them`,
      ),
  ];
  return `${lines.join('\n')}\n`;
}

function plural(n: number, what: string): string {
  return `${int(n)} ${what}${n === 1 ? '' : 's'}`;
}
