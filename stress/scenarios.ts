/** Named scenarios: which sessions run which programs, and which settings differ from the defaults. */
import type { SysvarValues } from '../src/config/sysvars.ts';
import { CONNECTION_LIMIT } from './limit/demo.ts';

/** Values of options that differ from their defaults; what the user gives explicitly wins. */
export interface ScenarioPreset {
  readonly own?: {
    readonly seconds?: number;
    readonly sessions?: number;
    readonly threads?: number;
    readonly 'thread-handling'?: 'one-thread-per-connection' | 'pool-of-threads';
    readonly nodes?: number;
    readonly access?: 'uniform' | 'zipf' | 'hotset';
    readonly scanners?: number;
    readonly rate?: number;
    readonly reconnect?: 'on' | 'off';
    readonly 'kill-rate'?: number;
    readonly at?: string;
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
    readonly 'numa-policy'?: string;
    readonly 'numa-pool-policy'?: string;
    readonly 'remote-cost'?: number;
  };
  readonly sysvars?: Partial<SysvarValues>;
}

export interface Scenario {
  readonly name: string;
  readonly doc: string;
  readonly preset: ScenarioPreset;
  /** Programs of the ordinary sessions, each for so many of them in turn; absent: the mix of --update-pct. */
  readonly programs?: Readonly<Record<string, number>>;
  /** Sessions do not touch pages: they allocate and free in every allocator there is (src/session/program/yard.ts). */
  readonly yard?: true;
  /** Whether the memory of the process is held against its bill. */
  readonly memoryBill?: true;
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

/** Everybody runs the named program or programs; nothing else disturbs. */
const PLAIN = { scanners: 0, 'hog-bytes': 0, 'fault-ppm': 0 } as const;

/** A scenario of the name of its program. */
const of = (name: string, doc: string, own: ScenarioPreset['own'] = {}): Scenario => ({
  name,
  doc,
  programs: { [name]: 1 },
  preset: { sysvars: BASE, own: { ...PLAIN, ...own } },
});

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
  of('oltp_point_select', 'sysbench: one row by its key, prepared statements'),
  of('oltp_read_only', 'sysbench: 10 rows by key, then 4 ranges, in a transaction'),
  of('oltp_read_write', 'sysbench: the same with updates, a delete and an insert'),
  of('oltp_update_index', 'sysbench: one update that changes a secondary index'),
  of('ycsb-a', 'YCSB A, a session store: half reads, half updates'),
  of('ycsb-b', 'YCSB B, photo tagging: 95 % reads, 5 % updates'),
  of('ycsb-c', 'YCSB C, a profile cache: reads only'),
  of('ycsb-d', 'YCSB D, status updates: the newest rows are read, 5 % inserts'),
  of('ycsb-e', 'YCSB E, threaded conversations: short ranges, 5 % inserts'),
  of('ycsb-f', 'YCSB F, a user database: half reads, half read-modify-writes'),
  of('tpcc', 'TPC-C’s five transactions in page sets of warehouses'),
  {
    name: 'report',
    doc: 'a report that sorts and groups into a temporary table, beside oltp_read_write: who runs out of memory?',
    programs: { oltp_read_write: 3, report: 1 },
    preset: {
      sysvars: { ...BASE, connection_memory_limit: 4 * MIB },
      own: { ...PLAIN, reconnect: 'on' },
    },
  },
  {
    name: 'backup',
    doc: 'a backup reads every page beside oltp_read_only: what stays of the LRU list?',
    programs: { oltp_read_only: 7, backup: 1 },
    preset: { sysvars: BASE, own: { ...PLAIN, nodes: 1 } },
  },
  {
    name: 'pool-of-threads',
    doc: '64 sessions of oltp_read_write on 2 threads per node: each statement is a task of its node’s pool',
    programs: { oltp_read_write: 1 },
    preset: {
      sysvars: BASE,
      own: { ...PLAIN, sessions: 64, 'thread-handling': 'pool-of-threads' },
    },
  },
  CONNECTION_LIMIT,
  {
    name: 'numa-remote',
    doc: 'the whole pool on node 0: sessions of node 1 pay for every page',
    programs: { oltp_read_only: 1 },
    preset: {
      sysvars: BASE,
      own: { ...PLAIN, 'numa-pool-policy': 'bind=0', 'remote-cost': 1000 },
    },
  },
  {
    name: 'numa-interleave',
    doc: 'the same with innodb_numa_interleave: everybody pays for half of the pages',
    programs: { oltp_read_only: 1 },
    preset: {
      // Small chunks: each instance has some on every node.
      sysvars: { ...BASE, innodb_numa_interleave: true, innodb_buffer_pool_chunk_size: MIB },
      own: { ...PLAIN, 'remote-cost': 1000 },
    },
  },
  {
    name: 'interrupt',
    doc: 'statements over max_execution_time end, sessions are killed, clients come back',
    programs: { oltp_read_write: 2, report: 1, oltp_read_only: 1 },
    preset: {
      sysvars: { ...BASE, max_execution_time: 20 },
      own: { ...PLAIN, sessions: 16, reconnect: 'on', 'kill-rate': 5 },
    },
  },
  {
    name: 'thousand',
    doc: '1,000 sessions of oltp_read_write on 2 nodes over 8 threads: limits, faults, kills, and the bill of memory',
    programs: { oltp_read_write: 1 },
    memoryBill: true,
    preset: {
      sysvars: {
        ...BASE,
        connection_memory_limit: 2 * MIB,
        // Less than all sessions want at the worst moment.
        global_connection_memory_limit: 112 * MIB,
      },
      own: {
        seconds: 60,
        sessions: 1000,
        nodes: 2,
        threads: 8,
        'thread-handling': 'pool-of-threads',
        reconnect: 'on',
        'kill-rate': 20,
        'os-memory': 128 * MIB,
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
