import { describe, expect, it } from 'vitest';
import { MEM_KEY, MEM_KEYS, PSI_FLAG } from './psi-keys.ts';
import { psiSetConsumers, psiSetInstrument, psiSetInstrumented, setupInstruments } from './psi-setup.ts';
import { memorySummaryByThread, memorySummaryGlobal } from './psi-tables.ts';
import { psiFailed, psiMapped, psiMemoryAlloc, psiRetried } from './psi.ts';
import { utStatSum } from './psi-ut-stat.ts';
import { MemoryKit, type MemoryKitOptions } from '../test-kit.ts';

function setUp(psiOptions: MemoryKitOptions['psi'] = {}) {
  const kit = new MemoryKit({ pages: [4], psi: psiOptions });
  const { mem, psi } = kit;
  const row = (name: string) => setupInstruments(mem, psi).find((r) => r.NAME === name);
  return { kit, mem, psi, row };
}

describe('setup_instruments', () => {
  it('has all instruments, enabled, with MySQL’s columns in MySQL’s order', () => {
    const { mem, psi, row } = setUp();
    const rows = setupInstruments(mem, psi);
    expect(rows.map((r) => r.NAME)).toEqual(MEM_KEYS.slice(1).map((k) => k.name));
    expect(rows.every((r) => r.ENABLED === 'YES')).toBe(true);
    expect(Object.keys(rows[0])).toEqual([
      'NAME',
      'ENABLED',
      'TIMED',
      'PROPERTIES',
      'FLAGS',
      'VOLATILITY',
      'DOCUMENTATION',
    ]);
    expect(row('memory/sql/String::value')).toMatchObject({
      TIMED: null,
      PROPERTIES: 'controlled_by_default',
      FLAGS: 'controlled',
      VOLATILITY: 0,
      DOCUMENTATION: null,
    });
    expect(row('memory/sql/acl_cache')).toMatchObject({ PROPERTIES: 'global_statistics', FLAGS: '' });
    expect(row('memory/innodb/std')).toMatchObject({ PROPERTIES: '', FLAGS: '' });
    expect(row('memory/sql/TABLE')?.DOCUMENTATION).toMatch(/^Open tables/);
  });

  it('ENABLED and FLAGS change; properties do not, and global instruments are never controlled', () => {
    const { mem, psi, row } = setUp();
    psiSetInstrument(mem, psi, MEM_KEY.stringValue, { enabled: false, controlled: false });
    expect(row('memory/sql/String::value')).toMatchObject({
      ENABLED: 'NO',
      PROPERTIES: 'controlled_by_default',
      FLAGS: '',
    });
    psiSetInstrument(mem, psi, MEM_KEY.stringValue, { enabled: true });
    expect(row('memory/sql/String::value')).toMatchObject({ ENABLED: 'YES', FLAGS: '' });
    for (const key of [MEM_KEY.std, MEM_KEY.aclCache]) psiSetInstrument(mem, psi, key, { controlled: true });
    expect(row('memory/innodb/std')?.FLAGS).toBe('controlled');
    expect(row('memory/sql/acl_cache')?.FLAGS).toBe('');
  });

  it('refuses keys without an instrument', () => {
    const { mem, psi } = setUp({ version: '5.7' });
    for (const key of [0, -1, MEM_KEYS.length, MEM_KEY.clone]) {
      expect(() => psiSetInstrument(mem, psi, key, { enabled: true })).toThrow(RangeError);
    }
  });
});

describe('which instruments there are', () => {
  it('only the first ones, when so many are planned', () => {
    const { kit, mem, psi } = setUp({ keys: 3 });
    expect(setupInstruments(mem, psi)).toHaveLength(2);
    const thr = kit.thread(1);
    expect(psiMemoryAlloc(thr, psi, 2, 10)).not.toBe(0);
    expect(psiMemoryAlloc(thr, psi, 3, 10)).toBe(0);
    expect(memorySummaryGlobal(mem, psi)).toHaveLength(2);
  });

  it('those of a version: 5.7 does not know clone data', () => {
    const { kit, mem, psi } = setUp({ version: '5.7' });
    const thr = kit.thread(1);
    expect(psiMemoryAlloc(thr, psi, MEM_KEY.clone, 10)).toBe(0);
    expect(psiMemoryAlloc(thr, psi, MEM_KEY.std, 10)).toBe(MEM_KEY.std);
    expect(memorySummaryGlobal(mem, psi)).toHaveLength(MEM_KEYS.length - 1 - 7);
  });

  it('a user’s own', () => {
    const infos = [{ name: 'mine', flags: PSI_FLAG.memCollect }];
    const { kit, mem, psi, row } = setUp({ more: [{ category: 'lab', infos }] });
    expect(row('memory/lab/mine')).toMatchObject({ ENABLED: 'YES', FLAGS: 'controlled' });
    const thr = kit.thread(1);
    psiMemoryAlloc(thr, psi, psi.nKeys - 1, 10);
    expect(memorySummaryGlobal(mem, psi).at(-1)).toMatchObject({
      EVENT_NAME: 'memory/lab/mine',
      CURRENT_NUMBER_OF_BYTES_USED: 10,
    });
  });
});

it('consumers and threads are switched one by one', () => {
  const { kit, mem, psi } = setUp({ keys: 2 });
  const [a, b] = [kit.thread(1), kit.thread(2)];
  psiSetInstrumented(mem, psi, 2, false);
  psiMemoryAlloc(a, psi, 1, 10);
  psiMemoryAlloc(b, psi, 1, 10);
  const byThread = () => memorySummaryByThread(mem, psi).map((r) => r.COUNT_ALLOC);
  expect(byThread()).toEqual([1, 0]);
  psiSetConsumers(mem, psi, { threadInstrumentation: false });
  psiMemoryAlloc(a, psi, 1, 10);
  psiSetConsumers(mem, psi, { globalInstrumentation: false, threadInstrumentation: true });
  psiMemoryAlloc(a, psi, 1, 10);
  expect([byThread(), memorySummaryGlobal(mem, psi)[0].COUNT_ALLOC]).toEqual([[1, 0], 2]);
});

it('retries, failures and large blocks by thread and key, the bit of connections left out', () => {
  const { kit, mem, psi } = setUp();
  const [a, b] = [kit.thread(1), kit.thread(2)];
  const key = MEM_KEY.stringValue;
  psiRetried(a, psi, key);
  psiRetried(b, psi, key);
  psiFailed(b, psi, key);
  psiMapped(a, psi, psiMemoryAlloc(a, psi, key, 2 ** 33), 2 ** 33);
  psiMapped(a, psi, key, 4096);
  psiMapped(b, psi, key, -4096);
  expect(utStatSum(mem, psi, key)).toEqual({ retries: 2, failures: 1, mappedCount: 1, mappedBytes: 2 ** 33 });
  // Keys that are not planned are told of under key 0.
  psiRetried(a, psi, MEM_KEYS.length + 5);
  expect(utStatSum(mem, psi, 0).retries).toBe(1);
});
