/**
 * The memory instruments that MySQL's parts register (facts A 1.6 and 6.2), as data. Short names on the left are those
 * that the code here uses (MEM_KEY).
 */

/** PSI_FLAG_*: bits of an instrument's flags. */
export const PSI_FLAG = {
  thread: 1 << 2,
  transfer: 1 << 5,
  /** Counted globally only, never for a thread. */
  onlyGlobalStat: 1 << 7,
  threadSystem: 1 << 9,
  autoSeqnum: 1 << 10,
  noSeqnum: 1 << 11,
  /** Counts toward the limits of its connection (facts A 7). */
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

/** PSI_memory_info: an instrument to register; plain data. */
export interface MemInfo {
  readonly name: string;
  /** PSI_FLAG bits; 0 when absent. */
  readonly flags?: number;
  /** PSI_VOLATILITY; unknown when absent. */
  readonly volatility?: number;
  readonly documentation?: string;
}

type Infos = Readonly<Record<string, MemInfo>>;

const { thread: THREAD, memCollect: COLLECT, onlyGlobalStat: GLOBAL } = PSI_FLAG;

/** Category "sql": of the SQL layer's, those that are used here. */
export const SQL_INFOS = {
  thdMainMemRoot: {
    name: 'THD::main_mem_root',
    flags: THREAD | COLLECT,
    documentation: 'Arena of a session, mostly of its statements.',
  },
  filesortBufferSortKeys: { name: 'Filesort_buffer::sort_keys', flags: COLLECT },
  stringValue: { name: 'String::value', flags: COLLECT },
  uniqueSortBuffer: { name: 'Unique::sort_buffer', flags: COLLECT },
  preparedStatementMainMemRoot: {
    name: 'Prepared_statement::main_mem_root',
    flags: THREAD | COLLECT,
    documentation: 'Arena of a prepared statement.',
  },
  preparedStatementInfrastructure: {
    name: 'Prepared_statement::infrastructure',
    flags: THREAD | COLLECT,
    documentation: 'Which prepared statements a session has.',
  },
  hashJoin: { name: 'hash_join', flags: COLLECT },
  tableShareMemRoot: {
    name: 'TABLE_SHARE::mem_root',
    flags: GLOBAL,
    documentation: 'Table definitions that all sessions share.',
  },
  sqlAclMem: { name: 'sql_acl_mem', flags: GLOBAL },
  sqlAclMemex: { name: 'sql_acl_memex', flags: GLOBAL },
  aclCache: { name: 'acl_cache', flags: GLOBAL },
  aclMapCache: { name: 'acl_map_cache', flags: GLOBAL },
  table: { name: 'TABLE', flags: GLOBAL, documentation: 'Open tables and their arenas.' },
  thdTransactionsMemRoot: { name: 'THD::transactions::mem_root', flags: THREAD },
  userVarEntry: { name: 'user_var_entry' },
  userVarEntryValue: { name: 'user_var_entry::value' },
  logEvent: { name: 'Log_event' },
  netBuff: { name: 'NET::buff', documentation: 'What a connection sends and receives.' },
} as const satisfies Infos;

/** Category "temptable". */
export const TEMPTABLE_INFOS = {
  temptablePhysicalRam: { name: 'physical_ram', flags: COLLECT },
  temptablePhysicalDisk: { name: 'physical_disk', flags: COLLECT },
} as const satisfies Infos;

/** Which server's list of InnoDB instruments. */
export type InnodbVersion = '5.7' | '8.0.25' | '8.0.28';

/** Category "innodb", the explicit list of 8.0.25. All have flags 0: InnoDB never counts toward a connection's limit. */
export const INNODB_INFOS = {
  ahi: { name: 'adaptive hash index' },
  archive: { name: 'log and page archiver' },
  bufBufPool: { name: 'buf_buf_pool' },
  bufStatPerIndex: { name: 'buf_stat_per_index_t' },
  clone: { name: 'clone data' },
  dictStatsBgRecalcPool: { name: 'dict_stats_bg_recalc_pool_t' },
  dictStatsIndexMap: { name: 'dict_stats_index_map_t' },
  dictStatsNDiffOnLevel: { name: 'dict_stats_n_diff_on_level' },
  filSpace: { name: 'fil_space_t' },
  other: { name: 'other' },
  partitioning: { name: 'partitioning' },
  redoLogArchiveQueueElement: { name: 'redo_log_archive_queue_element' },
  rowLogBuf: { name: 'row_log_buf' },
  rowMergeSort: { name: 'row_merge_sort' },
  std: { name: 'std' },
  trxSysRwTrxIds: { name: 'trx_sys_t::rw_trx_ids' },
  undoSpaces: { name: 'undo::Tablespaces' },
  utLockFreeHash: { name: 'ut_lock_free_hash_t' },
} as const satisfies Infos;

/** What 8.0 added to the explicit list of 5.7. */
const SINCE_8_0: ReadonlySet<string> = new Set([
  'archive',
  'bufStatPerIndex',
  'clone',
  'filSpace',
  'redoLogArchiveQueueElement',
  'undoSpaces',
  'utLockFreeHash',
]);

/**
 * The explicit list of a version; null where it has no instrument, so that the others keep their keys. 8.0.28 has ddl in
 * the place of row_merge_sort.
 */
export function innodbExplicit(version: InnodbVersion): readonly (MemInfo | null)[] {
  return Object.entries<MemInfo>(INNODB_INFOS).map(([short, info]) => {
    if (version === '5.7' && SINCE_8_0.has(short)) return null;
    return version === '8.0.28' && short === 'rowMergeSort' ? { name: 'ddl' } : info;
  });
}

/**
 * The auto list: stems of InnoDB's source files, by which memory without a key of its own is attributed. In the order
 * of 8.0.25, which is alphabetical but for sync0rw.
 */
export const INNODB_AUTO_NAMES: readonly string[] = `
  api0api api0misc btr0btr btr0bulk btr0cur btr0pcur btr0sea btr0types buf buf0buddy buf0buf buf0checksum buf0dblwr
  buf0dump buf0flu buf0lru buf0rea buf0stats buf0types checksum crc32 create data0data data0type data0types db0err
  dict dict0boot dict0crea dict0dd dict0dict dict0load dict0mem dict0priv dict0sdi dict0stats dict0stats_bg dict0types
  dyn0buf dyn0types eval0eval eval0proc fil0fil fil0types file fsp0file fsp0fsp fsp0space fsp0sysspace fsp0types
  fts0ast fts0blex fts0config fts0fts fts0opt fts0pars fts0plugin fts0priv fts0que fts0sql fts0tlex fts0tokenize
  fts0types fts0vlc fut0fut fut0lst gis0geo gis0rtree gis0sea gis0type ha0ha ha0storage ha_innodb ha_innopart
  ha_prototypes handler0alter hash0hash i_s ib0mutex ibuf0ibuf ibuf0types lexyy lob0lob lock0iter lock0lock lock0prdt
  lock0priv lock0types lock0wait log0log log0recv log0write mach0data mem mem0mem memory mtr0log mtr0mtr mtr0types
  os0atomic os0event os0file os0numa os0once os0proc os0thread page page0cur page0page page0size page0types page0zip
  pars0grm pars0lex pars0opt pars0pars pars0sym pars0types que0que que0types read0read read0types rec rem0cmp rem0rec
  rem0types row0ext row0ftsort row0import row0ins row0log row0merge row0mysql row0purge row0quiesce row0row row0sel
  row0types row0uins row0umod row0undo row0upd row0vers sess0sess srv0conc srv0mon srv0srv srv0start srv0tmp sync0arr
  sync0debug sync0policy sync0sharded_rw sync0rw sync0sync sync0types trx0i_s trx0purge trx0rec trx0roll trx0rseg
  trx0sys trx0trx trx0types trx0undo trx0xa usr0sess usr0types ut ut0byte ut0counter ut0crc32 ut0dbg ut0link_buf
  ut0list ut0lock_free_hash ut0lst ut0mem ut0mutex ut0new ut0pool ut0rbt ut0rnd ut0sort ut0stage ut0ut ut0vec
  ut0wqueue zipdecompress`
  .trim()
  .split(/\s+/);
