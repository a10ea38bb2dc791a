import { describe, expect, it } from 'vitest';
import { POOL_STAT } from '../../layout/buffer.ts';
import { SESSION, THD } from '../../layout/session.ts';
import type { Program, StatementKind, Step } from './program.ts';
import { planTables } from './program-tables.ts';
import { PROGRAM } from './program-run.ts';
import { changedParts, levels, one, PAGES, run, UNIFORM } from './program-runs-test-kit.ts';
import { ProgramKit } from './program-test-kit.ts';
import { PRIVILEGE } from '../thd/thd-accounts.ts';
import { thdErrorText } from '../thd/thd-error.ts';
import { backup, group, mixed, replay, report, SCAN } from '../programs/pages.ts';
import { sysbench, SYSBENCH_SCRIPTS } from '../programs/sysbench.ts';
import { ycsb } from '../programs/ycsb.ts';

describe('sysbench', () => {
  const tree = levels(sysbench('oltp_read_only'));

  it('has tables of three levels, an index of two', () => {
    expect(tree).toEqual({ sbtest: 3, 'sbtest.k': 2 });
    const [{ clustered, rows, pages }] = planTables(sysbench('oltp_read_only').tables, PAGES);
    // Root, 4 inner pages, 3754 leaves of 70 rows; root and 233 leaves of the index on k.
    expect(clustered.first).toEqual([0, 1, 5]);
    expect(rows).toBe(70 * Math.floor(rows / 70));
    expect(5 + rows / 70 + 1 + Math.ceil(rows / 1130)).toBeLessThanOrEqual(pages);
    expect(5 + (rows / 70 + 1) + 1 + Math.ceil((rows + 70) / 1130)).toBeGreaterThan(pages);
  });

  it.each([
    ['oltp_point_select', 3, 0],
    // The leaf; in the index the old entry and the new one.
    ['oltp_update_index', 3 + 2 * 2, 1 + 2],
    ['oltp_update_non_index', 3, 1],
    ['oltp_delete', 3 + 2, 1 + 1],
  ] as const)('%s touches %i pages, changes %i', (script, gets, changes) => {
    expect(run(sysbench(script), 50)).toMatchObject({ gets, changes, statements: 1 });
  });

  it('oltp_insert touches a page more, and changes two more, with the first row of a leaf', () => {
    // 70 rows fill a leaf; the second of two leaves has a page before it.
    const { kit, gets } = run(sysbench('oltp_insert'), 140);
    expect(gets * 140).toBe(140 * (3 + 2) + 1);
    expect(kit.ledgerSum()).toBe(140 * 2 + 1 + 2);
    expect(kit.mem[kit.tables]).toBe(140);
  });

  // BETWEEN id AND id + 99 over leaves of 70 rows: 2 leaves from 41 of 70 rows, else 3.
  const RANGE = tree.sbtest + 1 + 29 / 70;
  const READ_ONLY = 10 * tree.sbtest + 4 * RANGE;
  const WRITE = 3 + 2 * 2 + 3 + 2 * (3 + 2);

  it.each([
    ['oltp_read_only', READ_ONLY, 16],
    ['oltp_read_write', READ_ONLY + WRITE, 20],
    ['oltp_write_only', WRITE, 6],
  ] as const)('%s touches %f pages in a transaction of %i statements', (script, pages, statements) => {
    const r = run(sysbench(script, { rand: UNIFORM }), 120);
    expect(r.statements).toBe(statements);
    expect(r.gets / pages).toBeCloseTo(1, 2);
    expect(r.changes).toBe(script === 'oltp_read_only' ? 0 : 3 + 1 + 2 + 2);
  });

  it('has the queries of the scripts, and takes their options', () => {
    expect(run(sysbench('oltp_read_write'), 10).kit.counts()).toEqual({
      begin: 10,
      pointRead: 100,
      rangeRead: 20,
      sort: 10,
      tempTable: 10,
      update: 20,
      delete: 10,
      insert: 10,
      commit: 10,
    });
    const o = { pointSelects: 2, simpleRanges: 0, sumRanges: 0, orderRanges: 3, distinctRanges: 0 };
    const more = { indexUpdates: 0, nonIndexUpdates: 2, deleteInserts: 2, skipTrx: true };
    expect(run(sysbench('oltp_read_write', { ...o, ...more }), 10).kit.counts()).toEqual({
      pointRead: 20,
      sort: 30,
      update: 20,
      delete: 20,
      insert: 20,
    });
  });

  it('puts back the row that it deletes', () => {
    const { kit } = run(sysbench('oltp_write_only', { indexUpdates: 0, nonIndexUpdates: 0 }), 40);
    const { ledger } = kit.envs[0].pages;
    for (let page = 0; page < PAGES; page++) expect(kit.mem[ledger + page] % 2, `page ${page}`).toBe(0);
  });

  it('several tables share the pages; those of a step have one', () => {
    const program = sysbench('oltp_point_select', { tables: 4, rand: UNIFORM });
    const [table] = planTables(program.tables, PAGES);
    expect(table).toMatchObject({ count: 4, pages: 1000, base: 0 });
    expect(levels(program)).toEqual({ sbtest: 2, 'sbtest.k': 2 });
    const { kit } = run(sysbench('oltp_update_non_index', { tables: 4, rand: UNIFORM }), 400);
    const parts = changedParts(kit, table);
    for (const share of parts) expect(share).toBeGreaterThan(0.15);
    const ten = sysbench('oltp_write_only', {
      tables: 4,
      indexUpdates: 0,
      nonIndexUpdates: 10,
      deleteInserts: 0,
    });
    const once = run(ten, 1).kit;
    expect(changedParts(once, table).filter((share) => share > 0)).toEqual([1]);
  });

  it('oltp_insert sends its statement as text, all others are prepared', () => {
    for (const script of SYSBENCH_SCRIPTS) {
      const kit = new ProgramKit({ pages: PAGES, programs: [sysbench(script)] });
      kit.connect();
      const before = kit.liveBlocks();
      kit.transactions(2);
      // What mem_root keeps for the next statement is there in any case.
      const kept = kit.liveBlocks() - before - 1;
      if (script === 'oltp_insert') expect(kept, script).toBe(0);
      else expect(kept, script).toBeGreaterThan(1);
    }
  });

  it('statements are prepared once in a connection', () => {
    const kit = new ProgramKit({ pages: PAGES, programs: [sysbench('oltp_read_write')] });
    kit.connect();
    const before = kit.liveBlocks();
    kit.command();
    const prepared = kit.liveBlocks() - before;
    kit.transactions(3);
    expect(kit.liveBlocks() - before).toBe(prepared);
    // A block and an arena for each of 11 statements, and the session's own arena.
    expect(prepared).toBe(2 * 11 + 1);
  });
});

describe('YCSB', () => {
  const { usertable } = levels(ycsb('a'));
  // 1 to 100 rows on leaves of 10: from any row of the first.
  const SCAN_PAGES = usertable + 49.5 / 10;

  it.each([
    ['a', usertable, 0.5, { pointRead: 0.5, update: 0.5 }],
    ['b', usertable, 0.05, { pointRead: 0.95, update: 0.05 }],
    ['c', usertable, 0, { pointRead: 1 }],
    ['d', usertable, 0.05, { pointRead: 0.95, insert: 0.05 }],
    ['e', 0.95 * SCAN_PAGES + 0.05 * usertable, 0.05, { rangeRead: 0.95, insert: 0.05 }],
    ['f', 1.5 * usertable, 0.5, { pointRead: 1, update: 0.5 }],
  ] as const)('%s touches %f pages', (workload, pages, changes, mix) => {
    const n = 1000;
    const r = run(ycsb(workload), n);
    expect(Math.abs(r.gets / pages - 1)).toBeLessThan(0.03);
    expect(Math.abs(r.changes - changes)).toBeLessThan(0.03);
    const counts = r.kit.counts();
    expect(Object.keys(counts).toSorted()).toEqual(Object.keys(mix).toSorted());
    for (const [kind, share] of Object.entries(mix)) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a key of the row above
      expect(Math.abs((counts[kind as StatementKind] ?? 0) / n - share)).toBeLessThan(0.03);
    }
  });

  it('F writes the record that it has read', () => {
    const { kit } = run({ ...ycsb('f'), transactions: ycsb('f').transactions.slice(1) }, 1);
    // Both have the same way down; the second finds all pages in the pool.
    expect(kit.misses()).toBe(usertable);
    expect(kit.gets()).toBe(2 * usertable);
  });

  it('D reads what was inserted last', () => {
    const kit = new ProgramKit({ pages: PAGES, programs: [ycsb('d')] });
    kit.connect();
    kit.mem[kit.tables] = 1000;
    kit.transactions(400);
    const { scratch } = SESSION.at;
    const rows = new Set<number>();
    for (let i = 0; i < 200; i++) {
      kit.transactions(1);
      rows.add(kit.mem[kit.sessions[0] + scratch + 2]);
    }
    const inserted = kit.mem[kit.tables];
    expect(inserted).toBeGreaterThan(1000);
    // New rows have the numbers below `inserted`: half of the reads go there.
    const newest = [...rows].filter((row) => row < inserted).length;
    expect(newest / rows.size).toBeGreaterThan(0.4);
  });
});

describe("this testbed's own", () => {
  it('mixed has its shares', () => {
    const n = 1200;
    const { kit, gets, changes } = run(mixed({ updatePct: 20 }), n, 1000);
    const counts = kit.counts();
    const share = (kind: StatementKind): number => (counts[kind] ?? 0) / n;
    expect(share('update') + share('intendUpdate')).toBeCloseTo(0.2, 1);
    expect(share('pointRead')).toBeCloseTo(0.56, 1);
    expect(share('rangeRead')).toBeCloseTo(0.16, 1);
    expect(share('peek')).toBeCloseTo(0.08, 1);
    expect(changes).toBe(share('update') + share('intendUpdate'));
    const expected = share('pointRead') + 4 * share('rangeRead') + share('peek') + share('update');
    // A range at the end is shorter; an intended update gets its page twice.
    expect(gets / (expected + 2 * share('intendUpdate'))).toBeCloseTo(1, 1);
    expect(run(mixed({ updatePct: 0, rangePages: 7 }), 20, 1000).changes).toBe(0);
  });

  it('backup reads all pages in their order, pass after pass, and makes none young', () => {
    const kit = new ProgramKit({ pages: 500, programs: [backup()] });
    kit.connect();
    // 8 pages a piece, the last has 4.
    const pass = Math.ceil(500 / 8);
    kit.transactions(pass);
    expect([kit.gets(), kit.misses()]).toEqual([500, 500]);
    kit.transactions(pass);
    expect([kit.gets(), kit.misses()]).toEqual([1000, 1000]);
    expect(kit.store.reads).toEqual([...Array(1000).keys()].map((i) => i % 500));
    expect(kit.mem[kit.thread().poolStats + POOL_STAT.at.makeYoungMoves]).toBe(0);
  });

  it('a scan makes pages young, unless it keeps them where they are', () => {
    const program = (step: Step): Program => one({ ...step, where: { key: UNIFORM } });
    const kit = new ProgramKit({
      pages: 160,
      programs: [
        program({ kind: 'pointRead', rows: 50 }),
        program({ kind: 'scan', rows: 4, keepOld: true }),
        program({ kind: 'scan', rows: 4 }),
      ],
    });
    kit.connect();
    const moves = (): number => kit.mem[kit.thread().poolStats + POOL_STAT.at.makeYoungMoves];
    kit.transactions(40);
    const before = moves();
    kit.transactions(60, 0, 1);
    expect(moves()).toBe(before);
    kit.transactions(60, 0, 2);
    expect(moves()).toBeGreaterThan(before);
  });

  it('backup throttled waits after each piece', () => {
    const kit = new ProgramKit({ pages: 500, programs: [backup({ pauseUs: 25_000 })] });
    kit.connect();
    kit.transactions(4);
    expect([kit.clock.sleptUs, kit.clock.sleeps]).toEqual([100_000, 12]);
  });

  it('scan begins anywhere, and comes round', () => {
    const kit = new ProgramKit({ pages: 300, programs: [SCAN] });
    kit.connect();
    // A piece at the end is shorter.
    while (kit.gets() < 300) kit.command();
    const [first] = kit.store.reads;
    expect(first).toBeGreaterThan(0);
    expect(kit.store.reads.slice(0, 300)).toEqual([...Array(300).keys()].map((i) => (first + i) % 300));
  });

  it('replay takes the requests of a trace, whoever asks, and is over then', () => {
    const trace = Uint32Array.of(5, 3, 3, 999, 7);
    const kit = new ProgramKit({ pages: 500, programs: [replay()], set: { trace } });
    kit.connect(0, 0);
    kit.connect(1, 1);
    const outcomes = [0, 1, 1, 0, 1, 0, 1].map((who) => kit.command(who, who));
    const { done, over } = PROGRAM;
    expect(outcomes).toEqual([done, done, done, done, done, over, over]);
    expect(kit.store.reads).toEqual([5, 3, 499, 7]);
  });

  it('a replay without a trace is refused', () => {
    expect(() => new ProgramKit({ pages: 500, programs: [replay()] })).toThrow('the run has none');
  });

  it('group reads a page for each piece of its value; report sorts and has a temporary table before', () => {
    const r = run(group({ bytes: 1_000_000 }), 2, 500);
    expect(r.gets).toBe(Math.ceil(1_000_000 / 65_536));
    expect(run(report({ bytes: 100_000 }), 2).kit.counts()).toEqual({
      rangeRead: 2,
      sort: 2,
      tempTable: 2,
      group: 2,
    });
  });
});

describe('steps', () => {
  it('are done as often as they say, by chance, in blocks, and as often as the one before', () => {
    const program: Program = {
      ...one(),
      transactions: [
        {
          name: 'all',
          steps: [
            { kind: 'begin', times: 3 },
            { kind: 'commit', times: 'same' },
            { kind: 'rollback', chance: 0 },
            { times: 2, steps: [{ kind: 'pointRead', times: 2 }, { kind: 'update' }] },
            { times: [1, 3], steps: [{ kind: 'setVar', chance: 50 }] },
          ],
        },
      ],
    };
    const { kit } = run(program, 150);
    const { setVar = 0, ...counts } = kit.counts();
    expect(counts).toEqual({ begin: 450, commit: 450, pointRead: 600, update: 300 });
    expect(setVar / 150).toBeCloseTo(1, 0);
  });

  it('read along the leaves, and let go now and then', () => {
    // 100 pages of one row: the first mini-transaction has 32 leaves, and the others find theirs at once.
    expect(run(one({ kind: 'rangeRead', rows: 100, where: { key: 'cursor' } }), 1).gets).toBe(100);
    const indexed: Program = {
      ...one({ kind: 'rangeRead', rows: 1000, where: { key: 'cursor' } }),
      tables: [{ name: 't', rowsPerPage: 10, fanOut: 50 }],
    };
    expect(run(indexed, 1).gets).toBe(levels(indexed).t - 1 + 100);
  });

  it('go over the newest rows up to the one that is drawn, not over what lies behind it', () => {
    const newest = { kind: 'latest', exponent: 2 } as const;
    const program: Program = {
      ...one(
        { kind: 'rangeRead', rows: 100, where: { key: newest } },
        { kind: 'insert', where: { key: 'append' } },
      ),
      tables: [{ name: 't', rowsPerPage: 10, loaded: 0.5 }],
    };
    const { kit } = run(program, 20, 100);
    // 100 rows on leaves of 10, from any row on: 10 or 11 leaves, all of them loaded, none behind the 20 new rows.
    expect(kit.gets()).toBeGreaterThanOrEqual(20 * 11);
    expect(Math.min(...kit.store.reads)).toBeGreaterThan(20);
    expect(Math.max(...kit.store.reads)).toBeLessThanOrEqual(52);
  });

  it('look up rows by another index, several rows at once', () => {
    const program: Program = {
      ...one({ kind: 'pointRead', rows: 5, where: { by: 'i' } }),
      tables: [
        { name: 't', rowsPerPage: 10, fanOut: 50, indexes: [{ name: 'i', rowsPerPage: 100, fanOut: 90 }] },
      ],
    };
    expect(run(program, 20).gets).toBe(5 * (levels(program).t + levels(program)['t.i']));
  });

  it('find rows of the statement before', () => {
    const { kit } = run(one({ kind: 'pointRead' }, { kind: 'update', where: { key: 'same' } }), 50);
    expect(kit.gets() - kit.misses()).toBeGreaterThanOrEqual(50);
    expect(kit.misses()).toBeLessThanOrEqual(50);
  });
});

describe('setSession', () => {
  const set = (variable: string, value: string): Program =>
    one({ kind: 'setSession', set: { variable, value } }, { kind: 'begin' });

  it('gives the session a value of its own, from the next statement on', () => {
    const kit = new ProgramKit({ pages: PAGES, programs: [set('max_execution_time', '250')] });
    kit.connect();
    expect(kit.command()).toBe(PROGRAM.more);
    expect(kit.mem[kit.thds[0] + THD.at.maxExecutionTime]).toBe(250);
    expect(kit.counts()).toEqual({ setSession: 1 });
    kit.close();
  });

  it('of connection memory needs a privilege', () => {
    const kit = new ProgramKit({ pages: PAGES, programs: [set('connection_memory_chunk_size', '64K')] });
    kit.connect();
    const [thd] = kit.thds;
    kit.statement();
    expect([kit.mem[thd + THD.at.stmtError], thdErrorText(kit.mem, thd)]).toEqual([
      1227,
      'Access denied; you need (at least one of) the SUPER, SYSTEM_VARIABLES_ADMIN or SESSION_VARIABLES_ADMIN ' +
        'privilege(s) for this operation',
    ]);
    expect(kit.mem[thd + THD.at.chunkSize]).not.toBe(65_536);
    kit.end();
    kit.mem[thd + THD.at.privileges] = PRIVILEGE.sessionVariablesAdmin;
    expect(kit.command()).toBe(PROGRAM.more);
    expect(kit.mem[thd + THD.at.chunkSize]).toBe(65_536);
    kit.close();
  });
});
