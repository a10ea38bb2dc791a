/** Scenarios for connection memory (src/session/limits/thd-mem-cnt.ts): sessions against each other and against SET GLOBAL. */
import type { Ctx, Model, Scenario } from '../../../src/explore/types.ts';
import { ErrorLog } from '../../../src/layout/error-log.ts';
import { GLOBAL_CONN_MEM, THD } from '../../../src/layout/session.ts';
import { getU53 } from '../../../src/layout/words.ts';
import { KILLED, thdAwake } from '../../../src/session/limits/kill.ts';
import { thdKilled, thdSetup } from '../../../src/session/thd/thd.ts';
import {
  CONN_MEM_NO_LIMIT,
  connMemDefects,
  ER_DA_GLOBAL_CONN_LIMIT,
  globalConnectionMemory,
  globalConnMemInit,
  globalConnMemSet,
  type GlobalConnMemValues,
  memCntAlloc,
  memCntDisable,
  memCntEnable,
  memCntFree,
  memCntInit,
  memCntReset,
  memCntSetMode,
  memCntSetSession,
  MODE_INIT_CONNECT,
} from '../../../src/session/limits/thd-mem-cnt.ts';
import { checkNothingHeld } from '../guarded.ts';
import { Kit, must, type WordLookup } from '../kit.ts';
import { withoutMonitors } from '../session-kit.ts';

interface Counter {
  readonly kit: Kit<'conn', number>;
  /** THD of each session: thread n runs session n. */
  readonly thds: readonly number[];
  readonly log: ErrorLog;
  readonly words: WordLookup;
}
type Body = (ctx: Ctx<Counter>) => unknown;

const CHUNK = 1000;
const { updates: UPDATES } = GLOBAL_CONN_MEM.at;
const { memError: MEM_ERROR, memErrorLimit: MEM_ERROR_LIMIT, memErrorUsed: MEM_ERROR_USED } = THD.at;
const { connectionMemoryLimit: LIMIT, chunkSize: CHUNK_SIZE, killed: KILLED_AT } = THD.at;

/** Sessions past their first command, one for each thread, whose errors write no log line. */
function counterKit(threads: number, values: GlobalConnMemValues): Counter {
  const kit: Counter['kit'] = new Kit({
    threads,
    place: { conn: GLOBAL_CONN_MEM },
    plan: (planner) => planner.place('thd', THD, threads),
  });
  const { mem, at } = kit;
  const thds = kit.threads.map((_, i) => kit.extra + i * THD.words);
  globalConnMemInit(mem, at.conn, { chunkSize: CHUNK, tracking: true, ...values });
  for (const thd of thds) {
    thdSetup(mem, thd, at.conn);
    memCntSetSession(mem, thd, {
      connectionMemoryLimit: CONN_MEM_NO_LIMIT,
      chunkSize: CHUNK,
      tracking: true,
    });
    memCntSetMode(mem, thd, MODE_INIT_CONNECT, MODE_INIT_CONNECT);
    memCntEnable(mem, thd);
  }
  return { kit, thds, log: new ErrorLog(), words: withoutMonitors(kit.words) };
}

/** At rest: the global counter is what the sessions have reserved, and was changed so often. */
function checkCounter({ kit, thds }: Counter, total: number, updates: number): void {
  const { mem, at } = kit;
  must(connMemDefects(mem, at.conn, thds).length === 0, connMemDefects(mem, at.conn, thds).join('; '));
  const sum = globalConnectionMemory(mem, at.conn);
  must(sum === total, `${total} bytes are reserved, the global counter says ${sum}`);
  must(mem[at.conn + UPDATES] === updates, `${updates} changes, ${mem[at.conn + UPDATES]} are counted`);
  checkNothingHeld(kit);
}

/** A session's statements: two chunks, back to what it uses, and perhaps the end. */
function session(ctx: Ctx<Counter>, ends: boolean): number {
  const { kit, thds, log } = ctx.s;
  const { mem } = kit;
  const thr = kit.threads[ctx.id];
  const thd = thds[ctx.id];
  let errors = 0;
  errors += memCntAlloc(thr, thd, 500, log);
  errors += memCntAlloc(thr, thd, 700, log);
  memCntFree(mem, thd, 700);
  errors += memCntReset(thr, thd, log);
  if (ends) memCntDisable(thr, thd);
  return errors;
}

const stays: Body = (ctx) => session(ctx, false);
const ends: Body = (ctx) => session(ctx, true);

/** Uses 1500 bytes, and so reserves two chunks. Returns −1 when it was over a limit. */
function grow(ctx: Ctx<Counter>): number {
  const { kit, thds, log } = ctx.s;
  return memCntAlloc(kit.threads[ctx.id], thds[ctx.id], 1500, log);
}

/** Exactly those sessions that were told so are killed. */
function checkKilled({ kit, thds }: Counter, results: readonly unknown[]): void {
  for (const [session_, thd] of thds.entries()) {
    const killed = kit.mem[thd + KILLED_AT] === KILLED.connection;
    const told = results[session_] === -1;
    must(
      killed === told,
      `session ${session_} was ${told ? '' : 'not '}over the limit and is ${killed ? '' : 'not '}killed`,
    );
    const error = kit.mem[thd + MEM_ERROR];
    must(error === (told ? ER_DA_GLOBAL_CONN_LIMIT : 0), `session ${session_} has error ${error}`);
  }
}

/** Two limits whose halves, mixed, make 0. */
const LOW_LIMIT = 20_000_000;
const HIGH_LIMIT = 2 ** 33;

function setGlobalLimits(ctx: Ctx<Counter>): void {
  const { kit } = ctx.s;
  for (const globalLimit of [HIGH_LIMIT, LOW_LIMIT, HIGH_LIMIT]) {
    globalConnMemSet(kit.threads[ctx.id], kit.at.conn, { globalLimit });
  }
}

/** Less than two sessions reserve that grow. */
const LINEAR_LIMIT = 3 * CHUNK;

/** SET GLOBAL as an operation of the model. */
function setLimit(ctx: Ctx<Counter>, globalLimit: number): void {
  const { kit } = ctx.s;
  ctx.call('set', globalLimit);
  globalConnMemSet(kit.threads[ctx.id], kit.at.conn, { globalLimit });
  ctx.ret('');
}

const raiseLimit: Body = (ctx) => setLimit(ctx, HIGH_LIMIT);
const lowerLimit: Body = (ctx) => setLimit(ctx, CHUNK);

/** What the memory counter has reported since the last time, as the model says it. */
function report({ kit, thds }: Counter, id: number, raised: number): string {
  const { mem } = kit;
  if (raised === 0) return 'fits';
  return `${getU53(mem, thds[id] + MEM_ERROR_USED)} over ${getU53(mem, thds[id] + MEM_ERROR_LIMIT)}`;
}

function growStep(ctx: Ctx<Counter>): void {
  ctx.call('reserve');
  ctx.ret(report(ctx.s, ctx.id, grow(ctx)));
}

function growAndEnd(ctx: Ctx<Counter>): void {
  const { kit, thds } = ctx.s;
  growStep(ctx);
  ctx.call('end');
  memCntDisable(kit.threads[ctx.id], thds[ctx.id]);
  ctx.ret('');
}

/** Sum and limit, as if each operation were done at one moment. */
interface Pair {
  readonly sum: number;
  readonly limit: number;
}

const PAIR_MODEL: Model<Pair> = {
  init: () => ({ sum: 0, limit: LINEAR_LIMIT }),
  step: ({ sum, limit }, op, [value], result) => {
    if (op === 'set') return { sum, limit: Number(value) };
    if (op === 'end') return { sum: sum - 2 * CHUNK, limit };
    const now = sum + 2 * CHUNK;
    const told = now > limit ? `${now} over ${limit}` : 'fits';
    return result === undefined || result === told ? { sum: now, limit } : null;
  },
  key: ({ sum, limit }) => `${sum} ${limit}`,
};

/** Switches its own tracking off in the middle of a statement, and on again after it. */
function switchesTracking(ctx: Ctx<Counter>): void {
  const { kit, thds, log } = ctx.s;
  const { mem } = kit;
  const thr = kit.threads[ctx.id];
  const thd = thds[ctx.id];
  memCntAlloc(thr, thd, 500, log);
  memCntSetSession(mem, thd, { tracking: false });
  memCntAlloc(thr, thd, 700, log);
  memCntFree(mem, thd, 700);
  memCntReset(thr, thd, log);
  memCntSetSession(mem, thd, { tracking: true });
  memCntAlloc(thr, thd, 700, log);
}

/** A connection with 1500 bytes that were allocated while it was made; it ends if it is refused. Returns −1 then. */
function connectBig(ctx: Ctx<Counter>): number {
  const { kit, thds, log } = ctx.s;
  const { mem } = kit;
  const thr = kit.threads[ctx.id];
  const thd = thds[ctx.id];
  memCntInit(thr, thd);
  memCntAlloc(thr, thd, 1500, log);
  memCntSetMode(mem, thd, MODE_INIT_CONNECT, MODE_INIT_CONNECT);
  memCntEnable(mem, thd);
  const refused = memCntReset(thr, thd, log);
  if (refused !== 0) memCntDisable(thr, thd);
  return refused;
}

function setSessionDefaults(ctx: Ctx<Counter>): void {
  const { kit } = ctx.s;
  globalConnMemSet(kit.threads[ctx.id], kit.at.conn, { sessionLimit: HIGH_LIMIT, chunkSize: 2 * CHUNK });
}

function connect(ctx: Ctx<Counter>): void {
  const { kit, thds } = ctx.s;
  memCntInit(kit.threads[ctx.id], thds[ctx.id]);
}

/** KILL of session 0, or its time is over; returns the reason that counts then. */
function kill(ctx: Ctx<Counter>): number {
  const { kit, thds } = ctx.s;
  thdAwake(kit.threads[ctx.id], thds[0], ctx.id === 0 ? KILLED.connection : KILLED.timeout);
  return thdKilled(kit.mem, thds[0]);
}

function counterScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  values: GlobalConnMemValues,
  check: (s: Counter, results: readonly unknown[]) => void,
  model?: Model<Pair>,
): Scenario<Counter> {
  return {
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: true,
    setup: () => counterKit(threads.length, values),
    check: (_mem, s, results) => check(s, results),
    words: (word, s) => s.words(word),
    holders: (_mem, s) => s.kit.holders(),
    ...(model !== undefined && { model }),
  };
}

export const scenarios: readonly Scenario<Counter>[] = [
  counterScenario(
    'counter-two-sessions',
    'Is the global counter the sum of what two sessions have reserved?',
    [stays, stays],
    {},
    (s) => checkCounter(s, 1000, 6),
  ),
  counterScenario(
    'counter-end',
    'Is the global counter 0 when both sessions have ended?',
    [ends, ends],
    {},
    (s) => checkCounter(s, 0, 8),
  ),
  counterScenario(
    'counter-limit',
    'Is exactly the session killed that took the sum over the limit?',
    [grow, grow],
    { globalLimit: 3 * CHUNK },
    (s, results) => {
      checkKilled(s, results);
      const told = results.indexOf(-1);
      must(
        results.filter((r) => r === -1).length === 1,
        `${results.join(' and ')}: one of two is over the limit`,
      );
      const used = getU53(s.kit.mem, s.thds[told] + MEM_ERROR_USED);
      must(used === 4 * CHUNK, `the error says ${used} bytes`);
      checkCounter(s, 4 * CHUNK, 2);
    },
  ),
  counterScenario(
    'counter-limit-exact',
    'Is a sum that equals the limit allowed?',
    [grow, grow],
    { globalLimit: 4 * CHUNK },
    (s, results) => {
      checkKilled(s, results);
      must(!results.includes(-1), 'a session was killed that was not over the limit');
      checkCounter(s, 4 * CHUNK, 2);
    },
  ),
  counterScenario(
    'counter-set-limit',
    'Does a session see the old limit or the new one, never half of each?',
    [grow, setGlobalLimits],
    { globalLimit: LOW_LIMIT },
    (s, results) => {
      must(results[0] === 0, 'a session was over a limit that nobody had set');
      checkCounter(s, 2 * CHUNK, 1);
    },
  ),
  counterScenario(
    'counter-three',
    'Is the global counter right after one session stayed, one ended, and the limit was changed?',
    [stays, ends, setGlobalLimits],
    { globalLimit: HIGH_LIMIT },
    (s) => checkCounter(s, 500, 7),
  ),
  counterScenario(
    'counter-limit-raised',
    'Is each report about sum and limit of one moment, while another session grows and the limit is raised?',
    [growStep, growStep, raiseLimit],
    { globalLimit: LINEAR_LIMIT },
    (s) => checkCounter(s, 4 * CHUNK, 2),
    PAIR_MODEL,
  ),
  counterScenario(
    'counter-limit-lowered',
    'Is each report about sum and limit of one moment, while another session ends and the limit is lowered?',
    [growStep, growAndEnd, lowerLimit],
    { globalLimit: LINEAR_LIMIT },
    (s) => checkCounter(s, 2 * CHUNK, 3),
    PAIR_MODEL,
  ),
  counterScenario(
    'counter-tracking',
    'Is the sum right when a session switches tracking off and on while another one works?',
    [switchesTracking, stays],
    {},
    (s) => checkCounter(s, 2 * CHUNK + 500, 5),
  ),
  counterScenario(
    'counter-connect',
    'Of two connections of which one fits, is exactly one refused, and does it leave nothing?',
    [connectBig, connectBig],
    { globalLimit: 2 * CHUNK },
    (s, results) => {
      must(
        results.filter((r) => r === -1).length === 1,
        `${results.join(' and ')}: one of two connections should have been refused`,
      );
      checkCounter(s, 1500, 3);
    },
  ),
  counterScenario(
    'counter-connect-limit',
    'Is a connection judged by one limit while it is changed?',
    [connectBig, setGlobalLimits],
    { globalLimit: LOW_LIMIT },
    (s, results) => {
      must(results[0] === 0, 'a connection was refused by a limit that nobody had set');
      checkCounter(s, 1500, 1);
    },
  ),
  counterScenario(
    'counter-new-session',
    'Does a new session get all variables from before SET GLOBAL, or all from after?',
    [connect, setSessionDefaults],
    { sessionLimit: LOW_LIMIT },
    ({ kit, thds }) => {
      const limit = getU53(kit.mem, thds[0] + LIMIT);
      const chunk = kit.mem[thds[0] + CHUNK_SIZE];
      const old = limit === LOW_LIMIT && chunk === CHUNK;
      must(old || (limit === HIGH_LIMIT && chunk === 2 * CHUNK), `limit ${limit} with chunks of ${chunk}`);
    },
  ),
  counterScenario(
    'counter-kill',
    'Does KILL of a connection stand, whatever else is killed at the same time?',
    [kill, kill],
    {},
    ({ kit, thds }, results) => {
      const reason = kit.mem[thds[0] + KILLED_AT];
      must(
        reason === KILLED.connection && results[0] === reason,
        `reason ${reason} at the end, after ${results.join(' and ')} had been seen`,
      );
      checkNothingHeld(kit);
    },
  ),
];
