import { describe, expect, it } from 'vitest';
import { INNODB_AUTO_NAMES } from './psi-instruments.ts';
import {
  FIRST_AUTO_KEY,
  KEY_NONE,
  MEM_KEY,
  MEM_KEYS,
  memKeyByName,
  memKeys,
  MemRegistry,
  PSI_FLAG,
  PSI_MEM_CNT_BIT,
  PSI_VOLATILITY,
} from './psi-keys.ts';

const INNODB = 'memory/innodb/';
const EXPLICIT_8_0_25 = [
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
];
const explicit = (version: '5.7' | '8.0.25' | '8.0.28') =>
  memKeys({ version })
    .slice(MEM_KEY.ahi, FIRST_AUTO_KEY)
    .map((k) => k.name)
    .filter((name) => name.startsWith(INNODB))
    .map((name) => name.slice(INNODB.length));

describe('memory instruments', () => {
  it('key 0 is not instrumented; keys count up without gaps; names are unique', () => {
    expect(MEM_KEYS[KEY_NONE].name).toBe('not instrumented');
    expect(memKeyByName('not instrumented')).toBe(KEY_NONE);
    expect(MEM_KEYS.map((k) => k.key)).toEqual(MEM_KEYS.map((_, i) => i));
    expect(new Set(MEM_KEYS.map((k) => k.name)).size).toBe(MEM_KEYS.length);
    expect(Object.values(MEM_KEY)).toEqual(MEM_KEYS.slice(1, FIRST_AUTO_KEY).map((k) => k.key));
  });

  it('has the explicit names of 8.0.25, exactly', () => {
    expect(explicit('8.0.25')).toEqual(EXPLICIT_8_0_25);
    expect(MEM_KEYS[MEM_KEY.trxSysRwTrxIds].name).toBe('memory/innodb/trx_sys_t::rw_trx_ids');
    expect(memKeyByName('memory/sql/THD::main_mem_root')).toBe(MEM_KEY.thdMainMemRoot);
    expect(memKeyByName('memory/temptable/physical_ram')).toBe(MEM_KEY.temptablePhysicalRam);
    expect(memKeyByName('memory/sql/nothing')).toBe(KEY_NONE);
  });

  it('5.7 has eleven of them, 8.0.28 has ddl for row_merge_sort; keys are the same in all', () => {
    expect(explicit('5.7')).toEqual([
      'adaptive hash index',
      'buf_buf_pool',
      'dict_stats_bg_recalc_pool_t',
      'dict_stats_index_map_t',
      'dict_stats_n_diff_on_level',
      'other',
      'partitioning',
      'row_log_buf',
      'row_merge_sort',
      'std',
      'trx_sys_t::rw_trx_ids',
    ]);
    expect(explicit('8.0.28')).toEqual(
      EXPLICIT_8_0_25.map((name) => (name === 'row_merge_sort' ? 'ddl' : name)),
    );
    expect(memKeys({ version: '5.7' })[MEM_KEY.clone].name).toBe('not instrumented');
    for (const version of ['5.7', '8.0.28'] as const) {
      expect(memKeys({ version })[MEM_KEY.std].name).toBe('memory/innodb/std');
      expect(memKeys({ version })).toHaveLength(MEM_KEYS.length);
    }
  });

  it('the auto list: close to 200 stems of source files, in order, after the explicit list', () => {
    const examples =
      'api0api btr0btr btr0sea buf0buf buf0flu buf0lru dict0dict fil0fil ha0ha hash0hash ib0mutex lock0lock log0log ' +
      'mem mem0mem memory os0event row0sel srv0srv sync0arr sync0rw trx0trx ut0new ut0pool ut0vec zipdecompress';
    expect(INNODB_AUTO_NAMES).toEqual(expect.arrayContaining(examples.split(' ')));
    expect(INNODB_AUTO_NAMES.length).toBeGreaterThan(180);
    expect(INNODB_AUTO_NAMES.length).toBeLessThan(200);
    // As in the server, one name stands out of order.
    const sorted = INNODB_AUTO_NAMES.toSorted((a, b) => (a < b ? -1 : 1));
    expect(INNODB_AUTO_NAMES.filter((n) => n !== 'sync0rw')).toEqual(sorted.filter((n) => n !== 'sync0rw'));
    expect(MEM_KEYS.slice(FIRST_AUTO_KEY).map((k) => k.name)).toEqual(
      INNODB_AUTO_NAMES.map((n) => INNODB + n),
    );
  });

  it('InnoDB memory never counts for a connection; what the facts name does', () => {
    const flagged = (flag: number) => MEM_KEYS.filter((k) => (k.flags & flag) !== 0).map((k) => k.name);
    expect(flagged(PSI_FLAG.memCollect)).toEqual([
      'memory/sql/THD::main_mem_root',
      'memory/sql/Filesort_buffer::sort_keys',
      'memory/sql/String::value',
      'memory/sql/Unique::sort_buffer',
      'memory/sql/Prepared_statement::main_mem_root',
      'memory/sql/Prepared_statement::infrastructure',
      'memory/sql/hash_join',
      'memory/temptable/physical_ram',
      'memory/temptable/physical_disk',
    ]);
    expect(flagged(PSI_FLAG.onlyGlobalStat)).toEqual(
      expect.arrayContaining(['memory/sql/TABLE_SHARE::mem_root', 'memory/sql/acl_cache']),
    );
    const innodb = MEM_KEYS.filter((k) => k.name.startsWith(INNODB));
    expect(innodb.every((k) => k.flags === 0 && k.volatility === PSI_VOLATILITY.unknown)).toBe(true);
  });

  it('flag bits, volatilities and the counting bit have the values of the server', () => {
    expect(PSI_FLAG).toEqual({
      thread: 4,
      transfer: 32,
      onlyGlobalStat: 128,
      threadSystem: 512,
      autoSeqnum: 1024,
      noSeqnum: 2048,
      memCollect: 4096,
    });
    expect(Object.values(PSI_VOLATILITY)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(PSI_MEM_CNT_BIT >>> 0).toBe(0x80000000);
    for (const { key } of MEM_KEYS) expect((key | PSI_MEM_CNT_BIT) & ~PSI_MEM_CNT_BIT).toBe(key);
  });
});

describe('registration', () => {
  it('gives keys in order; a known name keeps its key; all of an info is kept', () => {
    const registry = new MemRegistry();
    expect(registry.register('lab', [{ name: 'a', flags: 4096, volatility: 7, documentation: 'x' }])).toEqual(
      [1],
    );
    expect(registry.register('lab', [{ name: 'b' }, { name: 'a', flags: 0 }])).toEqual([2, 1]);
    expect(registry.keys[1]).toEqual({
      key: 1,
      name: 'memory/lab/a',
      flags: 4096,
      volatility: 7,
      documentation: 'x',
    });
    expect(registry.keys[2]).toMatchObject({
      name: 'memory/lab/b',
      flags: 0,
      volatility: 0,
      documentation: '',
    });
  });

  it('a user adds instruments after all others', () => {
    const keys = memKeys({ more: [{ category: 'lab', infos: [{ name: 'mine' }] }] });
    expect(keys).toHaveLength(MEM_KEYS.length + 1);
    expect(keys.at(-1)).toMatchObject({ key: MEM_KEYS.length, name: 'memory/lab/mine' });
  });

  it('refuses categories and names that the server refuses', () => {
    const registry = new MemRegistry();
    for (const category of ['', 'a/b', 'x'.repeat(24)]) {
      expect(() => registry.register(category, [{ name: 'a' }])).toThrow(/category/);
    }
    expect(registry.register('x'.repeat(23), [{ name: 'a' }])).toEqual([1]);
    expect(() => registry.register('lab', [{ name: 'n'.repeat(117) }])).toThrow(/name of an instrument/);
    expect(registry.register('lab', [{ name: 'n'.repeat(116) }])).toEqual([2]);
  });
});
