import { describe, expect, it } from 'vitest';
import { SYSVARS as TABLE } from '../../config/sysvars.ts';
import { GLOBAL_CONN_MEM, THD } from '../../layout/session.ts';
import { SYSVARS } from '../../layout/thread.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import { connected } from './counter-kit.ts';
import {
  globalVariable,
  isSettable,
  sessionVariable,
  setGlobal,
  type SetOutcome,
  setSession,
} from './set-variable.ts';
import { PRIVILEGE, thdInit } from '../thd/thd.ts';

const MIB = 2 ** 20;
const DENIED = 'Access denied; you need (at least one of) the';

/** A session with the given privileges, and a DBA. */
function setUp(privileges = 0) {
  const s = connected({ privileges });
  const { thr, mem, conn, thd } = s;
  return {
    ...s,
    global: (name: string, text: string, actor = PRIVILEGE.super as number) =>
      setGlobal(thr, { connMem: conn }, actor, name, text),
    session: (name: string, text: string) => setSession(thr, thd, name, text),
    atGlobal: (name: string) => globalVariable(thr, conn, name),
    atSession: (name: string) => sessionVariable(mem, thd, name),
  };
}

const DONE: SetOutcome = { state: 'done', messages: [] };
const refusal = (code: number, text: string): SetOutcome => ({
  state: 'refused',
  messages: [{ code, text }],
});
const warning = (name: string, value: string): SetOutcome => ({
  state: 'done',
  messages: [{ code: 1292, text: `Truncated incorrect ${name} value: '${value}'` }],
});

describe('SET GLOBAL', () => {
  it.each([
    ['connection_memory_limit', '4M', 4 * MIB],
    ['connection_memory_limit', '2097152', 2 * MIB],
    ['connection_memory_limit', 'DEFAULT', Infinity],
    ['global_connection_memory_limit', '18446744073709551615', Infinity],
    ['global_connection_memory_limit', '16M', 16 * MIB],
    ['connection_memory_chunk_size', '1', 1],
    ['connection_memory_chunk_size', 'default', 8912],
    ['global_connection_memory_tracking', 'OFF', false],
    ['global_connection_memory_tracking', '1', true],
    ['connection_memory_status_limit', '1', 1],
    ['global_connection_memory_status_limit', '5G', 5 * 1024 * MIB],
    ['max_execution_time', '4294967295', 2 ** 32 - 1],
    ['innodb_sync_spin_loops', '100', 100],
    ['innodb_spin_wait_delay', '12', 12],
    ['innodb_spin_wait_pause_multiplier', '25', 25],
    ['innodb_old_blocks_time', '250', 250],
    ['innodb_lru_scan_depth', '512', 512],
    ['innodb_flush_neighbors', '2', 2],
    ['innodb_io_capacity', '1500', 1500],
    ['innodb_max_dirty_pages_pct_lwm', '12.5', 12.5],
  ])('%s = %s', (name, text, value) => {
    const { global, atGlobal } = setUp();
    expect([global(name, text), atGlobal(name)]).toEqual([DONE, value]);
    // As MySQL's programs write it.
    expect(global(name.toUpperCase().replaceAll('_', '-'), text)).toEqual(DONE);
  });

  it.each([
    ['connection_memory_limit', '1', 2 * MIB],
    ['connection_memory_limit', '-5', 2 * MIB],
    ['connection_memory_limit', '99999999999999999999', Infinity],
    ['global_connection_memory_limit', '1M', 16 * MIB],
    ['connection_memory_chunk_size', '0', 1],
    ['connection_memory_chunk_size', '1G', 512 * MIB],
    ['max_execution_time', '-1', 0],
    ['innodb_lru_scan_depth', '1', 100],
    ['innodb_flush_neighbors', '7', 2],
  ])('%s = %s is out of range: clamped, warning 1292', (name, text, value) => {
    const { global, atGlobal } = setUp();
    expect([global(name, text), atGlobal(name)]).toEqual([warning(name, text), value]);
  });

  it.each([
    [
      'connection_memory_limit',
      'NULL',
      1232,
      "Incorrect argument type to variable 'connection_memory_limit'",
    ],
    [
      'connection_memory_limit',
      "'4M'",
      1232,
      "Incorrect argument type to variable 'connection_memory_limit'",
    ],
    [
      'global_connection_memory_limit',
      '1.5',
      1232,
      "Incorrect argument type to variable 'global_connection_memory_limit'",
    ],
    [
      'global_connection_memory_tracking',
      '2',
      1231,
      "Variable 'global_connection_memory_tracking' can't be set to the value of '2'",
    ],
    ['innodb_numa_interleave', 'ON', 1238, "Variable 'innodb_numa_interleave' is a read only variable"],
    [
      'innodb_buffer_pool_instances',
      '2',
      1238,
      "Variable 'innodb_buffer_pool_instances' is a read only variable",
    ],
    ['connection_memory', '1', 1193, "Unknown system variable 'connection_memory'"],
    [
      'innodb_buffer_pool_size',
      '1G',
      1235,
      "This version of MySQL doesn't yet support 'SET GLOBAL innodb_buffer_pool_size'",
    ],
  ])('%s = %s is refused: %i', (name, text, code, message) => {
    const { mem, global } = setUp();
    const before = mem.slice();
    expect(global(name, text)).toEqual(refusal(code, message));
    expect(mem).toEqual(before);
  });

  it('needs SUPER or SYSTEM_VARIABLES_ADMIN', () => {
    const { global } = setUp();
    for (const actor of [0, PRIVILEGE.sessionVariablesAdmin, PRIVILEGE.connectionAdmin]) {
      for (const name of ['connection_memory_limit', 'max_execution_time', 'innodb_io_capacity']) {
        expect(global(name, '4M', actor)).toEqual(
          refusal(1227, `${DENIED} SUPER or SYSTEM_VARIABLES_ADMIN privilege(s) for this operation`),
        );
      }
    }
    expect(global('connection_memory_limit', '4M', PRIVILEGE.systemVariablesAdmin)).toEqual(DONE);
    // What there is not is told first.
    expect(global('nothing', '1', 0).messages[0].code).toBe(1193);
  });

  it('is for connections made later, but for the global limit', () => {
    const { thr, thds, mem, global, atSession } = setUp();
    const before = ['connection_memory_limit', 'connection_memory_chunk_size', 'max_execution_time'];
    const now = () => before.map((name) => atSession(name));
    expect(now()).toEqual([Infinity, 1000, 0]);
    global('connection_memory_limit', '3M');
    global('connection_memory_chunk_size', '500');
    global('max_execution_time', '70');
    global('global_connection_memory_tracking', 'OFF');
    expect([...now(), atSession('global_connection_memory_tracking')]).toEqual([Infinity, 1000, 0, true]);
    mem[thds[1] + THD.at.sessionId] = 0;
    thdInit(thr, thds[1], { sessionId: 9, privileges: 0 });
    expect(
      [...before, 'global_connection_memory_tracking'].map((name) => sessionVariable(mem, thds[1], name)),
    ).toEqual([3 * MIB, 500, 70, false]);
  });

  it('never waits for LOCK_global_conn_mem_limit', () => {
    const { kit, conn, global, atGlobal } = setUp();
    const other = kit.thread(2);
    mutexEnter(other, conn + GLOBAL_CONN_MEM.at.mutex);
    expect(global('global_connection_memory_limit', '20M')).toEqual({ state: 'busy', messages: [] });
    // InnoDB's variables have no such latch.
    expect(global('innodb_io_capacity', '300')).toEqual(DONE);
    mutexExit(other, conn + GLOBAL_CONN_MEM.at.mutex);
    expect(atGlobal('global_connection_memory_limit')).toBe(Infinity);
    expect(global('global_connection_memory_limit', '20M')).toEqual(DONE);
  });

  it('two stay below another one, with MySQL’s two warnings', () => {
    const { thr, conn, global, atGlobal } = setUp();
    expect(global('innodb_io_capacity', '5000').messages).toEqual([
      { code: 1210, text: 'innodb_io_capacity cannot be set higher than innodb_io_capacity_max.' },
      { code: 1210, text: 'Setting innodb_io_capacity to 2000' },
    ]);
    expect(atGlobal('innodb_io_capacity')).toBe(2000);
    const targets = { connMem: conn, ioCapacityMax: 10_000, maxDirtyPagesPct: 50 };
    expect(setGlobal(thr, targets, PRIVILEGE.super, 'innodb_io_capacity', '5000')).toEqual(DONE);
    expect(setGlobal(thr, targets, PRIVILEGE.super, 'innodb_max_dirty_pages_pct_lwm', '60').messages).toEqual(
      [
        {
          code: 1210,
          text: 'innodb_max_dirty_pages_pct_lwm cannot be set higher than innodb_max_dirty_pages_pct.',
        },
        { code: 1210, text: 'Setting innodb_max_dirty_page_pct_lwm to 50.000000' },
      ],
    );
    expect(atGlobal('innodb_max_dirty_pages_pct_lwm')).toBe(50);
  });

  it('threads see ticks and counts in the units of their record', () => {
    const { thr, global } = setUp();
    global('innodb_old_blocks_time', '4294967295');
    expect(thr.sysvar(SYSVARS.at.oldBlocksTicks) >>> 0).toBe(2 ** 32 - 1);
    global('innodb_sync_spin_loops', '4294967295');
    expect(thr.sysvar(SYSVARS.at.syncSpinLoops)).toBe(2 ** 31 - 1);
    global('innodb_max_dirty_pages_pct_lwm', '0.5');
    expect(thr.sysvar(SYSVARS.at.maxDirtyPagesPctLwm)).toBe(500);
  });

  it('all that is settable is dynamic and has a row in the table', () => {
    const settable = TABLE.filter((v) => isSettable(v.name));
    expect(settable).toHaveLength(15);
    expect(settable.every((v) => v.dynamic)).toBe(true);
  });
});

describe('SET SESSION', () => {
  it.each([
    ['SUPER', PRIVILEGE.super, true],
    ['SYSTEM_VARIABLES_ADMIN', PRIVILEGE.systemVariablesAdmin, true],
    ['SESSION_VARIABLES_ADMIN', PRIVILEGE.sessionVariablesAdmin, true],
    ['CONNECTION_ADMIN', PRIVILEGE.connectionAdmin, false],
    ['nothing', 0, false],
  ])('%s is enough: %i', (_name, privileges, enough) => {
    const { session } = setUp(privileges);
    const denied = refusal(
      1227,
      `${DENIED} SUPER, SYSTEM_VARIABLES_ADMIN or SESSION_VARIABLES_ADMIN privilege(s) for this operation`,
    );
    for (const [name, value] of [
      ['connection_memory_limit', '4M'],
      ['connection_memory_chunk_size', '1000'],
      ['global_connection_memory_tracking', 'ON'],
    ]) {
      expect(session(name, value)).toEqual(enough ? DONE : denied);
    }
    // Anybody may limit himself.
    expect(session('max_execution_time', '100')).toEqual(DONE);
  });

  it('counts at once, clamps and warns; DEFAULT is the global value', () => {
    const { global, session, atSession, add } = setUp(PRIVILEGE.sessionVariablesAdmin);
    expect(session('connection_memory_limit', '100')).toEqual(warning('connection_memory_limit', '100'));
    expect(atSession('connection_memory_limit')).toBe(2 * MIB);
    expect([add(2 * MIB), add(1)]).toEqual([0, -1]);
    global('connection_memory_limit', '7M');
    expect([session('connection_memory_limit', 'DEFAULT'), atSession('connection_memory_limit')]).toEqual([
      DONE,
      7 * MIB,
    ]);
    global('max_execution_time', '55');
    session('max_execution_time', 'default');
    session('global_connection_memory_tracking', 'off');
    session('connection_memory_chunk_size', '2K');
    expect(
      ['max_execution_time', 'global_connection_memory_tracking', 'connection_memory_chunk_size'].map(
        atSession,
      ),
    ).toEqual([55, false, 2048]);
    session('global_connection_memory_tracking', 'DEFAULT');
    expect(atSession('global_connection_memory_tracking')).toBe(true);
  });

  it.each([
    'global_connection_memory_limit',
    'connection_memory_status_limit',
    'global_connection_memory_status_limit',
    'innodb_io_capacity',
  ])('%s is global: cannot be set, cannot be read', (name) => {
    const { session, atSession } = setUp(PRIVILEGE.super);
    expect(session(name, '32M')).toEqual(
      refusal(1229, `Variable '${name}' is a GLOBAL variable and should be set with SET GLOBAL`),
    );
    expect(atSession(name)).toEqual({ code: 1238, text: `Variable '${name}' is a GLOBAL variable` });
  });

  it('refuses what SET GLOBAL refuses', () => {
    const { session, atSession } = setUp(PRIVILEGE.super);
    expect(session('nothing', '1')).toEqual(refusal(1193, "Unknown system variable 'nothing'"));
    expect(atSession('nothing')).toEqual({ code: 1193, text: "Unknown system variable 'nothing'" });
    expect(session('innodb_numa_interleave', '1').messages[0].code).toBe(1238);
    expect(session('connection_memory_limit', 'NULL').messages[0]).toEqual({
      code: 1232,
      text: "Incorrect argument type to variable 'connection_memory_limit'",
    });
  });

  it.each([
    ['connection_memory_limit', 'NULL', 1232],
    ['global_connection_memory_tracking', '2', 1231],
    ['connection_memory_limit', '1', 1227],
    ['connection_memory_limit', 'DEFAULT', 1227],
  ])('%s = %s: the value is looked at before the privileges: %i', (name, value, code) => {
    const { session, atSession } = setUp();
    const before = atSession(name);
    expect(session(name, value).messages.map((m) => m.code)).toEqual([code]);
    expect(atSession(name)).toEqual(before);
  });
});
