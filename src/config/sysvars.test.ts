import { describe, expect, it } from 'vitest';
import { OptionError } from './errors.ts';
import { sysvar } from './sysvar-table.ts';
import {
  allowed,
  defaults,
  findSysvar,
  parseSysvar,
  parseValue,
  settleSysvars,
  type Parsed,
  showSysvar,
  type Sysvar,
  SYSVARS,
  type SysvarValues,
} from './sysvars.ts';

const MIB = 2 ** 20;

/** The OptionError that `run` throws. */
function refusal(run: () => unknown): OptionError {
  let thrown: unknown;
  try {
    run();
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof OptionError)) throw new Error(`was not refused: ${String(thrown)}`);
  if (thrown.message.includes('\n')) throw new Error(`more than a line: ${thrown.message}`);
  return thrown;
}

const namesOf = (test: (v: (typeof SYSVARS)[number]) => boolean): string[] =>
  SYSVARS.filter(test).map((v) => v.name);

function row(name: string): Sysvar {
  const found = findSysvar(name);
  if (found === undefined) throw new Error(`no variable ${name}`);
  return found;
}

const show = (name: string, value: number | boolean): string => showSysvar(row(name), value);

const settle = (given: Partial<SysvarValues>): Parsed<SysvarValues> =>
  settleSysvars({ ...defaults(), ...given }, (name) => name in given);

describe('the table', () => {
  it.each([
    // facts B 1.6 and 13.6, A 7.1
    ['innodb_buffer_pool_size', 128 * MIB, 5 * MIB, Infinity],
    ['innodb_buffer_pool_instances', 0, 0, 64],
    ['innodb_buffer_pool_chunk_size', 128 * MIB, MIB, Number((2n ** 63n - 1n) / 64n)],
    ['innodb_page_hash_locks', 16, 1, 1024],
    ['innodb_lru_scan_depth', 1024, 100, 4294967295],
    ['innodb_old_blocks_pct', 37, 5, 95],
    ['innodb_old_blocks_time', 1000, 0, 4294967295],
    ['innodb_flush_neighbors', 0, 0, 2],
    ['innodb_io_capacity', 200, 100, 4294967295],
    ['innodb_io_capacity_max', 2000, 100, 4294967295],
    ['innodb_max_dirty_pages_pct', 90, 0, 99.999],
    ['innodb_max_dirty_pages_pct_lwm', 10, 0, 99.999],
    ['innodb_idle_flush_pct', 100, 0, 100],
    ['innodb_sync_spin_loops', 30, 0, 4294967295],
    ['innodb_spin_wait_delay', 6, 0, 1000],
    ['innodb_spin_wait_pause_multiplier', 50, 0, 100],
    ['connection_memory_limit', Infinity, 2097152, Infinity],
    ['global_connection_memory_limit', Infinity, 16777216, Infinity],
    ['connection_memory_chunk_size', 8912, 1, 536870912],
    ['connection_memory_status_limit', Infinity, 1, Infinity],
    ['global_connection_memory_status_limit', Infinity, 1, Infinity],
    ['max_execution_time', 0, 0, 4294967295],
  ])('has %s: %d, %d ... %d', (name, byDefault, min, max) => {
    expect(findSysvar(name)).toMatchObject({ default: byDefault, min, max });
  });

  it('has sound rows', () => {
    expect(new Set(SYSVARS.map((v) => v.name)).size).toBe(SYSVARS.length);
    for (const v of SYSVARS) {
      expect(v.option).toBe(v.name.replaceAll('_', '-'));
      expect(v.doc.length).toBeGreaterThan(10);
      // A default is a value like any other.
      expect(parseValue(v, showSysvar(v, v.default))).toEqual({ value: v.default, warnings: [] });
    }
  });

  it('knows what a session may set, and what can change at run time', () => {
    expect(namesOf((v) => v.scope === 'both')).toEqual([
      'connection_memory_limit',
      'connection_memory_chunk_size',
      'global_connection_memory_tracking',
      'max_execution_time',
    ]);
    expect(namesOf((v) => v.group === 'Connection memory' && v.mirrors !== '8.0.28')).toEqual([
      'connection_memory_status_limit',
      'global_connection_memory_status_limit',
    ]);
    expect(namesOf((v) => !v.dynamic)).toEqual([
      'innodb_buffer_pool_instances',
      'innodb_buffer_pool_chunk_size',
      'innodb_buffer_pool_debug',
      'innodb_adaptive_hash_index_parts',
      'innodb_page_hash_locks',
      'innodb_numa_interleave',
    ]);
  });

  it('gives every default', () => {
    const values = defaults();
    expect(Object.keys(values)).toEqual(SYSVARS.map((v) => v.name));
    expect(values.innodb_buffer_pool_size).toBe(134217728);
    expect(values.innodb_numa_interleave).toBe(false);
    values.innodb_io_capacity = 1;
    expect(defaults().innodb_io_capacity).toBe(200);
  });
});

describe('parseSysvar', () => {
  it.each([
    ['innodb_buffer_pool_size', '64M', 64 * MIB],
    ['innodb_buffer_pool_size', '64m', 64 * MIB],
    ['innodb_buffer_pool_size', ' 67108865 ', 67108865],
    ['innodb_buffer_pool_size', '2G', 2 ** 31],
    ['innodb_buffer_pool_size', '1T', 2 ** 40],
    ['innodb_buffer_pool_size', '8192K', 8 * MIB],
    ['innodb_buffer_pool_size', '9007199254740991', Number.MAX_SAFE_INTEGER],
    ['innodb_buffer_pool_size', '18446744073709551615', Infinity],
    ['INNODB-Buffer-Pool-Size', '5M', 5 * MIB],
    ['innodb_io_capacity', '2K', 2048],
    ['innodb_old_blocks_time', '4294967295', 4294967295],
    ['innodb_max_dirty_pages_pct', '12.5', 12.5],
    ['innodb_max_dirty_pages_pct', '1e1', 10],
    ['innodb_max_dirty_pages_pct_lwm', '.5', 0.5],
    ['innodb_numa_interleave', 'on', true],
    ['innodb_numa_interleave', '1', true],
    ['innodb_numa_interleave', 'True', true],
    ['innodb_buffer_pool_debug', 'OFF', false],
    ['innodb_buffer_pool_debug', '0', false],
    ['innodb_buffer_pool_debug', 'false', false],
  ])('%s = %s', (name, text, value) => {
    expect(parseSysvar(name, text)).toEqual({ value, warnings: [] });
  });

  it.each([
    ['innodb_buffer_pool_size', '1M', 5 * MIB],
    ['innodb_buffer_pool_size', '-1', 5 * MIB],
    ['innodb_buffer_pool_size', '18446744073709551616', Infinity],
    ['innodb_buffer_pool_size', '99999999999999999999999E', Infinity],
    ['innodb_buffer_pool_instances', '65', 64],
    ['innodb_buffer_pool_chunk_size', '1048577', MIB],
    ['innodb_buffer_pool_chunk_size', '3145727', 2 * MIB],
    ['innodb_lru_scan_depth', '99', 100],
    ['innodb_lru_scan_depth', '4294967296', 4294967295],
    ['innodb_old_blocks_pct', '4', 5],
    ['innodb_old_blocks_pct', '96', 95],
    ['innodb_page_hash_locks', '0', 1],
    ['innodb_page_hash_locks', '5000', 1024],
    ['innodb_max_dirty_pages_pct', '100', 99.999],
    ['innodb_max_dirty_pages_pct', '-0.1', 0],
    ['connection_memory_limit', '1', 2097152],
    ['global_connection_memory_limit', '1', 16777216],
    ['connection_memory_chunk_size', '0', 1],
    ['connection_memory_chunk_size', '536870913', 536870912],
  ])('%s = %s is clamped, with MySQL’s warning', (name, text, value) => {
    expect(parseSysvar(name, text)).toEqual({
      value,
      warnings: [`1292 Truncated incorrect ${name} value: '${text}'`],
    });
  });

  it.each([
    ['1', 1],
    ['3', 4],
    ['16', 16],
    ['17', 32],
    ['1023', 1024],
    ['1024', 1024],
  ])('innodb_page_hash_locks = %s is rounded up to a power of two', (text, value) => {
    expect(parseSysvar('innodb_page_hash_locks', text)).toEqual({ value, warnings: [] });
  });

  it.each(['', 'abc', '64X', '1.5G', '0x10', '1 2', 'NULL', '12KB', '--5', 'Infinity', 'NaN'])(
    'refuses a number like %j',
    (text) => {
      const error = refusal(() => parseSysvar('innodb_old_blocks_pct', text));
      expect(error.mysql).toEqual({ errno: 1232, sqlState: '42000' });
      expect(error.option).toBe('innodb_old_blocks_pct');
      expect(error.message).toBe(
        `1232 Incorrect argument type to variable 'innodb_old_blocks_pct': '${text}' ` +
          '(--innodb-old-blocks-pct takes an integer, 5 ... 95)',
      );
    },
  );

  it.each(['', 'ten', '1K', '1e999', 'NaN', '1..2'])('refuses a percentage like %j', (text) => {
    expect(refusal(() => parseSysvar('innodb_max_dirty_pages_pct', text)).mysql?.errno).toBe(1232);
  });

  it('refuses what is no switch', () => {
    const error = refusal(() => parseSysvar('innodb_numa_interleave', 'maybe'));
    expect(error.mysql).toEqual({ errno: 1231, sqlState: '42000' });
    expect(error.message).toContain("'innodb_numa_interleave' can't be set to the value of 'maybe'");
    expect(error.message).toContain('ON or OFF');
  });

  it('keeps a message to its line whatever the value', () => {
    expect(refusal(() => parseSysvar('innodb_old_blocks_pct', 'a\nb')).message).toContain(String.raw`'a\nb'`);
    expect(parseSysvar('innodb_old_blocks_pct', '\n4').warnings).toEqual([
      String.raw`1292 Truncated incorrect innodb_old_blocks_pct value: '\n4'`,
    ]);
  });

  it('refuses a variable that there is not', () => {
    const error = refusal(() => parseSysvar('innodb_nonsense', '1'));
    expect(error.message).toBe("Unknown system variable 'innodb_nonsense'");
    expect(error.mysql?.errno).toBe(1193);
  });

  it('takes a choice by name or number', () => {
    const v = sysvar(
      'test_choice',
      'enum',
      { default: 'none', choices: ['none', 'inserts', 'all'] },
      'for this test',
    );
    expect(parseValue(v, 'ALL').value).toBe('all');
    expect(parseValue(v, '1').value).toBe('inserts');
    expect(refusal(() => parseValue(v, '3')).message).toContain('one of none, inserts, all');
  });
});

describe('showing', () => {
  it('shows values as they can be typed', () => {
    expect(show('innodb_buffer_pool_size', 128 * MIB)).toBe('128M');
    expect(show('innodb_buffer_pool_size', 2 ** 40 + 1024)).toBe('1073741825K');
    expect(show('connection_memory_limit', Infinity)).toBe('18446744073709551615');
    expect(show('connection_memory_chunk_size', 8912)).toBe('8912');
    expect(show('innodb_numa_interleave', true)).toBe('ON');
    expect(show('innodb_max_dirty_pages_pct', 99.999)).toBe('99.999');
    expect(show('innodb_old_blocks_time', 0)).toBe('0');
    expect(allowed(row('innodb_buffer_pool_size'))).toBe(
      'bytes, also with K, M, G or T: 5M ... 18446744073709551615',
    );
  });
});

describe('settleSysvars', () => {
  it('leaves the defaults alone', () => {
    expect(settle({})).toEqual({ value: defaults(), warnings: [] });
  });

  it.each([
    [100, 2000],
    [1000, 2000],
    [1001, 2002],
    [4294967295, 4294967295],
  ])('innodb_io_capacity %i has a maximum of %i', (io, max) => {
    expect(settle({ innodb_io_capacity: io })).toMatchObject({
      value: { innodb_io_capacity_max: max },
      warnings: [],
    });
  });

  it('lowers innodb_io_capacity to a maximum that was set', () => {
    const { value, warnings } = settle({ innodb_io_capacity: 500, innodb_io_capacity_max: 300 });
    expect(value.innodb_io_capacity).toBe(300);
    expect(warnings).toEqual([
      'innodb_io_capacity cannot be set higher than innodb_io_capacity_max; it is set to 300',
    ]);
  });

  it('lowers the low water mark to the dirty page limit', () => {
    expect(settle({ innodb_max_dirty_pages_pct: 5 })).toMatchObject({
      value: { innodb_max_dirty_pages_pct_lwm: 5 },
      warnings: [],
    });
    const both = settle({ innodb_max_dirty_pages_pct: 5, innodb_max_dirty_pages_pct_lwm: 7 });
    expect(both.value.innodb_max_dirty_pages_pct_lwm).toBe(5);
    expect(both.warnings).toHaveLength(1);
  });
});
