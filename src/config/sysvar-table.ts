/**
 * The table of MySQL's system variables that latchlab has: ranges and defaults of facts A 7.1, B 1.6 and B 13.6;
 * max_execution_time as the manual has it.
 */

export type SysvarType = 'bytes' | 'int' | 'float' | 'bool' | 'enum';
export type SysvarGroup = 'InnoDB variables' | 'Connection memory' | 'Statements';

/** Numbers are safe integers, or Infinity for 18446744073709551615 (no limit). */
export interface Sysvar<N extends string = string, T extends SysvarType = SysvarType> {
  /** As MySQL spells it in SQL, and on the command line. */
  readonly name: N;
  readonly option: string;
  readonly type: T;
  /** 'both': a session has its own value, which starts as the global one. */
  readonly scope: 'global' | 'both';
  /** Whether it can be set while the server runs. */
  readonly dynamic: boolean;
  readonly default: ValueOf<T>;
  readonly min: number;
  readonly max: number;
  /** Values are rounded down to a multiple of this; 0 where MySQL does not. */
  readonly block: number;
  /** Values are then rounded up to a power of two, silently. */
  readonly powerOfTwo: boolean;
  readonly choices: readonly string[];
  readonly unit: string;
  readonly doc: string;
  readonly group: SysvarGroup;
  /** The MySQL version whose behaviour this is. */
  readonly mirrors: string;
}

export type ValueOf<T extends SysvarType> = T extends 'bool' ? boolean : T extends 'enum' ? string : number;

interface Details<T extends SysvarType> {
  readonly default: ValueOf<T>;
  readonly min?: number;
  readonly max?: number;
  readonly block?: number;
  readonly powerOfTwo?: boolean;
  readonly choices?: readonly string[];
  readonly unit?: string;
  readonly scope?: 'global' | 'both';
  readonly dynamic?: boolean;
  readonly group?: SysvarGroup;
  readonly mirrors?: string;
}

/** A row of the table; global and dynamic unless it says otherwise. */
export function sysvar<const N extends string, const T extends SysvarType>(
  name: N,
  type: T,
  details: Details<T>,
  doc: string,
): Sysvar<N, T> {
  const ofConnections = name.includes('connection_memory');
  return {
    name,
    option: name.replaceAll('_', '-'),
    type,
    scope: 'global',
    dynamic: true,
    min: 0,
    max: Infinity,
    block: 0,
    powerOfTwo: false,
    choices: [],
    unit: type === 'bytes' ? 'bytes' : '',
    doc,
    group: ofConnections ? 'Connection memory' : 'InnoDB variables',
    mirrors: ofConnections ? '8.0.28' : '8.0.39',
    ...details,
  };
}

const MIB = 2 ** 20;
const U32 = 2 ** 32 - 1;
/** LLONG_MAX / 64, to the nearest double. */
const CHUNK_MAX = 2 ** 57;

export const SYSVARS = [
  sysvar(
    'innodb_buffer_pool_size',
    'bytes',
    { default: 128 * MIB, min: 5 * MIB },
    'size of the buffer pool, rounded up to instances * chunk size',
  ),
  sysvar(
    'innodb_buffer_pool_instances',
    'int',
    { default: 0, max: 64, dynamic: false },
    'parts of the buffer pool; 0 = 8 from 1 GiB on, else 1',
  ),
  sysvar(
    'innodb_buffer_pool_chunk_size',
    'bytes',
    { default: 128 * MIB, min: MIB, max: CHUNK_MAX, block: MIB, dynamic: false },
    'unit in which the buffer pool is allocated and resized',
  ),
  sysvar(
    'innodb_buffer_pool_debug',
    'bool',
    { default: false, dynamic: false },
    'allow several instances below 1 GiB (debug builds)',
  ),
  sysvar(
    'innodb_adaptive_hash_index_parts',
    'int',
    { default: 8, min: 1, max: 512, dynamic: false },
    'parts of the adaptive hash index, each with a latch of its own',
  ),
  sysvar(
    'innodb_log_buffer_size',
    'bytes',
    { default: 16 * MIB, min: MIB / 4, max: U32 },
    'bytes of redo log in memory before they are written',
  ),
  sysvar(
    'innodb_page_hash_locks',
    'int',
    { default: 16, min: 1, max: 1024, powerOfTwo: true, dynamic: false },
    'page-hash latches per instance, rounded up to a power of two (debug builds)',
  ),
  sysvar(
    'innodb_lru_scan_depth',
    'int',
    { default: 1024, min: 100, max: U32, unit: 'pages' },
    'how far from the LRU tail the page cleaner looks',
  ),
  sysvar(
    'innodb_old_blocks_pct',
    'int',
    { default: 37, min: 5, max: 95, unit: 'percent' },
    'share of the LRU list that is the old sublist',
  ),
  sysvar(
    'innodb_old_blocks_time',
    'int',
    { default: 1000, max: U32, unit: 'ms' },
    'how long a page stays old after its first access',
  ),
  sysvar(
    'innodb_flush_neighbors',
    'int',
    { default: 0, max: 2 },
    'write dirty neighbours along: 0 no, 1 contiguous ones, 2 all of the area',
  ),
  sysvar(
    'innodb_io_capacity',
    'int',
    { default: 200, min: 100, max: U32, unit: 'pages/s' },
    'writes per second that background work may cause',
  ),
  sysvar(
    'innodb_io_capacity_max',
    'int',
    { default: 2000, min: 100, max: U32, unit: 'pages/s' },
    'the same under pressure; unless set, twice innodb_io_capacity, at least 2000',
  ),
  sysvar(
    'innodb_max_dirty_pages_pct',
    'float',
    { default: 90, max: 99.999, unit: 'percent' },
    'share of dirty pages that flushing tries to stay below',
  ),
  sysvar(
    'innodb_max_dirty_pages_pct_lwm',
    'float',
    { default: 10, max: 99.999, unit: 'percent' },
    'share of dirty pages from which on pages are flushed ahead; 0 = off',
  ),
  sysvar(
    'innodb_idle_flush_pct',
    'int',
    { default: 100, max: 100, unit: 'percent' },
    'share of innodb_io_capacity used when idle',
  ),
  sysvar(
    'innodb_sync_spin_loops',
    'int',
    { default: 30, max: U32, unit: 'rounds' },
    'rounds that a thread spins before it parks',
  ),
  sysvar(
    'innodb_spin_wait_delay',
    'int',
    { default: 6, max: 1000 },
    'longest delay between two polls of a spin',
  ),
  sysvar(
    'innodb_spin_wait_pause_multiplier',
    'int',
    { default: 50, max: 100, unit: 'pauses' },
    'pauses per unit of innodb_spin_wait_delay',
  ),
  sysvar(
    'innodb_numa_interleave',
    'bool',
    { default: false, dynamic: false },
    'spread the buffer pool over all nodes',
  ),
  sysvar(
    'connection_memory_limit',
    'bytes',
    { default: Infinity, min: 2 * MIB, scope: 'both' },
    'memory that one connection may use',
  ),
  sysvar(
    'global_connection_memory_limit',
    'bytes',
    { default: Infinity, min: 16 * MIB },
    'memory that all connections together may use',
  ),
  sysvar(
    'connection_memory_chunk_size',
    'bytes',
    { default: 8912, min: 1, max: 512 * MIB, scope: 'both' },
    'steps in which a connection adds to the global counter',
  ),
  sysvar(
    'global_connection_memory_tracking',
    'bool',
    { default: false, scope: 'both' },
    'count connection memory globally',
  ),
  sysvar(
    'connection_memory_status_limit',
    'bytes',
    { default: Infinity, min: 1, mirrors: 'later than 8.0' },
    'queries that take their connection over this are counted; nothing is stopped',
  ),
  sysvar(
    'global_connection_memory_status_limit',
    'bytes',
    { default: Infinity, min: 1, mirrors: 'later than 8.0' },
    'queries that take all connections together over this are counted; nothing is stopped',
  ),
  sysvar(
    'max_execution_time',
    'int',
    { default: 0, max: U32, unit: 'ms', scope: 'both', group: 'Statements' },
    'longest time of a statement that only reads; 0 = any',
  ),
] as const;

type Row = (typeof SYSVARS)[number];
export type SysvarName = Row['name'];
export type SysvarValue = number | boolean | string;
export type SysvarValues = { [R in Row as R['name']]: ValueOf<R['type']> };
