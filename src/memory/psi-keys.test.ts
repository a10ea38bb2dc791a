import { describe, expect, it } from 'vitest';
import {
  KEY_NONE,
  MEM_KEY,
  MEM_KEYS,
  memKeyByName,
  memKeyCollected,
  PSI_FLAG,
  PSI_MEM_CNT_BIT,
} from './psi-keys.ts';

describe('memory instruments', () => {
  it('key 0 is not instrumented; keys count up without gaps; names are unique', () => {
    expect(MEM_KEYS[KEY_NONE].name).toBe('not instrumented');
    expect(MEM_KEYS.map((k) => k.key)).toEqual(MEM_KEYS.map((_, i) => i));
    expect(new Set(MEM_KEYS.map((k) => k.name)).size).toBe(MEM_KEYS.length);
    expect(Object.values(MEM_KEY)).toEqual(MEM_KEYS.slice(1).map((k) => k.key));
  });

  it('has the explicit names of 8.0.25, exactly', () => {
    const innodb = MEM_KEYS.map((k) => k.name).filter((n) => n.startsWith('memory/innodb/'));
    expect(innodb.map((n) => n.slice('memory/innodb/'.length))).toEqual([
      'adaptive hash index',
      'log and page archiver',
      'buf_buf_pool',
      'buf_stat_per_index_t',
      'clone data',
      'dict_stats_bg_recalc_pool_t',
      'dict_stats_index_map_t',
      'dict_stats_n_diff_on_level',
      'fil_space_t',
      'other',
      'partitioning',
      'redo_log_archive_queue_element',
      'row_log_buf',
      'row_merge_sort',
      'std',
      'trx_sys_t::rw_trx_ids',
      'undo::Tablespaces',
      'ut_lock_free_hash_t',
    ]);
    expect(MEM_KEYS[MEM_KEY.trxSysRwTrxIds].name).toBe('memory/innodb/trx_sys_t::rw_trx_ids');
    expect(memKeyByName('memory/sql/THD::main_mem_root')).toBe(MEM_KEY.thdMainMemRoot);
    expect(memKeyByName('memory/temptable/physical_ram')).toBe(MEM_KEY.temptablePhysicalRam);
    expect(memKeyByName('memory/sql/nothing')).toBe(KEY_NONE);
  });

  it('InnoDB memory never counts for a connection, session memory does', () => {
    const collected = MEM_KEYS.filter((k) => memKeyCollected(k.key)).map((k) => k.name);
    expect(collected).toEqual([
      'memory/sql/THD::main_mem_root',
      'memory/sql/Filesort_buffer::sort_keys',
      'memory/sql/String::value',
      'memory/sql/Unique::sort_buffer',
      'memory/temptable/physical_ram',
    ]);
    expect(MEM_KEYS.filter((k) => k.name.startsWith('memory/innodb/')).every((k) => k.flags === 0)).toBe(
      true,
    );
  });

  it('flag bits and the counting bit have the values of the server', () => {
    expect(PSI_FLAG.memCollect).toBe(4096);
    expect([PSI_FLAG.onlyGlobalStat, PSI_FLAG.threadSystem]).toEqual([128, 512]);
    expect(PSI_MEM_CNT_BIT >>> 0).toBe(0x80000000);
    for (const { key } of MEM_KEYS) expect((key | PSI_MEM_CNT_BIT) & ~PSI_MEM_CNT_BIT).toBe(key);
  });
});
