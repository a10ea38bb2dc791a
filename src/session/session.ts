/**
 * A session's life on its worker: connect, statements by its program until it is told to end (or killed), then it
 * parks with its connection open until all others have parked too, and closes.
 */
import type { RecordableHistogram } from 'node:perf_hooks';
import type { BufPool } from '../buffer/instance.ts';
import { Rng } from '../layout/rng.ts';
import { NIL } from '../layout/schema.ts';
import { THD } from '../layout/session.ts';
import { CONTROL, OP } from '../layout/thread.ts';
import { heapTrim } from '../memory/heap/heap-trim.ts';
import { EE_OUTOFMEMORY } from '../memory/mem-root/my-malloc.ts';
import { MEM_KEY } from '../memory/psi/psi-keys.ts';
import type { UtAllocator } from '../memory/ut/ut-allocator.ts';
import { idle_until_close } from '../sync/park-sites.ts';
import type { Thread } from '../sync/thread.ts';
import { makeChooser, NO_PAGE, type PageChooser, SharedTracePages } from './access.ts';
import {
  type SessionError,
  type SessionResult,
  type SessionSpec,
  STATEMENTS,
  type StatementKind,
} from './program.ts';
import { intendUpdate, type Pages, peek, pointRead, rangeRead, scan, update } from './statements.ts';
import {
  thdAlloc,
  thdEnd,
  thdErrorText,
  thdFree,
  thdInit,
  thdKilled,
  thdNextCommand,
  thdPrepare,
  thdStatementDone,
} from './thd.ts';
import type { Yard } from './yard.ts';

const { memError: MEM_ERROR, stmtError: STMT_ERROR } = THD.at;
const { parked: PARKED, close: CLOSE, traceCursor: TRACE_CURSOR } = CONTROL.at;

/** What a session works with. */
export interface SessionEnv {
  readonly thr: Thread;
  readonly pool: BufPool;
  readonly pages: Pages;
  readonly alloc: UtAllocator;
  /** THD record. */
  readonly thd: number;
  /** Statement latencies, ns. */
  readonly latency: RecordableHistogram;
  /** All allocators, for the statement of that name; null: none of the session's statements is. */
  readonly yard: Yard | null;
  /** Requests of a shared trace; Infinity when there is none. */
  readonly traceLength: number;
}

/** Bytes of what a statement allocates, by what it is for; the session's own cache keeps up to this many blocks. */
const VALUE_BYTES = 1024;
const SORT_BYTES = 32 * 1024;
const CACHE_BYTES = 2048;
const CACHE_BLOCKS = 32;
/** Pieces in which a grouped value grows. */
const HOG_PIECE_BYTES = 64 * 1024;

/**
 * Runs a session to its end. A failure leaves everything as it is, for the report to show: whoever cleaned up then
 * might wait for a latch that this very thread holds.
 * @throws what no session survives: InvariantViolation, StorageError, RunAborted, …
 */
export function runSession(env: SessionEnv, spec: SessionSpec): SessionResult {
  const { thr, thd, alloc } = env;
  const run = new SessionRun(env, spec);
  thr.mem[thr.op] = OP.statement;
  thdInit(thr, thd, { sessionId: spec.session + 1, privileged: spec.privileged });
  thdPrepare(thr, thd);
  run.statements();
  // A killed connection is closed at once, the others when all have done their last statement.
  if (run.wasKilled()) thdEnd(thr, thd, alloc);
  park(env);
  thr.mem[thr.op] = OP.statement;
  env.yard?.close();
  if (!run.wasKilled()) thdEnd(thr, thd, alloc);
  for (const os of alloc.allOs) heapTrim(thr, os);
  thr.mem[thr.op] = OP.idle;
  return run.result();
}

/** Tells the main thread that this session has done its last statement, and waits until all may close. */
function park({ thr }: SessionEnv): void {
  const { mem, control } = thr;
  mem[thr.op] = OP.idle;
  Atomics.add(mem, control + PARKED, 1);
  while (Atomics.load(mem, control + CLOSE) === 0) {
    idle_until_close(mem, control + CLOSE, 0, thr.waitSliceMs);
    thr.throwIfAborted();
  }
}

class SessionRun {
  private readonly env: SessionEnv;
  private readonly spec: SessionSpec;
  private readonly rng: Rng;
  private readonly chooser: PageChooser;
  /** Cumulated weights of STATEMENTS. */
  private readonly weights: readonly number[];
  private readonly counts = Object.fromEntries(STATEMENTS.map((s) => [s, 0])) as Record<
    StatementKind,
    number
  >;
  private readonly cache: number[] = [];
  private scanAt: number;
  private total = 0;
  private outOfMemory = 0;
  private killed: SessionError | null = null;

  constructor(env: SessionEnv, spec: SessionSpec) {
    this.env = env;
    this.spec = spec;
    this.rng = env.thr.rng;
    const { access } = spec;
    this.chooser =
      access.kind === 'sharedTrace'
        ? new SharedTracePages(access.trace, env.pages.count, env.thr.mem, env.thr.control + TRACE_CURSOR)
        : makeChooser(access, this.rng);
    let sum = 0;
    this.weights = STATEMENTS.map((s) => (sum += spec.mix[s] ?? 0));
    this.scanAt = this.rng.below(env.pages.count);
  }

  /** The command loop. */
  statements(): void {
    const { env, spec } = this;
    const { thr, thd, latency } = env;
    const traceCursor = thr.control + TRACE_CURSOR;
    const hogAt = thr.clock.us() + spec.hogAtMs * 1000;
    while (!thr.stopping() && (spec.statements === 0 || this.total < spec.statements)) {
      if (Atomics.load(thr.mem, traceCursor) >>> 0 >= env.traceLength) return;
      // The server resets the counter before it blocks for the next command; a connection may end here as well.
      if (!thdNextCommand(thr, thd, env.alloc.log) || thdKilled(thr.mem, thd) !== 0) {
        this.killed = { code: thr.mem[thd + MEM_ERROR], text: thdErrorText(thr.mem, thd) };
        return;
      }
      const began = thr.clock.us();
      thr.refreshNow();
      const hog = spec.hogBytes > 0 && began >= hogAt;
      const kind = this.pickKind();
      if (hog) this.group();
      else if (!this.execute(kind)) return;
      if (thr.mem[thd + STMT_ERROR] === EE_OUTOFMEMORY) this.outOfMemory++;
      thdStatementDone(thr, thd);
      this.counts[kind]++;
      this.total++;
      thr.madeProgress();
      latency.record(Math.max(1, Math.round((thr.clock.us() - began) * 1000)));
    }
  }

  private pickKind(): StatementKind {
    const { weights } = this;
    const x = this.rng.float() * weights[weights.length - 1];
    let i = 0;
    while (x >= weights[i]) i++;
    return STATEMENTS[i];
  }

  /** @returns false when there was no page left to ask for: the trace is at its end */
  private execute(kind: StatementKind): boolean {
    const { env, spec, rng } = this;
    const { thr, thd, alloc, pages } = env;
    thr.mem[thr.op] = OP.statement;
    if (kind === 'allocators') {
      if (env.yard === null) throw new Error('a session without a yard has a statement that wants one');
      env.yard.statement();
      return true;
    }
    const page = kind === 'scan' ? this.scanAt : this.chooser.next();
    if (page === NO_PAGE) return false;
    const value = thdAlloc(thr, thd, alloc, 1 + rng.below(VALUE_BYTES), MEM_KEY.stringValue);
    switch (kind) {
      case 'pointRead':
        pointRead(thr, pages, page);
        break;
      case 'update':
        update(thr, pages, page);
        break;
      case 'intendUpdate':
        intendUpdate(thr, pages, page);
        break;
      case 'peek':
        peek(thr, pages, page);
        break;
      case 'rangeRead': {
        const sort = thdAlloc(thr, thd, alloc, 1 + rng.below(SORT_BYTES), MEM_KEY.filesortBufferSortKeys);
        rangeRead(thr, pages, page, spec.rangePages);
        thdFree(thr, thd, alloc, sort);
        break;
      }
      case 'scan':
        scan(thr, pages, page, spec.scanPages);
        this.scanAt = (this.scanAt + spec.scanPages) % pages.count;
        break;
    }
    thdFree(thr, thd, alloc, value);
    this.useCache();
    return true;
  }

  /** What a connection keeps from statement to statement: blocks come and go, in no order. */
  private useCache(): void {
    const { thr, thd, alloc } = this.env;
    const slot = this.rng.below(CACHE_BLOCKS * 4);
    if (slot >= CACHE_BLOCKS) return;
    const held = this.cache[slot] ?? NIL;
    if (held !== NIL) thdFree(thr, thd, alloc, held);
    this.cache[slot] =
      held === NIL ? thdAlloc(thr, thd, alloc, 1 + this.rng.below(CACHE_BYTES), MEM_KEY.thdMainMemRoot) : NIL;
  }

  /** GROUP_CONCAT of a big table: the value grows piece by piece while pages are read, and is checked for a kill. */
  private group(): void {
    const { env, spec } = this;
    const { thr, thd, alloc, pages } = env;
    const pieces: number[] = [];
    for (
      let bytes = 0;
      bytes < spec.hogBytes && thdKilled(thr.mem, thd) === 0 && !thr.stopping();
      bytes += HOG_PIECE_BYTES
    ) {
      pieces.push(thdAlloc(thr, thd, alloc, HOG_PIECE_BYTES, MEM_KEY.stringValue));
      const page = this.chooser.next();
      if (page !== NO_PAGE) pointRead(thr, pages, page);
    }
    for (const piece of pieces) thdFree(thr, thd, alloc, piece);
  }

  wasKilled(): boolean {
    return this.killed !== null;
  }

  result(): SessionResult {
    const { session, node, name } = this.spec;
    const { counts, total, killed, outOfMemory } = this;
    const refused = this.env.yard?.refused ?? 0;
    return {
      session,
      node,
      name,
      statements: counts,
      total,
      killed,
      outOfMemory,
      refused,
      reads: 0,
      writes: 0,
    };
  }
}
