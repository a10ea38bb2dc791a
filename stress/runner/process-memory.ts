/**
 * What the process of a run takes, beside what it is billed: every record and frame of the arena, of the simulated
 * operating system's memory the high-water mark, and Node.js itself with its threads as they stand before the first
 * statement. What is above the bill is what the run made of it: compiled code, garbage, and leaks.
 */
import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import type { EngineShare } from '../../src/engine.ts';
import { OS_MEMORY } from '../../src/layout/os-memory.ts';
import { WORD_BYTES } from '../../src/layout/schema.ts';
import { getU53 } from '../../src/layout/words.ts';
import type { Verdict } from '../verdict/verdict.ts';

const KIB = 1024;
const MIB = 2 ** 20;
/** What the process may take beyond its bill. */
const MARGIN_BYTES = 100 * MIB;
const SAMPLE_MS = 250;
/** A line of /proc/self/smaps that begins a mapping. */
const MAPPING = /^[0-9a-f]+-[0-9a-f]+ /;

export interface BillLine {
  readonly what: string;
  readonly bytes: number;
}

/** Bytes; plain data. */
export interface ProcessMemory {
  /** Resident set at its largest, and when the last statement was done, with all workers still there. */
  readonly peakBytes: number;
  readonly endBytes: number;
  /** Of that: pages of the arena that were touched; null where the system does not tell. */
  readonly arenaBytes: number | null;
  /** Of that: heap of the main thread, and what it holds outside of it. */
  readonly mainHeapBytes: number;
  /** Of that: pages of files, as the executable; null where the system does not tell. */
  readonly fileBytes: number | null;
  /** Worker threads, the page cleaners included. */
  readonly workers: number;
  readonly bill: readonly BillLine[];
  readonly billBytes: number;
  readonly samples: readonly { readonly atMs: number; readonly rssBytes: number }[];
}

/** Watches the process from the creation of the arena to the end of the run. */
export class ProcessMemoryWatch {
  private readonly samples: { atMs: number; rssBytes: number }[] = [];
  private timer: NodeJS.Timeout | null = null;
  private sinceMs = 0;
  private end: Pick<ProcessMemory, 'endBytes' | 'arenaBytes' | 'mainHeapBytes' | 'fileBytes'> | null = null;
  /** What Node.js took with all threads started and none at work; null: it did not come so far. */
  private platformBytes: number | null = null;

  /** All threads are there; none has begun. */
  started(share: EngineShare): void {
    const rss = process.memoryUsage.rss();
    this.platformBytes = Math.max(0, rss - (residentOfArena(share) ?? 0));
    this.sinceMs = performance.now();
    this.sample();
    this.timer = setInterval(() => {
      this.sample();
    }, SAMPLE_MS);
    this.timer.unref();
  }

  /** The last statement is done; the workers are still there. */
  done(share: EngineShare): void {
    const { total_heap_size: heap, external_memory: external } = getHeapStatistics();
    this.end ??= {
      endBytes: process.memoryUsage.rss(),
      arenaBytes: residentOfArena(share),
      mainHeapBytes: heap + external,
      fileBytes: statusBytes('RssFile'),
    };
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** @returns null when no thread ever began */
  result(share: EngineShare): ProcessMemory | null {
    this.stop();
    if (this.platformBytes === null) return null;
    this.done(share);
    if (this.end === null) return null;
    const workers = share.config.threads + share.config.nodes;
    const platform = `Node.js with ${workers} workers, before the first statement`;
    const bill = [...arenaBill(share), { what: platform, bytes: this.platformBytes }];
    return {
      // In KiB.
      peakBytes: process.resourceUsage().maxRSS * KIB,
      ...this.end,
      workers,
      bill,
      billBytes: bill.reduce((sum, { bytes }) => sum + bytes, 0),
      samples: this.samples,
    };
  }

  private sample(): void {
    const atMs = Math.round(performance.now() - this.sinceMs);
    this.samples.push({ atMs, rssBytes: process.memoryUsage.rss() });
  }
}

/** The arena as the run needs it, by what stands in it. Memory of a node counts as far as it was ever mapped. */
export function arenaBill({ buffer, plan }: EngineShare): BillLine[] {
  const mem = new Int32Array(buffer);
  const lines = new Map<string, number>();
  const share = plan.osMemory.map(({ at }) => {
    const area = mem[at + OS_MEMORY.at.pages] * OS_PAGE_BYTES;
    return area === 0 ? 1 : Math.min(1, getU53(mem, at + OS_MEMORY.at.peak) / area);
  });
  for (const { name, stride, count, node } of plan.arena.placements) {
    const [top] = name.split('.');
    const used = top.startsWith('os_memory[') ? share[node] : 1;
    const what = GROUPS.find(([, names]) => names.test(name))?.[0] ?? 'all else in the arena';
    lines.set(what, (lines.get(what) ?? 0) + Math.ceil(stride * count * WORD_BYTES * used));
  }
  return [...GROUPS.map(([what]) => what), 'all else in the arena'].flatMap((what) => {
    const bytes = lines.get(what) ?? 0;
    return bytes === 0 ? [] : [{ what, bytes }];
  });
}

const OS_PAGE_BYTES = 4096;
const GROUPS: readonly (readonly [string, RegExp])[] = [
  ['buffer pool: chunks, page hash, lists', /^buf_pool/],
  ['simulated memory of the nodes, as far as it was mapped, and its books', /^os_memory\[/],
  ['Performance Schema', /^(psi|ut_stat)/],
  ['sessions: THD and SESSION', /^(thd|session)$/],
  ['ledger: what each page must show', /^ledger$/],
];

/** `process memory <= bill + 100 MiB`. */
export function checkProcessMemory(m: ProcessMemory): Verdict {
  const most = m.billBytes + MARGIN_BYTES;
  const told = `at most ${mib(m.peakBytes)} resident, the bill is ${mib(m.billBytes)}`;
  return {
    invariant: 'process memory <= bill + 100 MiB',
    violations: m.peakBytes <= most ? [] : [`${told}: ${mib(m.peakBytes - most)} too much`],
    checked: told,
  };
}

const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;

/** A line of /proc/self/status, in bytes; null where there is none. */
function statusBytes(name: string): number | null {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readProc('/proc/self/status') ?? '');
  return found === null ? null : Number(found[1]) * KIB;
}

/**
 * How much of the arena was ever touched, as the system sees it. The system does not know what a mapping is for: it is
 * the fullest of those that are large enough.
 */
function residentOfArena({ plan }: EngineShare): number | null {
  const text = readProc('/proc/self/smaps');
  if (text === null) return null;
  const arenaBytes = plan.arena.words * WORD_BYTES;
  let most = 0;
  let size = 0;
  for (const line of text.split('\n')) {
    if (MAPPING.test(line)) size = 0;
    else if (line.startsWith('Size:')) size = kibOf(line);
    else if (line.startsWith('Rss:') && size >= arenaBytes) most = Math.max(most, kibOf(line));
  }
  return Math.min(most, arenaBytes);
}

const kibOf = (line: string): number => KIB * Number.parseInt(line.slice(line.indexOf(':') + 1), 10);

function readProc(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
