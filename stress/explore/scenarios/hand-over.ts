/**
 * Scenarios for the hand-over of sessions between threads (src/session/hand-over.ts): dispatchers, killers
 * and workers at one word. A command changes plain words of its session, so two threads in one session are a
 * race.
 */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { Rng } from '../../../src/layout/rng.ts';
import { SESSION, SESSION_STATE, THD } from '../../../src/layout/session.ts';
import {
  handOverConnect,
  handOverEnd,
  handOverIdle,
  handOverOut,
  handOverQueue,
  handOverRunner,
  handOverState,
  handOverTake,
} from '../../../src/session/hand-over.ts';
import { KILLED, thdAwake, thdTryKill } from '../../../src/session/limits/kill.ts';
import { thdKilled, thdStatementDone } from '../../../src/session/thd/thd.ts';
import type { Thread } from '../../../src/sync/thread.ts';
import { checkNothingHeld } from '../guarded.ts';
import { must } from '../kit.ts';
import { relax, Sessions } from '../session-kit.ts';

type Body = (ctx: Ctx<Sessions>) => unknown;

const { idle: IDLE, out: OUT, ended: ENDED, queued: QUEUED, running: RUNNING } = SESSION_STATE;
const { rng: RNG, step: STEP, transaction: TRANSACTION, connections: CONNECTIONS } = SESSION.at;
const { sessionId: SESSION_ID, statements: STATEMENTS, killed: KILLED_AT } = THD.at;
const SEED = 7;
/** Connections of seat 0. */
const FIRST = 1;
const SECOND = 2;
/** What a thread returns that has served a session. */
const WORKED = 1;
const CLOSED = 10;

/**
 * A command: random numbers, the place in the program and the counters go on where the last thread left them.
 */
function command(s: Sessions, thr: Thread, seat: number): void {
  const { mem } = s;
  const session = s.sessions[seat];
  must(mem[s.thds[seat] + SESSION_ID] !== 0, 'a command runs in a session without a connection');
  const { rng } = thr;
  rng.load(mem, session + RNG);
  mem[session + TRANSACTION] = rng.next32() | 0;
  rng.save(mem, session + RNG);
  mem[session + STEP]++;
  thdStatementDone(thr, s.thds[seat]);
}

function close(s: Sessions, thr: Thread, seat: number): number {
  s.disconnect(thr, seat);
  handOverOut(thr, s.sessions[seat]);
  return CLOSED;
}

/** The end of a command: idle again, unless a kill has come. */
function giveBack(s: Sessions, thr: Thread, seat: number, worked: number): number {
  return handOverIdle(thr, s.sessions[seat]) ? worked : worked + close(s, thr, seat);
}

/** The thread that is sent with a command. */
function serve(s: Sessions, thr: Thread, seat: number): number {
  must(handOverTake(thr, s.sessions[seat]), 'a command was given out, and the session is not to be had');
  if (thdKilled(s.mem, s.thds[seat]) === KILLED.connection) return close(s, thr, seat);
  command(s, thr, seat);
  return giveBack(s, thr, seat, WORKED);
}

/** The thread that is sent by a killer. */
function serveKill(s: Sessions, thr: Thread, seat: number): number {
  must(handOverTake(thr, s.sessions[seat]), 'the end was given out, and the session is not to be had');
  if (thdKilled(s.mem, s.thds[seat]) === KILLED.connection) return close(s, thr, seat);
  return giveBack(s, thr, seat, 0);
}

const threadOf = (ctx: Ctx<Sessions>): Thread => ctx.s.threads[ctx.id];

/** Gives a command out as soon as it can, `n` times, for worker threads that look for it. */
function dispatch(s: Sessions, seat: number, n: number): void {
  for (let i = 0; i < n; i++) {
    while (!handOverQueue(s.mem, s.sessions[seat])) relax();
  }
}

/** After its commands the client has gone: no more connections. */
function endSeat(s: Sessions, seat: number): void {
  while (!handOverEnd(s.mem, s.sessions[seat])) relax();
}

const dispatch3: Body = (ctx) => {
  dispatch(ctx.s, 0, 3);
  endSeat(ctx.s, 0);
};

const dispatchBoth: Body = (ctx) => {
  for (const seat of [0, 1]) dispatch(ctx.s, seat, 2);
  for (const seat of [0, 1]) endSeat(ctx.s, seat);
};

/** Takes commands of all seats until all have ended; the last of each closes. Returns commands done. */
function work(ctx: Ctx<Sessions>, commands: number): number {
  const { s } = ctx;
  const thr = threadOf(ctx);
  let done = 0;
  for (;;) {
    let ended = 0;
    let took = false;
    for (let seat = 0; seat < s.sessions.length; seat++) {
      if (handOverState(s.mem, s.sessions[seat]) === ENDED) ended++;
      if (!handOverTake(thr, s.sessions[seat])) continue;
      took = true;
      command(s, thr, seat);
      done++;
      if (s.mem[s.thds[seat] + STATEMENTS] === commands) close(s, thr, seat);
      else must(handOverIdle(thr, s.sessions[seat]), 'nobody has killed the session');
    }
    if (ended === s.sessions.length) return done;
    if (!took) relax();
  }
}

const work3: Body = (ctx) => work(ctx, 3);
const work2: Body = (ctx) => work(ctx, 2);

/** The dispatcher: gives a command out when it can, and goes with it. */
const dispatchOne: Body = (ctx) => {
  const { s } = ctx;
  return handOverQueue(s.mem, s.sessions[0]) ? serve(s, threadOf(ctx), 0) : 0;
};

/** Runs the command that it has taken before the scenario begins. */
const runsOne: Body = (ctx) => {
  const { s } = ctx;
  const thr = threadOf(ctx);
  command(s, thr, 0);
  return giveBack(s, thr, 0, WORKED);
};

/**
 * KILL of a connection, as often as it takes; then its end is given out when it is idle. Returns what came of
 * it.
 */
function kill(s: Sessions, thr: Thread, connectionId: number): string {
  let done = thdTryKill(thr, s.thds[0], connectionId, KILLED.connection);
  while (done === 'busy') {
    relax();
    done = thdTryKill(thr, s.thds[0], connectionId, KILLED.connection);
  }
  if (done === 'done' && handOverQueue(s.mem, s.sessions[0])) return `done, ${serveKill(s, thr, 0)}`;
  return `${done}, 0`;
}

const killFirst: Body = (ctx) => kill(ctx.s, threadOf(ctx), FIRST);
const killSecond: Body = (ctx) => kill(ctx.s, threadOf(ctx), SECOND);

/** The next connection of seat 0, as soon as the first one is out. */
function connectNext(s: Sessions, thr: Thread): boolean {
  if (!handOverConnect(thr, s.sessions[0])) return false;
  s.mem[s.sessions[0] + CONNECTIONS]++;
  s.connect(thr, 0, SECOND);
  return true;
}

/** Gives back a session whose connection was killed while this thread ran it. */
const givesBackKilled: Body = (ctx) => giveBack(ctx.s, threadOf(ctx), 0, 0);

/**
 * Has a command for it; finds the connection killed, and the client connects again. Only the words that count
 * here are written: what thdEnd and thdInit do beside is for other scenarios.
 */
const dispatchAndReconnect: Body = (ctx) => {
  const { s } = ctx;
  const thr = threadOf(ctx);
  const [thd] = s.thds;
  if (!handOverQueue(s.mem, s.sessions[0])) return 0;
  must(handOverTake(thr, s.sessions[0]), 'a command was given out, and the session is not to be had');
  s.mem[thd + SESSION_ID] = SECOND;
  Atomics.store(s.mem, thd + KILLED_AT, KILLED.not);
  return giveBack(s, thr, 0, CLOSED);
};

/** The first client hangs up, and the next one connects. */
const hangUpAndReconnect: Body = (ctx) => {
  const { s } = ctx;
  const thr = threadOf(ctx);
  if (!handOverQueue(s.mem, s.sessions[0])) return 0;
  must(handOverTake(thr, s.sessions[0]), 'a command was given out, and the session is not to be had');
  const closed = close(s, thr, 0);
  return connectNext(s, thr) ? closed + giveBack(s, thr, 0, 0) : closed;
};

/** Connects, runs a command. */
const connects: Body = (ctx) => {
  const { s } = ctx;
  const thr = threadOf(ctx);
  if (!handOverConnect(thr, s.sessions[0])) return 0;
  s.mem[s.sessions[0] + CONNECTIONS]++;
  s.connect(thr, 0, FIRST);
  command(s, thr, 0);
  return giveBack(s, thr, 0, WORKED);
};

/** The run is closed: a client without a connection gets none, one with a connection is asked to close it. */
const closesRun: Body = (ctx) => {
  const { s } = ctx;
  const thr = threadOf(ctx);
  for (;;) {
    if (handOverEnd(s.mem, s.sessions[0])) return 'ended';
    if (handOverQueue(s.mem, s.sessions[0])) {
      must(handOverTake(thr, s.sessions[0]), 'the end was given out, and the session is not to be had');
      close(s, thr, 0);
      continue;
    }
    relax();
  }
};

interface Start {
  /** Seats that have a connection at first: idle, or run by thread 0. */
  readonly state: 'out' | 'idle' | 'running';
  readonly seats?: number;
  /** Its connection is killed already. */
  readonly killed?: boolean;
}

function start(threads: number, { state, seats = 1, killed = false }: Start): Sessions {
  const s = new Sessions({ threads, sessions: seats });
  const [thr] = s.threads;
  for (let seat = 0; seat < seats; seat++) {
    const session = s.sessions[seat];
    new Rng(SEED, seat).save(s.mem, session + RNG);
    if (state === 'out') continue;
    must(handOverConnect(thr, session), 'the seat is not free');
    s.connect(thr, seat, FIRST + seat);
    s.mem[session + CONNECTIONS] = 1;
    if (killed) thdAwake(thr, s.thds[seat], KILLED.connection);
    if (state === 'idle') must(handOverIdle(thr, session), 'the session is killed');
  }
  return s;
}

/** At rest: what the session has drawn and counted is what so many commands draw and count. */
function checkSeat(s: Sessions, seat: number, commands: number): void {
  const { mem } = s;
  const session = s.sessions[seat];
  must(mem[session + STEP] === commands, `${commands} commands were run, ${mem[session + STEP]} are counted`);
  const rng = new Rng(SEED, seat);
  let last = 0;
  for (let i = 0; i < commands; i++) last = rng.next32() | 0;
  must(mem[session + TRANSACTION] === last, 'random numbers do not go on where the last thread left them');
  checkNothingHeld(s.kit);
}

const stateOf = (s: Sessions): number => handOverState(s.mem, s.sessions[0]);
const sum = (results: readonly unknown[]): number => results.reduce<number>((n, r) => n + Number(r), 0);

/** The seat has no connection any more, and nobody runs it. */
function checkClosed(s: Sessions, state: number = OUT): void {
  must(stateOf(s) === state, `the session is left in state ${stateOf(s)}`);
  must(handOverRunner(s.mem, s.sessions[0]) === 0, 'a session that nobody runs names a thread');
  must(s.mem[s.thds[0] + SESSION_ID] === 0, 'a closed session has a connection');
}

/** The seat has this connection, nobody has killed it, and nobody runs it. */
function checkAlive(s: Sessions, connectionId: number): void {
  must(stateOf(s) === IDLE, `the session is left in state ${stateOf(s)}`);
  const id = s.mem[s.thds[0] + SESSION_ID];
  must(id === connectionId, `connection ${id} has the seat, not ${connectionId}`);
  must(s.mem[s.thds[0] + KILLED_AT] === KILLED.not, 'a connection is killed, and stays open');
}

const digits = (result: unknown): number => Number(/\d+/.exec(String(result))?.[0] ?? 0);

function handOverScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  first: Start,
  check: (s: Sessions, results: readonly unknown[]) => void,
  o: Partial<Scenario<Sessions>> = {},
): Scenario<Sessions> {
  return {
    name,
    doc,
    threads,
    memory: 0,
    maxSteps: 2000,
    exhaustive: true,
    setup: () => start(threads.length, first),
    check: (_mem, s, results) => check(s, results),
    words: (word, s) => s.words(word),
    holders: (_mem, s) => s.kit.holders(),
    ...o,
  };
}

/** Of a killed connection: closed once, and each of its commands counted. */
function checkKilled(s: Sessions, results: readonly unknown[]): void {
  const done = results.reduce<number>((n, r) => n + digits(r), 0);
  must(Math.floor(done / CLOSED) === 1, `the connection was closed ${Math.floor(done / CLOSED)} times`);
  checkClosed(s);
  checkSeat(s, 0, done % CLOSED);
}

export const scenarios: readonly Scenario<Sessions>[] = [
  handOverScenario(
    'hand-over-two-workers',
    'Do two workers run three commands of a session one after the other, each once?',
    [work3, work3, dispatch3],
    { state: 'idle' },
    (s, results) => {
      must(sum(results.slice(0, 2)) === 3, `${results.join(' and ')} commands were run`);
      checkClosed(s, ENDED);
      checkSeat(s, 0, 3);
    },
  ),
  handOverScenario(
    'hand-over-two-sessions',
    'Does each of two sessions go on where it was, whichever of two workers runs it?',
    [work2, work2, dispatchBoth],
    { state: 'idle', seats: 2 },
    (s, results) => {
      must(sum(results.slice(0, 2)) === 4, `${results.join(' and ')} commands were run`);
      checkClosed(s, ENDED);
      for (const seat of [0, 1]) checkSeat(s, seat, 2);
    },
  ),
  handOverScenario(
    'hand-over-dispatchers',
    'Do two who give out commands at once, while one ends, send one thread for each that they gave out?',
    [runsOne, dispatchOne, dispatchOne],
    { state: 'running' },
    (s, results) => {
      checkAlive(s, FIRST);
      checkSeat(s, 0, sum(results));
    },
  ),
  handOverScenario(
    'hand-over-kill-idle',
    'Is a session closed, and once, whose connection is killed just when its command ends?',
    [runsOne, killFirst],
    { state: 'running' },
    checkKilled,
  ),
  handOverScenario(
    'hand-over-kill-command',
    'Is a killed connection closed once when a command is given out just then, and no command run after that?',
    [dispatchOne, killFirst],
    { state: 'idle' },
    checkKilled,
  ),
  handOverScenario(
    'hand-over-kill-both',
    'The same, with a command under way: dispatcher, killer and worker at once.',
    [runsOne, dispatchOne, killFirst],
    { state: 'running' },
    checkKilled,
  ),
  handOverScenario(
    'hand-over-two-kills',
    'Is a connection closed once that two threads kill when its command ends?',
    [runsOne, killFirst, killFirst],
    { state: 'running' },
    checkKilled,
  ),
  handOverScenario(
    'hand-over-kill-reconnect',
    'Is the next connection of a seat left alone when the thread before was about to close the killed one?',
    [givesBackKilled, dispatchAndReconnect],
    { state: 'running', killed: true },
    (s, results) => {
      must(sum(results) === CLOSED, `${results.join(' and ')}: one should have closed it`);
      checkSeat(s, 0, 0);
      if (results[1] === CLOSED) checkAlive(s, SECOND);
      else checkClosed(s);
    },
  ),
  handOverScenario(
    'hand-over-kill-next',
    'Does KILL of a connection that hangs up just then leave the next one alone?',
    [hangUpAndReconnect, killFirst],
    { state: 'idle' },
    (s, results) => {
      checkSeat(s, 0, 0);
      if (results[0] === 0) checkClosed(s);
      else checkAlive(s, SECOND);
    },
  ),
  handOverScenario(
    'hand-over-kill-right',
    'Does KILL of a connection hit it whenever it is there, and never the one before it?',
    [hangUpAndReconnect, killSecond],
    { state: 'idle' },
    (s, results) => {
      if (String(results[1]).startsWith('gone')) checkAlive(s, SECOND);
      else checkClosed(s);
    },
  ),
  handOverScenario(
    'hand-over-connect',
    'Does a client connect once when two threads are there for it?',
    [connects, connects],
    { state: 'out' },
    (s, results) => {
      must(sum(results) === 1, `${results.join(' and ')}: one should have connected`);
      checkAlive(s, FIRST);
      checkSeat(s, 0, 1);
    },
  ),
  handOverScenario(
    'hand-over-end',
    'Does a client either connect and is closed, or never, when the run is closed just then?',
    [connects, closesRun],
    { state: 'out' },
    (s, results) => {
      checkClosed(s, ENDED);
      must(s.mem[s.sessions[0] + CONNECTIONS] === results[0], 'a client has connected after its end');
      checkSeat(s, 0, Number(results[0]));
    },
  ),
  handOverScenario(
    'hand-over-death',
    'Is a session that a dead thread ran named with it, and left to nobody else?',
    [serveIfQueued, serveIfQueued],
    { state: 'idle' },
    (s, results) => {
      must(sum(results) === 1, `${results.join(' and ')} commands were run, one was given out`);
      checkSeat(s, 0, 1);
    },
    {
      setup: () => {
        const s = start(2, { state: 'idle' });
        must(handOverQueue(s.mem, s.sessions[0]), 'the session is not idle');
        return s;
      },
      mayDie: [0],
      checkAfterDeath: (_mem, s, results, dead) => {
        const state = stateOf(s);
        const runner = handOverRunner(s.mem, s.sessions[0]);
        must(state !== QUEUED, 'a command is left, and a thread that lives has looked for it');
        must(state === RUNNING ? runner === dead + 1 : runner === 0, `state ${state} names thread ${runner}`);
        if (results[1] === WORKED) must(state === IDLE, 'a session that was given back belongs to somebody');
      },
    },
  ),
];

/** Takes the command that was given out, if the other has not. */
function serveIfQueued(ctx: Ctx<Sessions>): number {
  const { s } = ctx;
  const thr = threadOf(ctx);
  if (!handOverTake(thr, s.sessions[0])) return 0;
  command(s, thr, 0);
  return giveBack(s, thr, 0, WORKED);
}
