/** What is in the buckets of an instrument, added up for a table's row (facts A 6.6). */
import { PSI_SHARED_STAT, PSI_STAT, PSI_THREAD } from '../../layout/psi.ts';
import type { PsiPlan } from './psi-plan.ts';
import { capacityOf, SHARED_WORDS, sumOf } from './psi-shared.ts';
import { STAT_PAIRS } from './psi-stat.ts';
import { psiThreadAt, THREAD_STATE } from './psi-thread.ts';

const S = PSI_SHARED_STAT.at;
const { state: STATE, stats: STATS } = PSI_THREAD.at;

/** Columns of all tables memory_summary_..., in MySQL's order. */
export interface MemorySummary {
  readonly EVENT_NAME: string;
  readonly COUNT_ALLOC: number;
  readonly COUNT_FREE: number;
  readonly SUM_NUMBER_OF_BYTES_ALLOC: number;
  readonly SUM_NUMBER_OF_BYTES_FREE: number;
  readonly LOW_COUNT_USED: number;
  readonly CURRENT_COUNT_USED: number;
  readonly HIGH_COUNT_USED: number;
  readonly LOW_NUMBER_OF_BYTES_USED: number;
  readonly CURRENT_NUMBER_OF_BYTES_USED: number;
  readonly HIGH_NUMBER_OF_BYTES_USED: number;
}

/** One quantity (blocks, or bytes) of several buckets. */
class Quantity {
  alloc = 0;
  free = 0;
  private allocCapacity = 0;
  private freeCapacity = 0;
  /** Frees of what other buckets allocated: those cannot go down by it any more. */
  private missing = 0;

  add(alloc: number, free: number, allocCapacity: number, freeCapacity: number): void {
    this.alloc += alloc;
    this.free += free;
    this.allocCapacity += allocCapacity;
    this.freeCapacity += freeCapacity;
    if (free > alloc) this.missing += free - alloc;
  }

  get current(): number {
    return this.alloc - this.free;
  }

  get high(): number {
    return this.current + this.allocCapacity;
  }

  low(global: boolean): number {
    const low = this.current - Math.max(0, this.freeCapacity - this.missing);
    return global ? Math.max(0, low) : low;
  }
}

/** PFS_memory_monitoring_stat: sums over buckets of one instrument. */
export class PsiSum {
  readonly blocks = new Quantity();
  readonly size = new Quantity();
  private readonly mem: Int32Array;
  private readonly f64: Float64Array;
  private readonly plan: PsiPlan;
  private readonly key: number;

  constructor(mem: Int32Array, plan: PsiPlan, key: number) {
    this.mem = mem;
    this.f64 = new Float64Array(mem.buffer);
    this.plan = plan;
    this.key = key;
  }

  /** Adds a bucket of an array of shared ones: `plan.global`, 0, or `plan.hosts`, number of the host. */
  addShared(first: number, bucket: number): this {
    const { mem } = this;
    const row = first + (bucket * this.plan.nKeys + this.key) * SHARED_WORDS;
    this.blocks.add(
      sumOf(mem, row + S.allocCount),
      sumOf(mem, row + S.freeCount),
      capacityOf(mem, row + S.allocCountCapacity),
      capacityOf(mem, row + S.freeCountCapacity),
    );
    this.size.add(
      sumOf(mem, row + S.allocSize),
      sumOf(mem, row + S.freeSize),
      capacityOf(mem, row + S.allocSizeCapacity),
      capacityOf(mem, row + S.freeSizeCapacity),
    );
    return this;
  }

  /** Adds a thread, if there is one of this id. `table`: the PSI_TABLE that is read; truncated, it shows no base. */
  addThread(id: number, table: number): this {
    const { mem, f64 } = this;
    const rec = psiThreadAt(this.plan, id);
    const state = Atomics.load(mem, rec + STATE);
    if ((state & THREAD_STATE.exists) === 0) return this;
    const row = mem[rec + STATS] / 2 + this.key * STAT_PAIRS;
    const truncated = (state & table) !== 0;
    const add = (q: Quantity, kind: 'Count' | 'Size'): void => {
      const alloc = f64[row + PSI_STAT.at[`alloc${kind}`] / 2];
      const free = f64[row + PSI_STAT.at[`free${kind}`] / 2];
      if (truncated) {
        const base = Math.min(alloc, free);
        q.add(alloc - base, free - base, 0, 0);
      } else {
        const low = f64[row + PSI_STAT.at[`low${kind}`] / 2];
        const high = f64[row + PSI_STAT.at[`high${kind}`] / 2];
        q.add(alloc, free, high - (alloc - free), alloc - free - low);
      }
    };
    add(this.blocks, 'Count');
    add(this.size, 'Size');
    return this;
  }

  /** @param global in the global table, LOW is never below 0 */
  row(name: string, global = false): MemorySummary {
    const { blocks, size } = this;
    return {
      EVENT_NAME: name,
      COUNT_ALLOC: blocks.alloc,
      COUNT_FREE: blocks.free,
      SUM_NUMBER_OF_BYTES_ALLOC: size.alloc,
      SUM_NUMBER_OF_BYTES_FREE: size.free,
      LOW_COUNT_USED: blocks.low(global),
      CURRENT_COUNT_USED: blocks.current,
      HIGH_COUNT_USED: blocks.high,
      LOW_NUMBER_OF_BYTES_USED: size.low(global),
      CURRENT_NUMBER_OF_BYTES_USED: size.current,
      HIGH_NUMBER_OF_BYTES_USED: size.high,
    };
  }
}
