/**
 * What a storage heap stands on, per thread: where its blocks come from, and the numbers of the version that it is built
 * like (facts A 3.1, 3.10). A heap itself is an address.
 */
import type { ErrorLog } from '../../layout/error-log.ts';
import {
  MEM_BLOCK_25,
  MEM_BLOCK_25_DEBUG,
  MEM_BLOCK_3X,
  MEM_BLOCK_3X_DEBUG,
  MEM_BLOCK_51,
  MEM_BLOCK_55,
} from '../../layout/mem-heap.ts';
import { type AnyRecord, WORD_BYTES } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import type { MemEnv } from '../env.ts';
import type { AllocSite } from '../ut/site.ts';

/** Types of a heap. BTR_SEARCH is only ever OR-ed with BUFFER. */
export const MEM_HEAP = { dynamic: 0, buffer: 1, btrSearch: 2 } as const;
/** What the parts of InnoDB make theirs of. */
export const MEM_HEAP_FOR = { btrSearch: 3, pageHash: 0, recvSys: 1, lockHeap: 1 } as const;

/** Payload of the first block when the caller names none. */
export const MEM_BLOCK_START_SIZE = 64;
/** Addresses and slots are multiples of it, in bytes. */
export const UNIV_MEM_ALIGNMENT = 8;
/** Bytes in front of and behind each buffer in debug builds of 8.0, and what they are filled with. */
export const MEM_NO_MANS_LAND = 16;
export const NO_MANS_LAND_BEFORE = 0xce;
export const NO_MANS_LAND_AFTER = 0xdf;
/** UNIV_MEM_DEBUG of 5.x: length and check word in front, the check word again behind. */
export const MEM_FIELD_HEADER_SIZE = 16;
export const MEM_FIELD_TRAILER_SIZE = 8;

/** How buffers are guarded: not at all, by no man's lands (8.0), by check words (5.x). */
export const GUARD = { none: 0, noMansLand: 1, field: 2 } as const;

/** `8.0.30` stands for all from about there on. */
export type MemHeapVersion = '5.1' | '5.5' | '8.0.25' | '8.0.30';

interface Generation {
  readonly release: AnyRecord;
  readonly debug: AnyRecord;
  /** Live and freed, 64 bits each. */
  readonly magic: readonly [live: bigint, freed: bigint];
  readonly guard: 1 | 2;
  /** MEM_MAX_ALLOC_IN_BUF is the page less this; 0: less header and guards. */
  readonly pageReserve: number;
  readonly fileBytes: number;
  /** Whether file and line stand in release headers too. */
  readonly creatorInRelease: boolean;
  readonly spareInCell: boolean;
}

const MAGIC_80 = [0x445566778899aabbn, 0xbbaa998877665544n] as const;
const MAGIC_5X = [764741555n, 547711122n] as const;

function generation80(release: AnyRecord, debug: AnyRecord, spareInCell: boolean): Generation {
  return {
    release,
    debug,
    magic: MAGIC_80,
    guard: GUARD.noMansLand,
    pageReserve: 0,
    fileBytes: 16,
    creatorInRelease: false,
    spareInCell,
  };
}

function generation5x(layout: AnyRecord): Generation {
  return {
    release: layout,
    debug: layout,
    magic: MAGIC_5X,
    guard: GUARD.field,
    pageReserve: 200,
    fileBytes: 8,
    creatorInRelease: true,
    spareInCell: false,
  };
}

const GENERATIONS: Readonly<Record<MemHeapVersion, Generation>> = {
  '5.1': generation5x(MEM_BLOCK_51),
  '5.5': generation5x(MEM_BLOCK_55),
  '8.0.25': generation80(MEM_BLOCK_25, MEM_BLOCK_25_DEBUG, false),
  '8.0.30': generation80(MEM_BLOCK_3X, MEM_BLOCK_3X_DEBUG, true),
};

/** Where blocks come from that are no pages: malloc of the version, or the buddy pool of 5.x. */
export interface BlockSource {
  /** Words in front of a block that belong to its allocator. */
  readonly prefixWords: number;
  /** At least `bytes`; word address, a multiple of 2. NIL: there is no memory. */
  take(thr: Thread, bytes: number, site: AllocSite): number;
  /** Bytes that a block just taken really has. */
  usable(thr: Thread, at: number, bytes: number): number;
  /** @throws MemoryCorruption when it is no live block of this source; nothing is changed then */
  give(thr: Thread, at: number, site: AllocSite): void;
}

/** Where pages come from: the buffer pool. A page is named by its control block. */
export interface PageSource {
  /** A control block; never NIL. No latch may be held that a search for a free page forbids. */
  alloc(thr: Thread): number;
  /** Word address of its frame. */
  frame(block: number): number;
  free(thr: Thread, block: number): void;
}

export interface MemHeapOptions {
  /** `8.0.25` when absent. */
  readonly version?: MemHeapVersion;
  /** Guards, and magic numbers looked at in every call; not when absent. */
  readonly checked?: boolean;
  /** `innodb_page_size`; 16384 when absent. */
  readonly pageBytes?: number;
  readonly blocks: BlockSource;
  /** Without it only DYNAMIC heaps can be made, and others that stay small. */
  readonly pages?: PageSource;
}

const word = (n: bigint, i: number): number => Number(BigInt.asIntN(32, n >> BigInt(32 * i)));

/** Constant numbers and ways to memory; a thread makes it once. */
export class MemHeapEnv {
  readonly version: MemHeapVersion;
  readonly checked: boolean;
  readonly guard: number;
  /** Bytes in front of and behind each buffer. */
  readonly lead: number;
  readonly trail: number;
  /** Added to a size before it is cut to a multiple of 8: MEM_SPACE_NEEDED. */
  readonly pad: number;
  /** MEM_BLOCK_HEADER_SIZE, in bytes. */
  readonly headerBytes: number;
  readonly pageBytes: number;
  /** MEM_MAX_ALLOC_IN_BUF: the largest buffer of a heap that is not DYNAMIC. */
  readonly maxAllocInBuf: number;
  /** MEM_BLOCK_STANDARD_SIZE: what blocks of a DYNAMIC heap grow to. */
  readonly standardSize: number;
  /** Live and freed magic, low and high word. */
  readonly liveLow: number;
  readonly liveHigh: number;
  readonly freedLow: number;
  readonly freedHigh: number;
  /** Bytes of the creator's file in a header, its final 0 included; 0: neither file nor line is there. */
  readonly fileBytes: number;
  readonly spareInCell: boolean;
  readonly blocks: BlockSource;
  readonly pages: PageSource | null;
  readonly allOs: readonly number[];
  readonly log: ErrorLog;

  constructor(env: MemEnv, o: MemHeapOptions) {
    this.version = o.version ?? '8.0.25';
    this.checked = o.checked ?? false;
    this.pageBytes = o.pageBytes ?? 16384;
    const g = GENERATIONS[this.version];
    this.guard = this.checked ? g.guard : GUARD.none;
    this.lead = 0;
    this.trail = 0;
    if (this.guard === GUARD.noMansLand) {
      this.lead = MEM_NO_MANS_LAND;
      this.trail = MEM_NO_MANS_LAND;
    } else if (this.guard === GUARD.field) {
      this.lead = MEM_FIELD_HEADER_SIZE;
      this.trail = MEM_FIELD_TRAILER_SIZE;
    }
    this.pad = this.lead + this.trail + UNIV_MEM_ALIGNMENT - 1;
    this.headerBytes = roundUp((this.checked ? g.debug : g.release).words * WORD_BYTES);
    const reserve = g.pageReserve === 0 ? this.headerBytes + this.lead + this.trail : g.pageReserve;
    this.maxAllocInBuf = this.pageBytes - reserve - ((this.pageBytes - reserve) % UNIV_MEM_ALIGNMENT);
    this.standardSize = this.pageBytes >= 16384 ? 8000 : this.maxAllocInBuf;
    const [live, freed] = g.magic;
    this.liveLow = word(live, 0);
    this.liveHigh = word(live, 1);
    this.freedLow = word(freed, 0);
    this.freedHigh = word(freed, 1);
    this.fileBytes = this.checked || g.creatorInRelease ? g.fileBytes : 0;
    this.spareInCell = g.spareInCell;
    this.blocks = o.blocks;
    this.pages = o.pages ?? null;
    this.allOs = env.allOs;
    this.log = env.log;
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / UNIV_MEM_ALIGNMENT) * UNIV_MEM_ALIGNMENT;
}

/** MEM_SPACE_NEEDED(n): bytes that a buffer of n bytes takes of its block. */
export function memSpaceNeeded(env: MemHeapEnv, n: number): number {
  return roundUp(n + env.lead + env.trail);
}
