/** Named scenarios: which sessions run which programs, and which settings differ from the defaults. */
import type { SysvarValues } from '../src/config/sysvars.ts';
import type { AccessSpec } from '../src/session/access.ts';
import type { Mix, SessionSpec } from '../src/session/program.ts';

/** What sessions are made from, after options and scenario have been put together. */
export interface Workload {
  readonly sessions: number;
  readonly nodes: number;
  readonly pages: number;
  /** Share of statements that change a page, percent. */
  readonly updatePct: number;
  /** Of the sessions, how many scan. */
  readonly scanners: number;
  readonly access: 'uniform' | 'zipf' | 'hotset';
  readonly zipf: number;
  readonly hotPages: number;
  readonly hotAccesses: number;
  readonly rangePages: number;
  readonly scanPages: number;
  /** Size of the value that the last normal session groups half-way through; 0: none does. */
  readonly hogBytes: number;
  /** Sessions work in the yard instead of with pages. */
  readonly yard: boolean;
  readonly seconds: number;
  readonly trace: Uint32Array | null;
}

/** Values of options that differ from their defaults; what the user gives explicitly wins. */
export interface ScenarioPreset {
  readonly own?: {
    readonly seconds?: number;
    readonly sessions?: number;
    readonly nodes?: number;
    readonly access?: Workload['access'];
    readonly scanners?: number;
    readonly 'data-size'?: number;
    readonly 'update-pct'?: number;
    readonly 'hot-pages'?: number;
    readonly 'hot-accesses'?: number;
    readonly 'hog-bytes'?: number;
    readonly 'fault-ppm'?: number;
    readonly 'range-pages'?: number;
    readonly 'latch-checks'?: 'on' | 'off';
    readonly 'leak-check'?: 'on' | 'off';
    readonly 'os-memory'?: number;
  };
  readonly sysvars?: Partial<SysvarValues>;
}

export interface Scenario {
  readonly name: string;
  readonly doc: string;
  readonly preset: ScenarioPreset;
  /** Sessions do not touch pages: they allocate and free in every allocator there is (src/session/yard.ts). */
  readonly yard?: true;
}

const MIB = 2 ** 20;

/** Small pools may have several instances, as with MySQL's debug variable. */
const BASE: Partial<SysvarValues> = {
  innodb_buffer_pool_size: 64 * MIB,
  innodb_buffer_pool_instances: 4,
  innodb_buffer_pool_debug: true,
  innodb_lru_scan_depth: 256,
  innodb_io_capacity: 2000,
  connection_memory_limit: 2 * MIB,
  global_connection_memory_tracking: true,
};

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'default',
    doc: '2 nodes, 8 sessions, 4 instances, data 4 times the pool, 20 % updates, a scan, faults, limits',
    preset: { sysvars: BASE },
  },
  {
    name: 'smoke',
    doc: 'the default, smaller and shorter, with latch-order checks',
    preset: {
      sysvars: { ...BASE, innodb_buffer_pool_size: 16 * MIB, innodb_lru_scan_depth: 100 },
      own: { seconds: 3, 'latch-checks': 'on' },
    },
  },
  {
    name: 'churn',
    doc: 'a tiny pool under 16 sessions and 50 % updates: eviction and single-page flushes all the time',
    preset: {
      sysvars: { ...BASE, innodb_buffer_pool_size: 8 * MIB, innodb_lru_scan_depth: 100 },
      own: { sessions: 16, 'update-pct': 50, access: 'uniform', 'data-size': 64 * MIB },
    },
  },
  {
    name: 'hot-page',
    doc: 'everybody wants the same few pages: frame latches and block mutexes under contention',
    preset: {
      sysvars: BASE,
      own: { access: 'hotset', 'hot-pages': 0.001, 'hot-accesses': 0.95, 'update-pct': 50, scanners: 0 },
    },
  },
  {
    name: 'in-memory',
    doc: 'data that fits the pool: hits only, once it is warm',
    preset: {
      sysvars: BASE,
      own: { 'data-size': 32 * MIB, 'update-pct': 5, scanners: 0, 'hog-bytes': 0 },
    },
  },
  {
    name: 'bench',
    doc: 'for measuring: most of the data fits the pool, 1 node, 5 % updates, no scan, faults or limits',
    preset: {
      sysvars: {
        // Enough for an old sublist in each of eight instances, and soon full.
        innodb_buffer_pool_size: 128 * MIB,
        innodb_buffer_pool_debug: true,
        // Per instance: at its default eight of them would keep the whole pool free.
        innodb_lru_scan_depth: 100,
        innodb_io_capacity: 2000,
      },
      own: {
        nodes: 1,
        'data-size': 160 * MIB,
        'update-pct': 5,
        'range-pages': 4,
        scanners: 0,
        'hog-bytes': 0,
        'fault-ppm': 0,
      },
    },
  },
  {
    name: 'allocators',
    doc: 'all allocators at once: random sizes, blocks freed by other sessions, faults; nothing may be left at the end',
    yard: true,
    preset: {
      sysvars: {
        ...BASE,
        innodb_buffer_pool_size: 16 * MIB,
        innodb_buffer_pool_instances: 2,
        innodb_lru_scan_depth: 100,
      },
      own: {
        seconds: 30,
        sessions: 8,
        scanners: 0,
        'hog-bytes': 0,
        'data-size': 4 * MIB,
        'fault-ppm': 20_000,
        'leak-check': 'on',
      },
    },
  },
];

const READER = (updatePct: number): Mix => {
  const reads = 100 - updatePct;
  return {
    pointRead: reads * 0.7,
    rangeRead: reads * 0.2,
    peek: reads * 0.1,
    update: updatePct * 0.85,
    intendUpdate: updatePct * 0.15,
  };
};
/** Of a session that replays a trace, all statements take one request each. */
const REPLAYER = (updatePct: number): Mix => ({ pointRead: 100 - updatePct, update: updatePct });

/** The sessions of a run: they go round the nodes; scanners come last, the one that groups a value before them. */
export function makeSessions(w: Workload): SessionSpec[] {
  return Array.from({ length: w.sessions }, (_, session): SessionSpec => {
    const scanner = session >= w.sessions - w.scanners;
    const hog = w.hogBytes > 0 && session === Math.max(0, w.sessions - w.scanners - 1);
    const replays = w.trace !== null && !scanner;
    return {
      session,
      node: session % w.nodes,
      name: w.yard ? 'allocators' : scanner ? 'scan' : hog ? 'group' : replays ? 'replay' : 'oltp',
      mix: w.yard
        ? { allocators: 1 }
        : scanner
          ? { scan: 1 }
          : replays
            ? REPLAYER(w.updatePct)
            : READER(w.updatePct),
      access: replays && w.trace !== null ? { kind: 'sharedTrace', trace: w.trace } : accessOf(w),
      rangePages: w.rangePages,
      scanPages: w.scanPages,
      // The first session is an administrator's: counted, never stopped.
      privileged: session === 0,
      hogBytes: hog ? w.hogBytes : 0,
      hogAtMs: (w.seconds * 1000) / 2,
      statements: 0,
    };
  });
}

function accessOf(w: Workload): Exclude<AccessSpec, { kind: 'trace' }> {
  const { pages } = w;
  switch (w.access) {
    case 'uniform':
      return { kind: 'uniform', pages };
    case 'zipf':
      return { kind: 'zipf', pages, theta: w.zipf, scatter: true };
    case 'hotset':
      return { kind: 'hotset', pages, hotPages: w.hotPages, hotAccesses: w.hotAccesses, scatter: true };
  }
}
