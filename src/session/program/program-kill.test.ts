import { describe, expect, it } from 'vitest';
import { SESSION, THD } from '../../layout/session.ts';
import { CONTROL } from '../../layout/thread.ts';
import { KILLED } from '../limits/kill.ts';
import { type Program, STATEMENTS, type StatementKind, type Step } from './program.ts';
import { PROGRAM } from './program-run.ts';
import { ProgramKit } from './program-test-kit.ts';

const PAGES = 3000;
const { killed: KILLED_AT, stmtError: STMT_ERROR } = THD.at;
const { counts: COUNTS, step: STEP, repeat: REPEAT, transaction: TRANSACTION, cursor: CURSOR } = SESSION.at;

const TABLES = [
  { name: 't', rowsPerPage: 10, fanOut: 40, indexes: [{ name: 'i', rowsPerPage: 50, fanOut: 30 }] },
];
const EVERYTHING = { root: 2000, value: 5000, sort: 50_000, temp: 200_000, userVar: 500 } as const;

/** A statement of each kind that goes over many pages or takes much memory. */
const LONG: Readonly<Record<StatementKind, Step>> = {
  pointRead: { kind: 'pointRead', rows: 40, where: { by: 'i' } },
  rangeRead: { kind: 'rangeRead', rows: 1000 },
  update: { kind: 'update', rows: 40, indexes: ['i'] },
  intendUpdate: { kind: 'intendUpdate', rows: 40 },
  peek: { kind: 'peek', rows: 40 },
  scan: { kind: 'scan', rows: 1000, where: { key: 'cursor' } },
  allocators: { kind: 'allocators' },
  insert: { kind: 'insert', rows: 40, where: { key: 'append' } },
  delete: { kind: 'delete', rows: 40, where: { key: 'oldest' } },
  sort: { kind: 'sort', rows: 1000 },
  tempTable: { kind: 'tempTable', rows: 1000 },
  group: { kind: 'group', bytes: 2_000_000 },
  setVar: { kind: 'setVar' },
  getVar: { kind: 'getVar' },
  setSession: { kind: 'setSession', set: { variable: 'max_execution_time', value: '5000' } },
  begin: { kind: 'begin' },
  commit: { kind: 'commit' },
  rollback: { kind: 'rollback', pauseUs: 50_000 },
};
/** Those that read pages when they are not in the pool. */
const READING = STATEMENTS.filter(
  (kind) =>
    !['peek', 'allocators', 'setVar', 'getVar', 'setSession', 'begin', 'commit', 'rollback'].includes(kind),
);
const ALL = STATEMENTS.filter((kind) => kind !== 'allocators');

const programOf = (kind: StatementKind): Program => ({
  name: kind,
  doc: kind,
  tables: TABLES,
  prepared: 2000,
  access: { kind: 'uniform' },
  transactions: [{ name: kind, steps: [{ memory: EVERYTHING, ...LONG[kind] }] }],
});

function connected(kind: StatementKind): ProgramKit {
  const kit = new ProgramKit({ pages: PAGES, programs: [programOf(kind)] });
  kit.connect();
  return kit;
}

/** The statement has ended early: it holds nothing, has not moved on, and its memory goes with the statement. */
function expectEndedEarly(kit: ProgramKit, outcome: number): void {
  expect(outcome).toBe(PROGRAM.more);
  expect(kit.held()).toBe(0);
  expect(Object.keys(kit.counts())).toEqual([]);
  const [session] = kit.sessions;
  expect([kit.mem[session + STEP], kit.mem[session + REPEAT], kit.mem[session + CURSOR]]).toEqual([0, 0, 0]);
  kit.end();
  expect(kit.statementMemory()).toBe(0);
  kit.runs[0][0].abandon(session);
  expect(kit.mem[session + TRANSACTION]).toBe(0);
  kit.mem[kit.thds[0] + KILLED_AT] = 0;
}

/** It goes on as if nothing had been, and leaves nothing. */
function expectGoesOn(kit: ProgramKit, kind: StatementKind): void {
  expect(kit.command()).toBe(PROGRAM.done);
  expect(kit.mem[kit.sessions[0] + COUNTS + STATEMENTS.indexOf(kind)]).toBe(1);
  expect(kit.held()).toBe(0);
  kit.close();
  expect(kit.liveBlocks()).toBe(0);
}

describe('a kill', () => {
  it('is tried with all kinds', () => {
    expect(Object.keys(LONG).toSorted()).toEqual([...STATEMENTS].toSorted());
    expect(STATEMENTS.length).toBeLessThanOrEqual(24);
  });

  it.each(READING)('ends %s between two of its pages', (kind) => {
    const kit = connected(kind);
    let reads = 0;
    kit.store.onRead = () => {
      if (++reads === 8) Atomics.store(kit.mem, kit.thds[0] + KILLED_AT, KILLED.query);
    };
    expectEndedEarly(kit, kit.statement());
    // A range lets go every 32 leaves, and looks then; inner pages come on top.
    expect(reads).toBeLessThanOrEqual(
      kind === 'rangeRead' || kind === 'sort' || kind === 'tempTable' ? 36 : 12,
    );
    kit.store.onRead = () => undefined;
    expectGoesOn(kit, kind);
  });

  it.each(ALL)('ends %s before it has begun', (kind) => {
    const kit = connected(kind);
    kit.mem[kit.thds[0] + KILLED_AT] = KILLED.query;
    expectEndedEarly(kit, kit.statement());
    expect(kit.gets()).toBe(0);
    expectGoesOn(kit, kind);
  });

  it('ends a pause', () => {
    const kit = connected('rollback');
    kit.onSleep = (sleeps) => {
      if (sleeps === 2) kit.mem[kit.thds[0] + KILLED_AT] = KILLED.timeout;
    };
    expectEndedEarly(kit, kit.statement());
    // Of five pieces.
    expect(kit.clock.sleeps).toBe(2);
  });

  it.each(READING)('%s ends when the run does', (kind) => {
    const kit = connected(kind);
    const stop = kit.thread().control + CONTROL.at.stop;
    kit.store.onRead = () => {
      kit.mem[stop] = 1;
    };
    expectEndedEarly(kit, kit.statement());
    kit.mem[stop] = 0;
    kit.store.onRead = () => undefined;
    expectGoesOn(kit, kind);
  });
});

describe('out of memory', () => {
  // Blocks of 4 KiB and less come from what the heap has.
  it.each(ALL)('ends %s, whichever request is refused', (kind) => {
    let refused = 0;
    for (let after = 0; after < 6; after++) {
      const kit = connected(kind);
      kit.failing({ failAfter: after, failNext: 1 });
      const outcome = kit.statement();
      const failed = kit.mem[kit.thds[0] + STMT_ERROR] !== 0;
      kit.failing({});
      if (failed) {
        refused++;
        expectEndedEarly(kit, outcome);
      } else {
        expect(outcome).toBe(PROGRAM.done);
        kit.end();
        kit.mem.fill(0, kit.sessions[0] + COUNTS, kit.sessions[0] + COUNTS + STATEMENTS.length);
      }
      expectGoesOn(kit, kind);
    }
    expect(refused).toBeGreaterThan(1);
  });
});
