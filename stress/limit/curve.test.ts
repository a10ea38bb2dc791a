import { afterEach, describe, expect, it, vi } from 'vitest';
import { GLOBAL_CONN_MEM } from '../../src/layout/session.ts';
import { ThdMemCounter } from '../../src/session/limits/thd-mem-cnt.ts';
import { mutexEnter } from '../../src/sync/mutex.ts';
import { limitCurveChart } from './curve-charts.ts';
import { renderLimitCurve } from './curve-text.ts';
import { FULL_CHUNKS, limitCurve, type LimitCurve, type LimitCurveEvents } from './curve.ts';
import { exactRun, setLimits } from './exact.ts';
import { attachLimit, limitDefects, makeLimitPlan } from './limit-arena.ts';
import { LimitSession, STATEMENTS } from './limit-session.ts';
import { ASK, makeStatements } from './statements.ts';

const KIB = 1024;
const MIB = 2 ** 20;

function sessions(count: number, seed = 1): LimitSession[] {
  const plan = makeLimitPlan(count);
  return Array.from({ length: count }, (_, s) => new LimitSession(plan, s, seed));
}

describe('the statements', () => {
  it('end, ask for every kind of memory, and repeat with their seed alone', () => {
    const asks = makeStatements(1, 0, STATEMENTS);
    const kinds = asks.filter((_, i) => i % 2 === 0);
    expect(kinds.filter((k) => k === ASK.end)).toHaveLength(STATEMENTS);
    expect(kinds.at(-1)).toBe(ASK.end);
    expect(new Set(kinds)).toEqual(new Set(Object.values(ASK)));
    expect(makeStatements(1, 0, STATEMENTS)).toEqual(asks);
    expect(makeStatements(1, 1, STATEMENTS)).not.toEqual(asks);
    expect(makeStatements(2, 0, STATEMENTS)).not.toEqual(asks);
  });
});

/** What the counter is told, and when somebody looks: bytes, negative when freed. */
type Event = number | 'reset' | 'look';

/** Facts A 7.4 once more, by hand. */
function predict(events: readonly Event[], chunk: number) {
  let [mem, max, glob, enabled] = [0, 0, 0, false];
  let reservations = 0;
  const [ahead, used]: [number[], number[]] = [[], []];
  for (const event of events) {
    if (event === 'look') {
      ahead.push(glob - mem);
      used.push(mem);
    } else if (event === 'reset') {
      enabled = true;
      max = mem;
      glob = mem;
    } else {
      mem = Math.max(0, mem + event);
      max = Math.max(max, mem);
      if (event > 0 && enabled && max > glob) {
        reservations++;
        glob = (Math.floor(max / chunk) + 1) * chunk;
        max = Math.max(max, glob);
      }
    }
  }
  const mean = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0) / all.length;
  return { reservations, aheadMean: mean(ahead), aheadMax: Math.max(...ahead), usedMean: mean(used) };
}

describe('the exact part', () => {
  afterEach(() => void vi.restoreAllMocks());

  it.each([1000, 1024, 8912, 64 * KIB, MIB, 512 * MIB])(
    'is the arithmetic of the facts, chunk %i',
    (chunk) => {
      const [session] = sessions(1);
      const events: Event[] = [];
      // oxlint-disable-next-line typescript/unbound-method -- called with their object below
      const { alloc, free } = ThdMemCounter.prototype;
      vi.spyOn(ThdMemCounter.prototype, 'alloc').mockImplementation(function (
        this: ThdMemCounter,
        thr,
        thd,
        bytes,
      ) {
        events.push(bytes);
        alloc.call(this, thr, thd, bytes);
      });
      vi.spyOn(ThdMemCounter.prototype, 'free').mockImplementation(function (
        this: ThdMemCounter,
        thr,
        thd,
        bytes,
      ) {
        events.push(-bytes);
        free.call(this, thr, thd, bytes);
      });
      const ask = session.ask.bind(session);
      session.ask = (what, bytes) => {
        ask(what, bytes);
        events.push('look');
      };
      const connect = session.connect.bind(session);
      session.connect = () => {
        const connected = connect();
        events.push('reset');
        return connected;
      };
      const statement = session.statement.bind(session);
      session.statement = (seen) => {
        const ended = statement(seen);
        events.push('reset');
        return ended;
      };
      const exact = exactRun([session], chunk);
      const { aheadMean, usedMean, ...predicted } = predict(events, chunk);
      expect(exact).toMatchObject(predicted);
      expect(exact.aheadMean).toBeCloseTo(aheadMean, 6);
      expect(exact.usedMean).toBeCloseTo(usedMean, 6);
      expect(exact.latchPerAllocation).toBe((exact.reservations + STATEMENTS) / exact.allocations);
      expect(limitDefects(session.plan)).toEqual([]);
    },
  );

  it('repeats, and is a matter of the seed', () => {
    const [session] = sessions(1);
    const once = exactRun([session], 8912);
    expect(exactRun([session], 8912)).toEqual(once);
    expect(exactRun(sessions(1), 8912)).toEqual(once);
    expect(exactRun(sessions(1, 2), 8912)).not.toEqual(once);
  });

  it('goes down or up with the chunk, and stays within a chunk and what was freed', () => {
    const all = sessions(2);
    const powers = FULL_CHUNKS.filter((c) => Number.isInteger(Math.log2(c)));
    expect(powers).toHaveLength(20);
    const runs = powers.map((chunk) => exactRun(all, chunk));
    const ascending = (of: readonly number[]): void => expect(of.toSorted((a, b) => a - b)).toEqual(of);
    ascending(runs.map((r) => -r.reservations));
    ascending(runs.map((r) => r.aheadMean));
    for (const [i, r] of runs.entries()) expect(r.aheadMax).toBeLessThanOrEqual(powers[i] + r.peak);
    // With the largest chunk a statement reserves once, if it allocates at all.
    expect(runs[19].reservations).toBeLessThanOrEqual(2 * STATEMENTS);
    expect(runs[0].reservations).toBeGreaterThan(runs[19].reservations);
    expect(new Set(runs.map((r) => r.peak)).size).toBe(1);
  });

  it('with tracking OFF takes the latch never', () => {
    const off = exactRun(sessions(1), null);
    expect(off).toMatchObject({ reservations: 0, resets: 0, latchPerAllocation: 0 });
    expect(off.peak).toBeGreaterThan(MIB);
  });
});

describe('a session under a global limit', () => {
  it('is stopped by the counter and not by the truth, and its seat is clean for the next', () => {
    const [a, b] = sessions(2);
    setLimits(a.attached.thr, a.plan, 16 * MIB, 16 * MIB);
    expect([a.connect(), b.connect()]).toEqual([true, true]);
    // In the middle of a statement.
    b.ask(ASK.root, 8);
    const packet = 16_424;
    expect(a.statement(null)).toBe(false);
    expect(a.stop).toEqual({
      code: 4081,
      limit: 16 * MIB,
      consumed: 32 * MIB,
      inUse: 2 * (packet + 8240),
      connecting: false,
    });
    a.disconnect();
    expect(a.connect()).toBe(false);
    expect(a.stop).toMatchObject({ code: 4081, consumed: 16 * MIB + packet, connecting: true });
    a.disconnect();
    b.disconnect();
    expect(limitDefects(a.plan)).toEqual([]);
    expect(a.connect()).toBe(true);
    expect(a.statement(null)).toBe(true);
    a.disconnect();
  });
});

const measured = (events: LimitCurveEvents = {}, more: object = {}): Promise<LimitCurve> =>
  limitCurve({ seed: 1, sessions: 2, seconds: 1.5, chunks: [KIB, 64 * MIB], ...more }, events);

describe('the curve, with real threads', () => {
  it('shows what a chunk saves and what it costs, in numbers, text and charts', async () => {
    const steps: string[] = [];
    const curve = await measured({ progress: (done, total, what) => steps.push(`${done}/${total} ${what}`) });
    expect(curve).toMatchObject({ problem: null, interrupted: false, sessions: 2 });
    expect(steps.slice(0, 2)).toEqual([`0/${2 * curve.rounds} chunk 1K`, `1/${2 * curve.rounds} chunk 64M`]);
    expect(steps.at(-1)).toBe(`${2 * curve.rounds}/${2 * curve.rounds} `);
    const [fine, coarse] = curve.points;
    expect(curve.off?.latchPerAllocation).toBe(0);
    expect(fine.timed?.latchPerAllocation).toBeGreaterThan(coarse.timed?.latchPerAllocation ?? NaN);
    for (const p of curve.points) {
      expect(p.timed?.allocations).toBeGreaterThan(0);
      // The pass that they were in the middle of is the difference.
      expect(p.timed?.latchPerAllocation).toBeCloseTo(p.exact.latchPerAllocation, 0);
      expect(p.timed?.allocations).toBeGreaterThanOrEqual(p.exact.allocations);
      expect(p.ahead?.usedMax).toBeLessThanOrEqual(curve.mostInUse);
      expect(p.stops?.justly).toBe(0);
    }
    expect(curve.globalLimit).toBe(16 * MIB);
    expect(curve.mostInUse).toBeLessThan(curve.globalLimit);
    expect(fine.stops?.stopped).toBe(0);
    // A session alone has reserved more than the limit at its first request.
    expect(coarse.stops?.stopped).toBeGreaterThan(1);
    expect(coarse.stops?.sessionsHit).toBe(2);
    expect(coarse.stops?.worst?.consumed).toBeGreaterThanOrEqual(64 * MIB);
    expect(coarse.ahead?.max).toBeGreaterThan(32 * MIB);
    const text = renderLimitCurve(curve);
    expect(text).toMatch(/^ {2}1K .* 0 +0\.0 %$/m);
    expect(text).toMatch(/^ {2}64M .* 100\.0 %$/m);
    expect(text).toContain('from a chunk of 64M on sessions are, too early');
    expect(text).toMatch(
      /ERROR 4081 \(HY000\): Connection closed\. Global connection memory limit 16777216 bytes exceeded\. Consumed \d{8,} bytes\./,
    );
    const charts = limitCurveChart(curve);
    expect(Object.keys(charts)).toEqual(['limit-latch', 'limit-throughput', 'limit-ahead', 'limit-stopped']);
    for (const chart of Object.values(charts)) {
      expect(chart.x.values).toEqual([KIB, 64 * MIB]);
      for (const s of chart.series) expect(s.values).toHaveLength(2);
    }
    expect(JSON.parse(JSON.stringify(curve))).toEqual(curve);
  });

  it('ends when the user wants it, with what there is', async () => {
    const user = new AbortController();
    const progress = (done: number): void => {
      if (done === 1) setTimeout(() => user.abort(), 20);
    };
    const curve = await measured({ progress }, { signal: user.signal, seconds: 6 });
    expect(curve).toMatchObject({ interrupted: true, problem: null });
    expect(curve.points.map((p) => p.timed !== null)).toEqual([true, false]);
    const text = renderLimitCurve(curve);
    expect(text).toContain('interrupted: what was measured until then');
    expect(text).toMatch(/^ {2}1K /m);
    expect(text).not.toMatch(/^ {2}64M /m);
    expect(limitCurveChart(curve)).toEqual({});
  });

  it('ends with a line when a worker dies', async () => {
    let parts = 0;
    const curve = await measured({
      started: (_, pool) => {
        if (++parts === 3) void pool.threads[0].terminate();
      },
    });
    expect(curve.problem).toMatch(/^session [01]: .*$/);
    expect(curve.interrupted).toBe(false);
    expect(renderLimitCurve(curve)).toContain('ENDED EARLY: session ');
  });

  it('ends with a line when a worker hangs, which says where', async () => {
    let parts = 0;
    const curve = await measured(
      {
        started: (plan) => {
          if (++parts === 3) mutexEnter(attachLimit(plan, 0).thr, plan.conn + GLOBAL_CONN_MEM.at.mutex);
        },
      },
      { watchdogSeconds: 0.5 },
    );
    expect(curve.problem).toBe(
      'told to end 0.5 s ago, and has not: ' +
        'session 0 (waiting for LOCK_global_conn_mem_limit, held by thread 1), ' +
        'session 1 (waiting for LOCK_global_conn_mem_limit, held by thread 1)',
    );
  });
});
