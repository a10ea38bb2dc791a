/** Sessions that run programs, for tests: a small pool over pages in memory, two threads, memory that is counted. */
import type { SessionEnv } from '../session-env.ts';
import { ErrorLog } from '../../layout/error-log.ts';
import { Rng } from '../../layout/rng.ts';
import { GLOBAL_CONN_MEM, LEDGER, SESSION, THD } from '../../layout/session.ts';
import { MAX_TABLES, TABLE } from '../../layout/table.ts';
import { VirtualClock } from '../../layout/clock.ts';
import { heapLiveBlocks } from '../../memory/heap/malloc.ts';
import { MemRootEnv } from '../../memory/mem-root/mem-root-env.ts';
import { nodeMemoryInit, type NodeMemoryPlan, nodeMemoryPlan } from '../../memory/os/node-memory.ts';
import { type FaultPlan, OS_PAGE_BYTES, osSetFaults } from '../../memory/os/os-memory.ts';
import { Psi, psiAttach, psiInit, type PsiPlan, psiPlan } from '../../memory/psi/psi.ts';
import { BUF_BLOCK, POOL_STAT } from '../../layout/buffer.ts';
import {
  attachPool,
  attachPoolThread,
  makeSimplePool,
  type SimplePoolPlan,
} from '../../buffer/simple-pool.ts';
import { UNIV_PAGE_SIZE, writePageNo, writeSpace } from '../../storage/page.ts';
import type { PageStore } from '../../storage/page-store.ts';
import type { Thread } from '../../sync/thread.ts';
import { NIL } from '../../layout/schema.ts';
import type { Program, ProgramSet, StatementKind } from './program.ts';
import { STATEMENTS } from './program.ts';
import { makeProgramRuns, PROGRAM, type ProgramRun } from './program-run.ts';
import { THD_ERROR_HOOK } from '../thd/thd-error.ts';
import { globalConnMemInit, ThdMemCounter } from '../limits/thd-mem-cnt.ts';
import { thdConnectMemory, thdEndStatement, thdReleaseMemory } from '../thd/thd-memory.ts';
import {
  thdAttach,
  thdDetach,
  thdEnd,
  thdInit,
  thdNextCommand,
  thdPrepare,
  thdRestoreGlobals,
  thdSetup,
  thdStoreGlobals,
} from '../thd/thd.ts';

const THREADS = 2;
const SESSIONS = 4;
const FRAMES = 128;
const MEMORY_PAGES = 2048;
const { pageGets: PAGE_GETS, pagesRead: PAGES_READ } = POOL_STAT.at;
const B = BUF_BLOCK.at;

export interface ProgramKitOptions {
  readonly pages: number;
  readonly programs: readonly Program[];
  readonly set?: Partial<ProgramSet>;
  readonly seed?: number;
}

/** Pages that are zero but for their names; what is written stays. */
class ZeroStore implements PageStore {
  readonly bytes: Uint8Array;
  readonly written = new Map<number, Uint8Array>();
  /** Pages read, in order. */
  readonly reads: number[] = [];
  onRead: () => void = () => undefined;

  constructor(buffer: SharedArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
  }

  read(space: number, pageNo: number, frame: number): null {
    this.reads.push(pageNo);
    this.onRead();
    const before = this.written.get(pageNo);
    if (before !== undefined) this.bytes.set(before, frame);
    else {
      this.bytes.fill(0, frame, frame + UNIV_PAGE_SIZE);
      writePageNo(this.bytes, frame, pageNo);
      writeSpace(this.bytes, frame, space);
    }
    return null;
  }

  write(_space: number, pageNo: number, frame: number): void {
    this.written.set(pageNo, this.bytes.slice(frame, frame + UNIV_PAGE_SIZE));
  }
}

class KitClock extends VirtualClock {
  private readonly kit: ProgramKit;

  constructor(kit: ProgramKit) {
    super(1000);
    this.kit = kit;
  }

  override sleepUs(us: number): void {
    super.sleepUs(us);
    this.kit.onSleep(this.sleeps);
  }
}

export class ProgramKit {
  readonly mem: Int32Array;
  readonly plan: SimplePoolPlan;
  readonly store: ZeroStore;
  readonly clock: VirtualClock = new KitClock(this);
  /** Called after each sleep, with their number. */
  onSleep: (sleeps: number) => void = () => undefined;
  /** Threads 1 and 2. */
  readonly envs: readonly SessionEnv[];
  readonly runs: readonly (readonly ProgramRun[])[];
  readonly sessions: readonly number[];
  readonly thds: readonly number[];
  readonly os: number;
  readonly tables: number;

  constructor(o: ProgramKitOptions) {
    const at = { conn: 0, thd: 0, session: 0, table: 0, ledger: 0 };
    const planned: { psi?: PsiPlan; memory?: NodeMemoryPlan } = {};
    this.plan = makeSimplePool({
      clock: this.clock,
      config: {
        instances: 1,
        nStripes: 16,
        chunks: { bytes: FRAMES * UNIV_PAGE_SIZE, perInstance: 1 },
        oldBlocksPct: 37,
        nSpaces: 2,
        nThreads: THREADS,
      },
      place: (planner) => {
        planned.psi = psiPlan(planner, THREADS, { sessions: SESSIONS });
        at.conn = planner.place('conn', GLOBAL_CONN_MEM);
        at.thd = planner.place('thd', THD, SESSIONS);
        at.session = planner.place('session', SESSION, SESSIONS);
        at.table = planner.place('table', TABLE, MAX_TABLES);
        at.ledger = planner.place('ledger', LEDGER, o.pages);
        planned.memory = nodeMemoryPlan(planner, {
          bytes: MEMORY_PAGES * OS_PAGE_BYTES,
          nThreads: THREADS,
          name: 'os_memory',
        });
      },
    });
    const { psi: psiAt, memory } = planned;
    if (psiAt === undefined || memory === undefined) throw new Error('nothing was placed');
    this.mem = new Int32Array(this.plan.buffer);
    const { mem } = this;
    this.os = memory.at;
    this.tables = at.table;
    psiInit(mem, psiAt);
    nodeMemoryInit(mem, memory);
    globalConnMemInit(mem, at.conn, { tracking: true, chunkSize: 8192 });
    this.store = new ZeroStore(this.plan.buffer);
    const log = new ErrorLog();
    const pool = attachPool(this.plan, this.store, log);
    const psi = new Psi(psiAt, new ThdMemCounter(log));
    const set: ProgramSet = {
      programs: o.programs,
      pages: o.pages,
      access: { kind: 'uniform' },
      rangePages: 4,
      scanPages: 8,
      trace: null,
      ...o.set,
    };
    this.envs = [0, 1].map((slot) => {
      const thr = attachPoolThread(this.plan, slot, this.clock, { checked: true, seed: 100 + slot });
      psiAttach(thr, psi);
      const env = { os: memory.at, allOs: [memory.at], psi, sleepClock: this.clock, log };
      return {
        thr,
        pool,
        psi,
        log,
        my: new MemRootEnv({ ...env, errorHook: THD_ERROR_HOOK, checked: true }),
        yard: null,
        traceLength: Infinity,
        pages: { pool, ledger: at.ledger, tables: at.table, pagesPerSpace: o.pages, count: o.pages },
      };
    });
    this.runs = this.envs.map((env) => makeProgramRuns(env, set));
    this.thds = Array.from({ length: SESSIONS }, (_, i) => at.thd + i * THD.words);
    this.sessions = Array.from({ length: SESSIONS }, (_, i) => at.session + i * SESSION.words);
    for (const [i, thd] of this.thds.entries()) {
      thdSetup(mem, thd, at.conn, THREADS + 1 + i);
      mem[this.sessions[i] + SESSION.at.thd] = thd;
      new Rng(o.seed ?? 1, 1000 + i).save(mem, this.sessions[i] + SESSION.at.rng);
    }
  }

  thread(no = 0): Thread {
    return this.envs[no].thr;
  }

  connect(seat = 0, thread = 0): void {
    const { thr, my, psi, log } = this.envs[thread];
    const thd = this.thds[seat];
    thdInit(thr, thd, { sessionId: seat + 1, privileges: 0 });
    thdAttach(thr, psi, thd);
    if (!thdConnectMemory(thr, my, thd)) throw new Error('out of memory');
    thdPrepare(thr, thd);
    thdNextCommand(thr, thd, log);
    thdRestoreGlobals(thr, psi);
  }

  /** One command, as session.ts does it. @returns PROGRAM */
  command(seat = 0, thread = 0, program = 0): number {
    const done = this.statement(seat, thread, program);
    this.end(seat, thread);
    return done;
  }

  /** Up to the point at which its memory is freed. */
  statement(seat = 0, thread = 0, program = 0): number {
    const { thr, psi } = this.envs[thread];
    const session = this.sessions[seat];
    const run = this.runs[thread][program];
    thr.rng.load(this.mem, session + SESSION.at.rng);
    thdStoreGlobals(thr, psi, this.thds[seat]);
    if (this.mem[session + SESSION.at.transaction] === 0) run.begin(session);
    return run.statement(session);
  }

  end(seat = 0, thread = 0): void {
    const { thr, my, psi, log } = this.envs[thread];
    thdEndStatement(thr, my, this.thds[seat]);
    thdNextCommand(thr, this.thds[seat], log);
    thr.rng.save(this.mem, this.sessions[seat] + SESSION.at.rng);
    thdRestoreGlobals(thr, psi);
  }

  /** So many transactions. @returns statements done */
  transactions(n: number, seat = 0, program = 0): number {
    let statements = 0;
    for (let done = 0; done < n;) {
      const outcome = this.command(seat, 0, program);
      statements++;
      if (outcome === PROGRAM.over) break;
      if (outcome === PROGRAM.done) done++;
    }
    return statements;
  }

  close(seat = 0, thread = 0): void {
    const { thr, my, psi } = this.envs[thread];
    const thd = this.thds[seat];
    thdStoreGlobals(thr, psi, thd);
    thdReleaseMemory(thr, my, thd);
    thdEnd(thr, thd);
    thdDetach(thr, psi, thd);
  }

  /** Page gets of a thread so far. */
  gets(thread = 0): number {
    return this.mem[this.thread(thread).poolStats + PAGE_GETS];
  }

  misses(thread = 0): number {
    return this.mem[this.thread(thread).poolStats + PAGES_READ];
  }

  counts(seat = 0): Partial<Record<StatementKind, number>> {
    const at = this.sessions[seat] + SESSION.at.counts;
    return Object.fromEntries(STATEMENTS.map((s, i) => [s, this.mem[at + i]]).filter(([, n]) => n !== 0));
  }

  ledgerSum(): number {
    const { ledger, count } = this.envs[0].pages;
    let sum = 0;
    for (let page = 0; page < count; page++) sum += this.mem[ledger + page];
    return sum;
  }

  liveBlocks(): number {
    return heapLiveBlocks(this.mem, this.os);
  }

  failing(plan: FaultPlan): void {
    osSetFaults(this.thread(), this.os, plan);
  }

  /** Latches and pages that the threads hold, blocks that are fixed. */
  held(): number {
    let n = 0;
    for (const { thr } of this.envs) n += thr.heldCount + thr.memoCount;
    for (const { blocks, size } of this.envs[0].pool.instances[0].chunks) {
      for (let i = 0; i < size; i++) n += this.mem[blocks + i * BUF_BLOCK.words + B.fixCount];
    }
    return n;
  }

  /** Nobody works for it, and nothing of its statement is there. */
  statementMemory(seat = 0): number {
    const { value, sortKeys, tempTable } = THD.at;
    const thd = this.thds[seat];
    return [value, sortKeys, tempTable].filter((at) => this.mem[thd + at] !== NIL).length;
  }
}
