/**
 * Who may work for a session. Its records (SESSION, THD, and all memory that it owns) belong to one thread at
 * a time, and go from thread to thread through one word, SESSION.state: what is to be done with the session
 * in the low bits (SESSION_STATE), and above them who does it.
 *
 * | from    | to      | by                                                                      |
 * |---------|---------|-------------------------------------------------------------------------|
 * | out     | running | the thread that connects it                                             |
 * | out     | ended   | who closes the run, for a client that gets no thread any more           |
 * | idle    | queued  | the dispatcher, with a command; or who has killed it, to have it closed |
 * | queued  | running | the thread that takes what was given out                                |
 * | running | idle    | that thread, when the command is done                                   |
 * | idle    | running | that same thread, when a kill came just then, and nobody else closes    |
 * | running | out     | that thread, when the connection is closed                              |
 *
 * **One runs it.** Into running leads only a compare-exchange, out of it only a store by the thread in the
 * word: nobody else changes the word of a running session. So its records need no latch. The exchange that
 * takes it comes after the store that gave it back, directly or through the exchange of who queued it in
 * between: the next thread sees all that the last one wrote. With a store in place of an exchange two threads
 * run one session; with a plain write, or the store before the last change of a record, the next one sees
 * half of a command.
 *
 * **One command.** Queued says that exactly one thread is on its way. Who moves the word there must really
 * send one; who finds another state sends none: it would run a command that is not its own, or wait for a
 * session that it cannot have. The dispatcher and a killer may both try: one wins, and either way one thread
 * comes.
 *
 * **No kill is lost.** A killer writes THD.killed, then tries to queue the session; the thread that gives it
 * back writes idle, then reads THD.killed. Both words are changed by Atomics, which have one order for all.
 * So either the killer finds idle, or the thread finds the kill, or both do, and an exchange of the word
 * decides who closes. (A kill that finds the session queued or running is found by the thread that runs it:
 * it looks when it has taken the session, within its statements, and here.) Without the second look a killed
 * connection stays open until its next command, which in an open loop may be never.
 *
 * **No kill hits the next connection.** Who kills names the connection (thdTryKill, under LOCK_thd_data), and
 * connecting takes the kill away before the word is idle again. But between the kill and the exchange that
 * follows it, the killed connection may have been closed and another one made. So who takes a session to
 * close it looks at THD.killed once it has it, and hands it back when nothing is there: handOverIdle does so
 * itself; a thread that was sent by a killer must do the same.
 *
 * **A thread that dies** leaves its id in the word. Nobody takes the session from it: a THD may be half
 * changed. The run ends, and names both.
 */
import { SESSION, SESSION_STATE, THD } from '../layout/session.ts';
import type { Thread } from '../sync/thread.ts';
import { KILLED } from './limits/kill.ts';

const { state: STATE, thd: THD_AT } = SESSION.at;
const { killed: KILLED_AT } = THD.at;
const { out: OUT, idle: IDLE, queued: QUEUED, running: RUNNING, ended: ENDED } = SESSION_STATE;
/** Bits of SESSION_STATE; the id of the thread that runs it stands above them. */
const STATE_BITS = 3;
const STATE_MASK = (1 << STATE_BITS) - 1;

const runningBy = (thr: Thread): number => (thr.id << STATE_BITS) | RUNNING;

/** SESSION_STATE now; for displays, and for who may change it. */
export function handOverState(mem: Int32Array, session: number): number {
  return Atomics.load(mem, session + STATE) & STATE_MASK;
}

/** Id of the thread that runs it now, also when that one has died; 0: nobody. */
export function handOverRunner(mem: Int32Array, session: number): number {
  return Atomics.load(mem, session + STATE) >>> STATE_BITS;
}

/**
 * Gives a command out, or after a kill the end: the caller must send one thread, which calls handOverTake.
 * Any thread.
 * @returns false: the session is not idle, so a thread comes to it already, or it is closed
 */
export function handOverQueue(mem: Int32Array, session: number): boolean {
  return Atomics.compareExchange(mem, session + STATE, IDLE, QUEUED) === IDLE;
}

/** Takes what was given out: the session is the caller's. @returns false: another thread has it */
export function handOverTake(thr: Thread, session: number): boolean {
  return Atomics.compareExchange(thr.mem, session + STATE, QUEUED, runningBy(thr)) === QUEUED;
}

/** Takes a seat without a connection, to make one. @returns false: it is taken, or never to be run */
export function handOverConnect(thr: Thread, session: number): boolean {
  return Atomics.compareExchange(thr.mem, session + STATE, OUT, runningBy(thr)) === OUT;
}

/**
 * The command is done, thdEndCommand included: the session waits for the next one, and is nobody's. By the
 * thread that runs it.
 * @returns false: its connection was killed meanwhile, and the session is still the caller's, to be closed
 * @throws Error another thread runs it, or none
 */
export function handOverIdle(thr: Thread, session: number): boolean {
  const { mem } = thr;
  const word = session + STATE;
  checkRunner(thr, session);
  const killedAt = mem[session + THD_AT] + KILLED_AT;
  do {
    Atomics.store(mem, word, IDLE);
    if (Atomics.load(mem, killedAt) !== KILLED.connection) return true;
    // From here on it is for one to close: this thread, or one that somebody sends.
    if (Atomics.compareExchange(mem, word, IDLE, runningBy(thr)) !== IDLE) return true;
    // The killed connection may be closed by now, and this be the next one.
  } while (Atomics.load(mem, killedAt) !== KILLED.connection);
  return false;
}

/**
 * The connection is closed: the seat is free. By the thread that runs it.
 * @throws Error another thread runs it, or none
 */
export function handOverOut(thr: Thread, session: number): void {
  checkRunner(thr, session);
  Atomics.store(thr.mem, session + STATE, OUT);
}

/**
 * A client that has no connection will get none any more. Any thread.
 * @returns false: it has one, or has ended
 */
export function handOverEnd(mem: Int32Array, session: number): boolean {
  return Atomics.compareExchange(mem, session + STATE, OUT, ENDED) === OUT;
}

function checkRunner({ mem, id }: Thread, session: number): void {
  const runner = handOverRunner(mem, session);
  if (runner === id) return;
  const who = runner === 0 ? 'nobody runs it' : `thread ${runner} runs it`;
  throw new Error(`thread ${id} gives session @${session} back, but ${who}`);
}
