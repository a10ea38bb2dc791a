/** Records of the simulated operating system memory (src/memory/os-memory.ts). */
import { MUTEX } from './latches.ts';
import { record } from './schema.ts';

const OS = 'OsMemory.mutex of the node';
const SHOWN = 'reports; at rest it is exact';
const CONSTANT = 'constant once threads run';

/** Kinds of a page-map word, in its two low bits; the run's length in pages stands above them. */
export const PAGE_KIND = { inner: 0, free: 1, mapped: 2, heap: 3 } as const;
export const PAGE_KIND_BITS = 2;

/**
 * One word per page of a node's memory: run length << 2 | kind at the first page of each run, the same at the last
 * page of a free run (so that a neighbour freed later finds its beginning), 0 at all others.
 */
export const PAGE_MAP = record('PageMap', 'the kernel: list of mappings', {
  run: { guard: OS, writer: 'holder', hot: true, doc: 'run length in pages << 2 | kind, 0 inside a run' },
});

/** The memory of one simulated node. */
export const OS_MEMORY = record('OsMemory', 'the kernel: mmap, munmap and the limit of a node', {
  mutex: { line: 'mutex', record: MUTEX, guard: 'see Mutex', writer: 'contender', doc: 'all below' },
  base: {
    line: 'place',
    guard: 'setup',
    dirtyRead: CONSTANT,
    writer: 'setup',
    doc: 'first word of the area',
  },
  pages: { guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc: 'size of the area in pages of 4 KiB' },
  pageMap: { guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc: 'first PAGE_MAP word' },
  heapPages: { guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc: 'first HEAP_PAGE record' },
  heap: { guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc: 'HEAP record of the node' },
  origins: {
    guard: 'setup',
    dirtyRead: CONSTANT,
    writer: 'setup',
    doc: 'first ORIGIN record of the area; 0: places are not recorded',
  },
  sites: { guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc: 'SITE_TABLE record; 0: none' },
  inUse: {
    line: 'use',
    words: 2,
    guard: OS,
    dirtyRead: SHOWN,
    writer: 'holder',
    hot: true,
    doc: 'bytes mapped, whole pages',
  },
  peak: { words: 2, guard: OS, dirtyRead: SHOWN, writer: 'holder', hot: true, doc: 'largest value of inUse' },
  limit: { words: 2, guard: OS, dirtyRead: SHOWN, writer: 'holder', doc: 'inUse may not exceed it' },
  largeBytes: {
    words: 2,
    guard: OS,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'os_total_large_mem_allocated: bytes of mapped (not heap) runs',
  },
  firstFit: {
    guard: OS,
    writer: 'holder',
    hot: true,
    doc: 'first page of a run below which nothing is free',
  },
  failNext: {
    line: 'fault plan',
    guard: OS,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'requests that fail from now on, counted down',
  },
  failPpm: {
    guard: OS,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'probability that a request fails, parts per million',
  },
  failAbove: {
    words: 2,
    guard: OS,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'requests fail that would raise inUse above it',
  },
  requests: { guard: OS, dirtyRead: SHOWN, writer: 'holder', hot: true, doc: 'allocation requests' },
  failedPlan: { guard: OS, dirtyRead: SHOWN, writer: 'holder', doc: 'of these refused by the fault plan' },
  failedLimit: { guard: OS, dirtyRead: SHOWN, writer: 'holder', doc: 'refused because of the limit' },
  failedSpace: {
    guard: OS,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'refused for want of a run of free pages',
  },
  maps: { guard: OS, dirtyRead: SHOWN, writer: 'holder', hot: true, doc: 'runs of pages handed out' },
  unmaps: { guard: OS, dirtyRead: SHOWN, writer: 'holder', hot: true, doc: 'runs of pages given back' },
});
