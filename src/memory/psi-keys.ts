/**
 * Memory instruments: keys, names and flags (facts A 1.6 and 6.2). A key is an index into this list; 0 means "not
 * instrumented". The InnoDB part is the explicit list of 8.0.25, all with flags 0: what InnoDB allocates never
 * counts toward a connection's limit (facts A 0, E14).
 */

/** PSI_FLAG_*: bits of a key's flags. */
export const PSI_FLAG = {
  thread: 1 << 2,
  transfer: 1 << 5,
  onlyGlobalStat: 1 << 7,
  threadSystem: 1 << 9,
  autoSeqnum: 1 << 10,
  noSeqnum: 1 << 11,
  memCollect: 1 << 12,
} as const;

/** PSI_VOLATILITY_*: how long memory of an instrument lives. */
export const PSI_VOLATILITY = {
  unknown: 0,
  permanent: 1,
  provisioning: 2,
  ddl: 3,
  cache: 4,
  session: 5,
  transaction: 6,
  query: 7,
  intraQuery: 8,
} as const;

/** Stored in a block's key when the block was counted for its connection. */
export const PSI_MEM_CNT_BIT = 1 << 31;

export interface MemKeyInfo {
  readonly key: number;
  /** Full instrument name: `memory/<category>/<name>`. */
  readonly name: string;
  readonly flags: number;
  readonly volatility: number;
}

type Spec = readonly [
  category: 'innodb' | 'sql' | 'temptable',
  name: string,
  flags?: number,
  volatility?: number,
];

const COLLECTED = PSI_FLAG.thread | PSI_FLAG.memCollect;
const { session: SESSION, query: QUERY } = PSI_VOLATILITY;

const SPEC = {
  ahi: ['innodb', 'adaptive hash index'],
  archive: ['innodb', 'log and page archiver'],
  bufBufPool: ['innodb', 'buf_buf_pool'],
  bufStatPerIndex: ['innodb', 'buf_stat_per_index_t'],
  clone: ['innodb', 'clone data'],
  dictStatsBgRecalcPool: ['innodb', 'dict_stats_bg_recalc_pool_t'],
  dictStatsIndexMap: ['innodb', 'dict_stats_index_map_t'],
  dictStatsNDiffOnLevel: ['innodb', 'dict_stats_n_diff_on_level'],
  filSpace: ['innodb', 'fil_space_t'],
  other: ['innodb', 'other'],
  partitioning: ['innodb', 'partitioning'],
  redoLogArchiveQueueElement: ['innodb', 'redo_log_archive_queue_element'],
  rowLogBuf: ['innodb', 'row_log_buf'],
  rowMergeSort: ['innodb', 'row_merge_sort'],
  std: ['innodb', 'std'],
  trxSysRwTrxIds: ['innodb', 'trx_sys_t::rw_trx_ids'],
  undoSpaces: ['innodb', 'undo::Tablespaces'],
  utLockFreeHash: ['innodb', 'ut_lock_free_hash_t'],
  thdMainMemRoot: ['sql', 'THD::main_mem_root', COLLECTED, SESSION],
  filesortBufferSortKeys: ['sql', 'Filesort_buffer::sort_keys', COLLECTED, QUERY],
  stringValue: ['sql', 'String::value', COLLECTED, QUERY],
  uniqueSortBuffer: ['sql', 'Unique::sort_buffer', COLLECTED, QUERY],
  temptablePhysicalRam: ['temptable', 'physical_ram', COLLECTED, QUERY],
} as const satisfies Record<string, Spec>;

export type MemKeyName = keyof typeof SPEC;

const NOT_INSTRUMENTED: MemKeyInfo = { key: 0, name: 'not instrumented', flags: 0, volatility: 0 };

/** All keys by number; the first is "not instrumented". */
export const MEM_KEYS: readonly MemKeyInfo[] = [
  NOT_INSTRUMENTED,
  ...Object.values<Spec>(SPEC).map(([category, name, flags = 0, volatility = 0], i) => ({
    key: i + 1,
    name: `memory/${category}/${name}`,
    flags,
    volatility,
  })),
];

/** PSI_NOT_INSTRUMENTED. */
export const KEY_NONE = 0;

/** Number of a key by its short name here. */
export const MEM_KEY = Object.fromEntries(
  Object.entries<Spec>(SPEC).map(([short], i) => [short, i + 1]),
) as Readonly<Record<MemKeyName, number>>;

/** Whether memory of this key counts toward a connection's limit (MEM_COLLECT, and not only global). */
export function memKeyCollected(key: number): boolean {
  return (MEM_KEYS[key].flags & (PSI_FLAG.memCollect | PSI_FLAG.onlyGlobalStat)) === PSI_FLAG.memCollect;
}

/** The key of a full instrument name; 0 when there is none. */
export function memKeyByName(name: string): number {
  return MEM_KEYS.find((k) => k.name === name)?.key ?? KEY_NONE;
}
