/**
 * Scenarios for what may happen to a session while it works: kills (src/session/limits/kill.ts) against its memory
 * counter and its commands, and the statement timer (src/session/limits/stmt-timer.ts). Thread 0 runs the session.
 */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import type { Clock } from '../../../src/layout/clock.ts';
import { THD } from '../../../src/layout/session.ts';
import { getU53 } from '../../../src/layout/words.ts';
import {
  KILLED,
  thdAwake,
  thdBeginCommand,
  thdEndCommand,
  thdKillMessage,
  thdTryKill,
} from '../../../src/session/limits/kill.ts';
import { stmtTimerLook } from '../../../src/session/limits/stmt-timer.ts';
import { ER_DA_CONN_LIMIT, memCntAlloc, memCntSetSession } from '../../../src/session/limits/thd-mem-cnt.ts';
import { thdKilled, thdStatementDone } from '../../../src/session/thd/thd.ts';
import type { Thread } from '../../../src/sync/thread.ts';
import { checkNothingHeld } from '../guarded.ts';
import { must } from '../kit.ts';
import { Sessions } from '../session-kit.ts';

const { killed: KILLED_AT, memError: MEM_ERROR, memErrorLimit: LIMIT, memErrorUsed: USED } = THD.at;
const { command: COMMAND, maxExecutionTime: MAX_EXECUTION_TIME } = THD.at;
const CONNECTION = 1;

type Body = (ctx: Ctx<Sessions>) => unknown;

const threadOf = (ctx: Ctx<Sessions>): Thread => ctx.s.threads[ctx.id];
const thdOf = (ctx: Ctx<Sessions>): number => ctx.s.thds[0];
const killedNow = (s: Sessions): number => s.mem[s.thds[0] + KILLED_AT];

const SESSION_LIMIT = 2000;
const OVER = 3000;
const NOTHING = 'error 0, limit 0, used 0';

/** What a statement over its limit has seen. */
interface OverLimit {
  /** Results of two allocations. */
  readonly raised: readonly number[];
  /** killed_state before the command ended, and after. */
  readonly seen: number;
  readonly after: number;
  readonly told: boolean;
}

/** A command passes the limits of the session and of all sessions at once, and goes on allocating. */
function overLimit(ctx: Ctx<Sessions>): OverLimit {
  const { s } = ctx;
  const thr = threadOf(ctx);
  const thd = thdOf(ctx);
  thdBeginCommand(thr, thd);
  const raised = [memCntAlloc(thr, thd, OVER, s.log), memCntAlloc(thr, thd, 10, s.log)];
  const seen = thdKilled(s.mem, thd);
  const told = thdKillMessage(s.mem, thd) !== null;
  thdStatementDone(thr, thd);
  thdEndCommand(thr, thd);
  return { raised, seen, after: thdKilled(s.mem, thd), told };
}

const killConnection: Body = (ctx) => thdAwake(threadOf(ctx), thdOf(ctx), KILLED.connection);

/** KILL QUERY. Returns what is killed then. */
const killQuery: Body = (ctx) => {
  thdAwake(threadOf(ctx), thdOf(ctx), KILLED.query);
  return thdKilled(ctx.s.mem, thdOf(ctx));
};

/** For a thread that must not wait. Tries a few times. */
const tryKill: Body = (ctx) => {
  const thr = threadOf(ctx);
  let result = thdTryKill(thr, thdOf(ctx), CONNECTION, KILLED.connection);
  if (result === 'busy') result = thdTryKill(thr, thdOf(ctx), CONNECTION, KILLED.connection);
  return result;
};

/**
 * One report when the limit was passed first, and it says what limit and use were then; none when a kill came
 * first, for that is told.
 */
function checkReport(s: Sessions, { raised, seen, told }: OverLimit): void {
  const { mem } = s;
  const [thd] = s.thds;
  const reported = raised[0] === -1;
  must(raised[1] === 0, `allocations returned ${raised.join(' and ')}`);
  const limit = getU53(mem, thd + LIMIT);
  const used = getU53(mem, thd + USED);
  const error = `error ${mem[thd + MEM_ERROR]}, limit ${limit}, used ${used}`;
  must(
    error === (reported ? `error ${ER_DA_CONN_LIMIT}, limit ${SESSION_LIMIT}, used ${OVER}` : NOTHING),
    error,
  );
  must(told !== reported, `the client is told of ${told ? 'error and kill' : 'neither error nor kill'}`);
  must(!reported || seen === KILLED.connection, 'a session over its limit is not killed');
  const lines = reported ? 1 : 0;
  must(s.log.lines.length === lines, `${s.log.lines.length} lines in the error log, not ${lines}`);
  must(mem[thd + COMMAND] === 0, 'a command is left that has ended');
  checkNothingHeld(s.kit);
}

/** Two commands; returns what killed them: in the first, between them, in the second, after it. */
function twoCommands(ctx: Ctx<Sessions>): number[] {
  const { s } = ctx;
  const thr = threadOf(ctx);
  const thd = thdOf(ctx);
  const seen: number[] = [];
  for (let i = 0; i < 2; i++) {
    thdBeginCommand(thr, thd);
    seen.push(thdKilled(s.mem, thd));
    thdStatementDone(thr, thd);
    thdEndCommand(thr, thd);
    seen.push(thdKilled(s.mem, thd));
  }
  return seen;
}

/** max_execution_time, and the time of a look that finds the first statement late and not the second, ms. */
const LIMIT_MS = 10;
const LOOK_MS = 20;

/** Time stands where a word says that only the thread itself changes, ms. */
class OwnClock implements Clock {
  readonly ticksPerMs = 1;
  private readonly mem: Int32Array;
  private readonly at: number;

  constructor(mem: Int32Array, at: number) {
    this.mem = mem;
    this.at = at;
  }

  us(): number {
    return this.mem[this.at] * 1000;
  }

  ticks(): number {
    return Math.max(1, this.mem[this.at]);
  }

  sleepUs(us: number): void {
    this.mem[this.at] += us / 1000;
  }
}

/**
 * Two statements, the second from the time of the look on. Returns what killed each, and what is left of it.
 */
function twoStatements(ctx: Ctx<Sessions>): number[] {
  const { s } = ctx;
  const thr = threadOf(ctx);
  const seen = [statement(s, thr)];
  s.mem[s.own] = LOOK_MS;
  seen.push(statement(s, thr), thdKilled(s.mem, s.thds[0]));
  return seen;
}

/** Returns what has killed it at its end. */
function statement(s: Sessions, thr: Thread): number {
  const [thd] = s.thds;
  thdBeginCommand(thr, thd);
  const killed = thdKilled(s.mem, thd);
  thdStatementDone(thr, thd);
  thdEndCommand(thr, thd);
  return killed;
}

/**
 * A statement that is late, the end of its connection in the middle of it, and the next connection's first
 * one.
 */
function reconnects(ctx: Ctx<Sessions>): number[] {
  const { s } = ctx;
  const thr = threadOf(ctx);
  thdBeginCommand(thr, s.thds[0]);
  s.disconnect(thr, 0);
  s.mem[s.own] = LOOK_MS;
  s.connect(thr, 0, CONNECTION + 1);
  const between = thdKilled(s.mem, s.thds[0]);
  s.mem[s.thds[0] + MAX_EXECUTION_TIME] = LIMIT_MS;
  return [between, statement(s, thr)];
}

/**
 * The timer's look, twice, at any moment: there must be a point before, for its first look is a plain one.
 */
const looks: Body = (ctx) => {
  const { s } = ctx;
  const thr = threadOf(ctx);
  let kills = 0;
  for (let i = 0; i < 2; i++) {
    thdKilled(s.mem, s.thds[0]);
    kills += stmtTimerLook(thr, s.thds, LOOK_MS);
  }
  return kills;
};

/** An idle session that its thread has not given away: it sleeps until it is killed. */
const sleepUntilKilled: Body = (ctx) => {
  const { mem } = ctx.s;
  const at = thdOf(ctx) + KILLED_AT;
  while (Atomics.load(mem, at) === KILLED.not) Atomics.wait(mem, at, KILLED.not);
  return Atomics.load(mem, at);
};

function killScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  check: (s: Sessions, results: readonly unknown[]) => void,
): Scenario<Sessions> {
  return {
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: true,
    setup: () => {
      const s = new Sessions({
        threads: threads.length,
        sessions: 1,
        values: { globalLimit: OVER, tracking: true, chunkSize: 1000 },
        words: threads.length,
      });
      s.connect(s.threads[0], 0, CONNECTION);
      memCntSetSession(s.mem, s.thds[0], { connectionMemoryLimit: SESSION_LIMIT });
      s.mem[s.thds[0] + MAX_EXECUTION_TIME] = LIMIT_MS;
      for (const [i, thr] of s.threads.entries()) {
        (thr as { clock: Clock }).clock = new OwnClock(s.mem, s.own + i);
      }
      return s;
    },
    check: (_mem, s, results) => check(s, results),
    words: (word, s) => s.words(word),
    holders: (_mem, s) => s.kit.holders(),
  };
}

export const scenarios: readonly Scenario<Sessions>[] = [
  killScenario(
    'kill-allocation',
    'KILL while a limit is passed: does the first reason count, and is the client told of one?',
    [overLimit, killConnection],
    (s, results) => {
      const one = results[0] as OverLimit;
      checkReport(s, one);
      must(one.seen === KILLED.connection && one.after === KILLED.connection, 'a killed connection lives on');
    },
  ),
  killScenario(
    'kill-query-allocation',
    'KILL QUERY while a limit is passed: does the first reason count, and is it forgotten if it is the query only?',
    [overLimit, killQuery],
    (s, results) => {
      const one = results[0] as OverLimit;
      checkReport(s, one);
      must(one.seen !== KILLED.not, 'nothing has killed a session over its limit');
      must(
        (one.raised[0] === -1) === (one.seen === KILLED.connection),
        'the second reason took the place of the first',
      );
      must(
        results[1] !== KILLED.query || one.raised[0] === 0,
        'a limit is reported of a statement that was killed',
      );
      const after = one.seen === KILLED.connection ? KILLED.connection : KILLED.not;
      must(one.after === after && killedNow(s) === after, `killed ${one.seen} became ${killedNow(s)}`);
    },
  ),
  killScenario(
    'kill-query',
    'Does KILL QUERY hit one command, or none, and nothing between two?',
    [twoCommands, killQuery],
    (s, results) => {
      const [first, between, second, after] = results[0] as number[];
      must(between === KILLED.not && after === KILLED.not, 'a kill of a query outlives its command');
      must(first === KILLED.not || second === KILLED.not, 'one KILL QUERY hits two commands');
      must(killedNow(s) === KILLED.not, 'an idle session is killed by KILL QUERY');
      checkNothingHeld(s.kit);
    },
  ),
  killScenario(
    'kill-try',
    'Does a KILL that must not wait either happen, for good, or say that it did not?',
    [twoCommands, tryKill],
    (s, results) => {
      must(results[1] !== 'gone', 'a connection that is there was not found');
      const killed = killedNow(s) === KILLED.connection;
      must(
        killed === (results[1] === 'done'),
        `the kill says ${String(results[1])}, killed is ${killedNow(s)}`,
      );
      checkNothingHeld(s.kit);
    },
  ),
  killScenario(
    'kill-both',
    'KILL QUERY and KILL at once: is the connection killed, whatever its command forgets?',
    [twoCommands, killQuery, killConnection],
    (s) => {
      must(killedNow(s) === KILLED.connection, `a KILL of the connection was lost: ${killedNow(s)}`);
      checkNothingHeld(s.kit);
    },
  ),
  killScenario(
    'timer-next-statement',
    'Does the timer of a late statement leave the next one alone, and kill once?',
    [twoStatements, looks],
    (s, results) => {
      const [first, second, after] = results[0] as number[];
      must(first === KILLED.not || first === KILLED.timeout, `the first statement was killed by ${first}`);
      must(second === KILLED.not && after === KILLED.not, 'a statement was killed that has all its time');
      must(
        Number(results[1]) <= 1 && (first === KILLED.not || results[1] === 1),
        `${String(results[1])} kills`,
      );
      checkNothingHeld(s.kit);
    },
  ),
  killScenario(
    'timer-next-connection',
    'Does the timer of a statement whose connection ends leave the next connection alone?',
    [reconnects, looks],
    (s, results) => {
      const [between, first] = results[0] as number[];
      must(
        between === KILLED.not && first === KILLED.not,
        'a new connection was killed for a late statement',
      );
      must(killedNow(s) === KILLED.not, `killed is ${killedNow(s)} at the end`);
      checkNothingHeld(s.kit);
    },
  ),
  killScenario(
    'timer-kill',
    'Does the timer leave a KILL of the connection as it is?',
    [twoStatements, killConnection, looks],
    (s, results) => {
      must(killedNow(s) === KILLED.connection, `killed is ${killedNow(s)}`);
      const [, second] = results[0] as number[];
      must(second !== KILLED.timeout, 'a statement was killed that has all its time');
      checkNothingHeld(s.kit);
    },
  ),
  killScenario(
    'kill-sleeper',
    'Is a session woken by its KILL that sleeps until the next command?',
    [sleepUntilKilled, killConnection],
    (s, results) => {
      must(results[0] === KILLED.connection, `the session woke for ${String(results[0])}`);
      checkNothingHeld(s.kit);
    },
  ),
];
