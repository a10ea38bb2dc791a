/**
 * Running programs: one statement at a time, on whichever thread has the session. Where a session stands in its program
 * lies in SESSION; a ProgramRun holds none of it.
 *
 * Words of SESSION that are used: `transaction`, `step`, `repeat`, `cursor` (row + 1; 0: not begun), and of `scratch` the
 * number of times that the present step is done, the table and the row of the last statement, the rounds of a block that
 * are left.
 */
import { SESSION } from '../../layout/session.ts';
import { MAX_TABLES } from '../../layout/table.ts';
import { CONTROL, OP } from '../../layout/thread.ts';
import type { ProgramSet, StatementKind } from './program.ts';
import { draw } from './program-keys.ts';
import { OUTCOME, runStatement } from './program-statement.ts';
import { type CompiledProgram, type CompiledStep, compileProgram } from './program-steps.ts';
import type { SessionEnv } from '../session-env.ts';

const { transaction: TRANSACTION, step: STEP, repeat: REPEAT } = SESSION.at;
const { scratch: TIMES, queries: QUERIES, counts: COUNTS } = SESSION.at;
const LOOPS = TIMES + 3;

/** What comes of a statement: the transaction goes on, it is done; nothing is left to do (the trace is at its end). */
export const PROGRAM = { more: 0, done: 1, over: 2 } as const;

/**
 * One per thread and program. The caller has the session, works for it (thdStoreGlobals), and has loaded its random
 * numbers into thr.rng; it saves them afterwards.
 */
export interface ProgramRun {
  /** Chooses the next transaction. Nothing is done yet. */
  begin(session: number): void;
  /**
   * The next statement of the transaction, as one command of the server. It ends early, with nothing latched or fixed,
   * when the session is killed, the run is ending, or memory is refused (raised in the THD): then the transaction has
   * not moved on, the statement is not counted, and `abandon` is next. Its memory is the caller's to free in any case
   * (thdEndStatement).
   * @returns PROGRAM
   * @throws what no session survives: InvariantViolation, StorageError, RunAborted ...
   */
  statement(session: number): number;
  /** Whether the next statement only reads: max_execution_time is for those. */
  onlyReads(session: number): boolean;
  /** The transaction under way is given up. */
  abandon(session: number): void;
}

/** What SQL would write as a SELECT. */
const READING: ReadonlySet<StatementKind> = new Set([
  'pointRead',
  'rangeRead',
  'peek',
  'scan',
  'sort',
  'tempTable',
  'group',
  'getVar',
]);

/**
 * Compiles the programs for the calling thread; every thread must compile the same set.
 * @throws RangeError for a program that cannot run on so many pages
 */
export function makeProgramRuns(env: SessionEnv, set: ProgramSet): readonly ProgramRun[] {
  const { thr, pages } = env;
  const o = {
    mem: thr.mem,
    rng: thr.rng,
    tables: pages.tables,
    tablesLeft: MAX_TABLES,
    traceCursor: thr.control + CONTROL.at.traceCursor,
    nextId: 1,
  };
  const runs: ProgramRun[] = [];
  for (const program of set.programs) runs.push(new Run(env, compileProgram(program, set, o)));
  return runs;
}

class Run implements ProgramRun {
  private readonly env: SessionEnv;
  private readonly program: CompiledProgram;

  constructor(env: SessionEnv, program: CompiledProgram) {
    this.env = env;
    this.program = program;
  }

  begin(session: number): void {
    const { mem, rng } = this.env.thr;
    const { weights } = this.program;
    let no = 0;
    if (weights.length > 1) {
      const x = rng.float() * weights[weights.length - 1];
      while (x >= weights[no]) no++;
    }
    this.abandon(session);
    mem[session + TRANSACTION] = no + 1;
  }

  abandon(session: number): void {
    const { mem } = this.env.thr;
    mem[session + TRANSACTION] = 0;
    mem[session + STEP] = 0;
    mem[session + REPEAT] = 0;
    mem[session + LOOPS] = 0;
  }

  onlyReads(session: number): boolean {
    const { mem } = this.env.thr;
    const { steps } = this.program.transactions[mem[session + TRANSACTION] - 1];
    return READING.has(steps[mem[session + STEP]].kind);
  }

  statement(session: number): number {
    const { thr } = this.env;
    const { mem } = thr;
    const { steps } = this.program.transactions[mem[session + TRANSACTION] - 1];
    const step = steps[mem[session + STEP]];
    const first = mem[session + REPEAT] === 0;
    mem[thr.op] = OP.statement;
    if (first && step.times !== null) mem[session + TIMES] = draw(thr, step.times);
    const outcome = runStatement(this.env, this.program, step, session, first);
    if (outcome === OUTCOME.done) {
      mem[session + QUERIES]++;
      mem[session + COUNTS + step.kindNo]++;
      return this.advance(session, steps);
    }
    if (outcome === OUTCOME.failed) return PROGRAM.more;
    this.abandon(session);
    return PROGRAM.over;
  }

  private advance(session: number, steps: readonly CompiledStep[]): number {
    const { thr } = this.env;
    const { mem } = thr;
    if (++mem[session + REPEAT] < mem[session + TIMES]) return PROGRAM.more;
    mem[session + REPEAT] = 0;
    const next = this.nextStep(session, steps, mem[session + STEP] + 1);
    if (next < steps.length) {
      mem[session + STEP] = next;
      return PROGRAM.more;
    }
    this.abandon(session);
    return PROGRAM.done;
  }

  /** The step to be done from place `next` on: blocks begin again, steps that this transaction does not have are passed. */
  private nextStep(session: number, steps: readonly CompiledStep[], next: number): number {
    const { thr } = this.env;
    const { mem } = thr;
    for (;;) {
      const { backTo, loops } = steps[next - 1];
      if (backTo >= 0) {
        if (mem[session + LOOPS] === 0) mem[session + LOOPS] = draw(thr, loops);
        if (--mem[session + LOOPS] > 0) next = backTo;
      }
      if (next === steps.length) return next;
      const { chance } = steps[next];
      if (chance >= 100 || thr.rng.float() * 100 < chance) return next;
      next++;
    }
  }
}
