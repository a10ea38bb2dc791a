/** Scenarios for the status limits (src/session/limits/status-variables.ts): who is counted when sessions grow at the same time. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import {
  globalConnMemSet,
  type GlobalConnMemValues,
  memCntAlloc,
  memCntFree,
  memCntReset,
} from '../../../src/session/limits/thd-mem-cnt.ts';
import { connMemStatus } from '../../../src/session/limits/status-variables.ts';
import { checkNothingHeld } from '../guarded.ts';
import { must } from '../kit.ts';
import { Sessions } from '../session-kit.ts';

type Body = (ctx: Ctx<Sessions>) => unknown;

const CHUNK = 1000;
const LIMIT = 2000;
/** Two limits whose halves, mixed, make 0. */
const LOW_LIMIT = 20_000_000;
const HIGH_LIMIT = 2 ** 33;

/** A query passes the limit twice; the next one starts above it. */
const twice: Body = (ctx) => {
  const { s } = ctx;
  const thr = s.threads[ctx.id];
  const thd = s.thds[ctx.id];
  memCntAlloc(thr, thd, LIMIT, s.log);
  for (let i = 0; i < 2; i++) {
    memCntAlloc(thr, thd, 1, s.log);
    memCntFree(s.mem, thd, 1);
  }
  memCntAlloc(thr, thd, 1, s.log);
  memCntReset(thr, thd, s.log);
  memCntAlloc(thr, thd, 1, s.log);
};

/** Reserves two chunks. */
const grow: Body = (ctx) => memCntAlloc(ctx.s.threads[ctx.id], ctx.s.thds[ctx.id], 1500, ctx.s.log);

/** The same again: the third of four such steps is beyond the limit already. */
const growTwice: Body = (ctx) => {
  grow(ctx);
  grow(ctx);
};

/** SET GLOBAL of both limits, now and again. */
const setLimits: Body = (ctx) => {
  for (const limit of [HIGH_LIMIT, LOW_LIMIT, HIGH_LIMIT]) {
    const values = { sessionStatusLimit: limit, globalStatusLimit: limit };
    globalConnMemSet(ctx.s.threads[ctx.id], ctx.s.conn, values);
  }
};

/** @param hits queries that have moved their connection over its limit, and all connections over theirs */
function checkHits(s: Sessions, hits: readonly number[]): void {
  const counted = Object.values(connMemStatus(s.mem, s.conn)).slice(1);
  must(
    counted.join(', ') === hits.join(', '),
    `${hits.join(', ')} queries, ${counted.join(', ')} are counted`,
  );
  checkNothingHeld(s.kit);
}

function statusScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  values: GlobalConnMemValues,
  hits: readonly number[],
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
        sessions: threads.length,
        values: { chunkSize: CHUNK, tracking: true, ...values },
      });
      for (const [seat, thr] of s.threads.entries()) s.connect(thr, seat, seat + 1);
      return s;
    },
    check: (_mem, s) => checkHits(s, hits),
    words: (word, s) => s.words(word),
    holders: (_mem, s) => s.kit.holders(),
  };
}

export const scenarios: readonly Scenario<Sessions>[] = [
  statusScenario(
    'status-session',
    'Does each query count once that moves its connection over the status limit?',
    [twice, twice],
    { sessionStatusLimit: LIMIT },
    [2, 0],
  ),
  statusScenario(
    'status-all',
    'Of two queries that grow at once, does exactly the one count that moves all connections over the limit?',
    [growTwice, growTwice],
    { globalStatusLimit: 3 * CHUNK },
    [0, 1],
  ),
  statusScenario(
    'status-set',
    'Does a query see the old status limits or the new ones, never half of each?',
    [grow, setLimits],
    { sessionStatusLimit: LOW_LIMIT, globalStatusLimit: LOW_LIMIT },
    [0, 0],
  ),
];
