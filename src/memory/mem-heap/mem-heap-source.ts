/**
 * Where the blocks of storage heaps come from (facts A 3.2): `ut_malloc_nokey`, or from 8.0.28 on `ut::malloc_withkey`,
 * called from InnoDB's `mem` folder.
 */
import type { Thread } from '../../sync/thread.ts';
import type { BlockSource } from './mem-heap-env.ts';
import type { AllocSite } from '../ut/site.ts';
import { type UtAllocator, utAllocate, utDeallocate } from '../ut/ut-allocator.ts';
import { utKeyOfFile } from '../ut/ut-keys.ts';
import { type PsiMemoryKey, type UtNewLibrary, utNewFree, utNewMallocWithkey } from '../ut/ut-new.ts';
import { utPfsOverhead, utThisFileKey } from '../ut/ut-new-meta.ts';

/** The file that asks, and so the instrument: `memory/innodb/memory` in 8.0, `memory/innodb/mem0mem` in 5.7. */
const FILES = { '5.7': 'mem/mem0mem.cc', '8.0.25': 'mem/memory.cc' } as const;

/** `ut_allocator`, retries included. */
export class UtBlocks implements BlockSource {
  readonly prefixWords: number;
  readonly alloc: UtAllocator;
  readonly key: number;

  constructor(alloc: UtAllocator) {
    this.alloc = alloc;
    this.prefixWords = alloc.form.words;
    this.key = utKeyOfFile(FILES[alloc.version], alloc.version);
  }

  /** @throws OutOfMemoryFatal with the allocator's own text, when it is oomFatal */
  take(thr: Thread, bytes: number, site: AllocSite): number {
    return utAllocate(thr, this.alloc, bytes, this.key, false, false, site);
  }

  usable(_thr: Thread, _at: number, bytes: number): number {
    return bytes;
  }

  give(thr: Thread, at: number, site: AllocSite): void {
    utDeallocate(thr, this.alloc, at, site);
  }
}

/** The `ut::` library, for heaps of 8.0.30: one attempt. */
export class UtNewBlocks implements BlockSource {
  readonly prefixWords: number;
  readonly ut: UtNewLibrary;
  readonly key: PsiMemoryKey;

  constructor(ut: UtNewLibrary) {
    this.ut = ut;
    this.prefixWords = utPfsOverhead(ut) / 4;
    this.key = utThisFileKey(FILES['8.0.25']);
  }

  /** NIL: out of memory, and nothing is in the error log. */
  take(thr: Thread, bytes: number, site: AllocSite): number {
    return utNewMallocWithkey(thr, this.ut, this.key, bytes, site);
  }

  usable(_thr: Thread, _at: number, bytes: number): number {
    return bytes;
  }

  give(thr: Thread, at: number, site: AllocSite): void {
    utNewFree(thr, this.ut, at, site);
  }
}
