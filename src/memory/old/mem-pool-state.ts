/** A buddy pool as a thread sees it, and what its version says about its size. */
import { MEM_AREA, MEM_AREA_32, MEM_POOL } from '../../layout/mem-pool.ts';
import { UT_LIST_BASE } from '../../layout/ut0mem.ts';
import { getU53 } from '../../layout/words.ts';
import { areaBytesIn, type AreaForm, MEM_AREA_EXTRA_SIZE } from './mem-area.ts';
import { type UtMem, utUsesSysMalloc } from './ut0mem.ts';

const { buf: BUF, size: SIZE, headerBytes: HEADER_BYTES, line: LINE, freeList: FREE_LIST } = MEM_POOL.at;
const LIST_WORDS = UT_LIST_BASE.words;

/** The built-in InnoDB of 5.0 and 5.1, and the line of the plugin, 5.5 and 5.6. */
export type MemPoolLine = '5.1' | '5.5';

/** What `innodb_additional_mem_pool_size` is in a line, in bytes; read-only at run time. */
export interface AdditionalMemPoolSize {
  readonly default: number;
  readonly min: number;
  readonly granularity: number;
}

const MIB = 1024 * 1024;
export const ADDITIONAL_MEM_POOL_SIZE: Readonly<Record<MemPoolLine, AdditionalMemPoolSize>> = {
  '5.1': { default: MIB, min: MIB / 2, granularity: 1024 },
  '5.5': { default: 8 * MIB, min: MIB / 2, granularity: 1024 },
};
/** 5.1 asserts that a pool is larger. */
export const MEM_POOL_ASSERTED_BYTES = 10_000;

/** Bytes of the pool that a server makes: with innodb_use_sys_malloc (5.5) it is a dummy. */
export function memCommPoolBytes(
  line: MemPoolLine,
  additionalMemPoolSize: number,
  sysMalloc: boolean,
): number {
  return line !== '5.1' && sysMalloc ? 1 : additionalMemPoolSize;
}

/** A pool as a thread sees it. Stateless: all is in the MEM_POOL record and in the pool's memory. */
export class MemPool implements AreaForm {
  readonly mem: Int32Array;
  /** MEM_POOL. */
  readonly at: number;
  readonly ut: UtMem;
  readonly buf: number;
  readonly bytes: number;
  readonly usedBytes: number;
  readonly wide: boolean;
  readonly prev: number;
  readonly next: number;
  /** MEM_AREA_EXTRA_SIZE. */
  readonly headerBytes: number;
  readonly minBytes: number;
  /** As from 5.5 on. */
  readonly is55: boolean;
  /** innodb_use_sys_malloc: the pool is not used at all. */
  readonly sysMalloc: boolean;

  /** @param at MEM_POOL of a pool that memPoolCreate has made */
  constructor(mem: Int32Array, at: number, ut: UtMem) {
    this.mem = mem;
    this.at = at;
    this.ut = ut;
    this.buf = mem[at + BUF];
    this.bytes = getU53(mem, at + SIZE);
    this.headerBytes = mem[at + HEADER_BYTES];
    this.minBytes = 2 * this.headerBytes;
    this.usedBytes = areaBytesIn(this.bytes, this.minBytes);
    this.wide = this.headerBytes === MEM_AREA_EXTRA_SIZE;
    const { prev, next } = this.wide ? MEM_AREA.at : MEM_AREA_32.at;
    this.prev = prev;
    this.next = next;
    this.is55 = mem[at + LINE] !== 0;
    this.sysMalloc = this.is55 && utUsesSysMalloc(mem, ut);
  }

  /** Base of list i. */
  list(i: number): number {
    return this.at + FREE_LIST + i * LIST_WORDS;
  }
}
