import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { memErrorText } from '../../src/session/limits/thd-mem-cnt.ts';
import {
  thdConnectMemory,
  thdReleaseMemory,
  thdRootAlloc,
  thdValue,
} from '../../src/session/thd/thd-memory.ts';
import {
  PRIVILEGE,
  thdAttach,
  thdDetach,
  thdEnd,
  thdErrorText,
  thdInit,
  thdKilled,
  thdNextCommand,
  thdPrepare,
} from '../../src/session/thd/thd.ts';
import type { StressReport } from '../report/report.ts';
import type { RunOptions } from '../runner/run-types.ts';
import { plan, ran, Scratch, TINY } from '../test-kit.ts';
import { COARSE_CHUNKS } from './curve.ts';
import { alsoPrivileged, checkLimitDemo, type LimitDemo, type LimitHog } from './demo.ts';
import { renderLimitDemo } from './demo-text.ts';
import { clientErrorLine, errorLine } from './error-line.ts';
import { setLimits } from './exact.ts';
import { attachLimit, limitDefects, makeLimitPlan, thdOf } from './limit-arena.ts';

const LIMIT = 2_097_152;
const VALUE = 6_000_000;
const PIECE = 65_536;
/** my_malloc's header; packet of a connection; the first block of main_mem_root. */
const HEADER = 32;
const PACKET = 16_392 + HEADER;
const ROOT_BLOCK = 8192 + 16 + HEADER;

/** Bytes in use when the value first passes the limit: while it is copied there are two of it. */
function crossing(): number {
  const base = PACKET + ROOT_BLOCK;
  let had = 0;
  for (let length = PIECE; ; length += PIECE) {
    if (length + 1 <= had) continue;
    const grown = Math.ceil((length + (had === 0 ? 0 : Math.floor((length - PIECE) / 4)) + 1) / 8) * 8;
    const used = base + (had === 0 ? 0 : had + HEADER) + grown + HEADER;
    if (used > LIMIT) return used;
    had = grown;
  }
}
const CONSUMED = 2_203_816;
const TEXT = `Connection closed. Connection memory limit 2097152 bytes exceeded. Consumed ${CONSUMED} bytes.`;

describe('a value of 6,000,000 bytes under connection_memory_limit = 2 MiB', () => {
  function group(privileges: number): { killed: number; text: string; log: readonly string[] } {
    const arena = makeLimitPlan(1);
    const { thr, my, psi, log } = attachLimit(arena, 1);
    const thd = thdOf(arena, 0);
    setLimits(thr, arena, 8912);
    thdInit(thr, thd, { sessionId: 1, privileges, connMem: { connectionMemoryLimit: LIMIT } });
    thdAttach(thr, psi, thd);
    thdConnectMemory(thr, my, thd);
    thdPrepare(thr, thd);
    expect(thdNextCommand(thr, thd, log)).toBe(true);
    thdRootAlloc(thr, my, thd, 3000);
    for (let length = PIECE; length < VALUE && thdKilled(thr.mem, thd) === 0; length += PIECE) {
      thdValue(thr, my, thd, length);
    }
    const told = { killed: thdKilled(thr.mem, thd), text: thdErrorText(thr.mem, thd) };
    thdReleaseMemory(thr, my, thd);
    thdEnd(thr, thd);
    thdDetach(thr, psi, thd);
    expect(limitDefects(arena)).toEqual([]);
    return { ...told, log: log.lines.map((l) => `[${l.priority}] [${l.subsystem}] ${l.text}`) };
  }

  it('kills a normal connection, with the bytes of that moment', () => {
    expect(crossing()).toBe(CONSUMED);
    expect(group(0)).toEqual({ killed: 1053, text: TEXT, log: [`[Error] [Server] ${TEXT}`] });
  });

  it.each([PRIVILEGE.super, PRIVILEGE.connectionAdmin])('not one with privilege %i', (privilege) => {
    expect(group(privilege)).toEqual({ killed: 0, text: '', log: [] });
  });

  it('is told as clients tell it', () => {
    expect(errorLine({ code: 4082, limit: LIMIT, consumed: CONSUMED })).toBe(`ERROR 4082 (HY000): ${TEXT}`);
    expect(clientErrorLine(4081, 'x')).toBe('ERROR 4081 (HY000): x');
  });
});

describe('the verdict', () => {
  const normal: LimitHog = {
    session: 3,
    privileged: false,
    limit: LIMIT,
    used: CONSUMED,
    stopped: 1,
    text: TEXT,
  };
  const admin: LimitHog = {
    ...normal,
    session: 0,
    privileged: true,
    used: 7_000_000,
    stopped: 0,
    text: null,
  };
  const demo = (hogs: readonly LimitHog[], logged = [TEXT]): LimitDemo => ({
    hogs,
    logged,
    global: { before: 1, most: 2, end: 3, closed: 0 },
  });
  const violations = (d: LimitDemo, bytes = VALUE, cut = false): readonly string[] =>
    checkLimitDemo(d, bytes, cut).violations;

  it('holds when the one was ended and the other was not', () => {
    expect(violations(demo([admin, normal]))).toEqual([]);
    expect(violations(demo([admin, { ...normal, stopped: 2, text: null }]))).toEqual([]);
  });

  it('names whoever was not ended, or not rightly', () => {
    expect(violations(demo([admin, { ...normal, stopped: 0, text: null }]))).toEqual([
      'session 3 was not ended with 4082',
    ]);
    expect(violations(demo([{ ...normal, used: 9, stopped: 0 }]))).toEqual([
      'session 3 did not come so far: it used 9 bytes at most',
    ]);
    const less = memErrorText(4082, LIMIT, LIMIT);
    expect(violations(demo([{ ...normal, text: less }], [less]))).toEqual([`session 3 was told '${less}'`]);
    const other = memErrorText(4082, LIMIT + 1, CONSUMED);
    expect(violations(demo([{ ...normal, text: other }], [other]))).toEqual([
      `session 3 was told '${other}'`,
    ]);
    expect(violations(demo([normal], []))).toEqual([`the error log does not have '${TEXT}'`]);
    expect(violations(demo([{ ...normal, text: null }], []))).toEqual([`session 3 was told ''`]);
  });

  it('names a privileged one that was ended, or not counted', () => {
    expect(violations(demo([{ ...admin, stopped: 1, text: TEXT }, normal]))).toEqual([
      `session 0 (privileged) was ended: ${TEXT}`,
    ]);
    expect(violations(demo([{ ...admin, used: LIMIT }, normal]))).toEqual([
      'session 0 (privileged) was counted with 2097152 bytes at most',
    ]);
  });

  it('says so where there is nothing to look at', () => {
    const failing = demo([{ ...normal, stopped: 0 }]);
    expect(violations(failing, LIMIT)).toEqual([]);
    expect(violations(failing, VALUE, true)).toEqual([]);
    expect(violations(demo([{ ...normal, limit: null, stopped: 0 }]))).toEqual([]);
    expect(checkLimitDemo(failing, VALUE, true).checked).toContain('ended before its time');
    expect(checkLimitDemo(demo([]), VALUE, false).checked).toContain('no value is larger');
  });

  it('is told as text', () => {
    expect(renderLimitDemo(demo([admin, normal]))).toBe(
      [
        'Connection memory limit',
        '  session 0 (SUPER), limit 2,097,152: used up to 7,000,000 bytes, was not stopped',
        '  session 3 (no privilege), limit 2,097,152: used up to 2,203,816 bytes, was stopped:',
        `    ERROR 4082 (HY000): ${TEXT}`,
        '  error log:',
        `    [Error] [Server] ${TEXT}`,
        '  Global_connection_memory: 1 before, 2 the most seen meanwhile, 3 at the end, 0 when all had closed',
      ].join('\n'),
    );
  });
});

describe('--scenario connection-limit', () => {
  const scratch = new Scratch();
  afterAll(() => scratch.remove());
  const args = ['--scenario=connection-limit', '--seconds=3', ...TINY] as const;

  it('ends a normal session and not a privileged one, and shows both', async () => {
    // Long enough for a whole value on a busy machine, and memory for two of it.
    const enough = TINY.map((arg) => (arg.startsWith('--os-memory') ? '--os-memory=32M' : arg));
    const { report, text } = await ran(['--scenario=connection-limit', '--seconds=5', ...enough]);
    expect(report.verdicts.flatMap((v) => v.violations)).toEqual([]);
    const hogs = report.limitDemo?.hogs ?? [];
    expect(hogs.map((h) => [h.session, h.privileged, h.limit, h.stopped])).toEqual([
      [0, true, LIMIT, 0],
      [3, false, LIMIT, 1],
    ]);
    expect(hogs[0].used).toBeGreaterThan(VALUE);
    // What passed the limit was the most that it ever had.
    expect(hogs[1].used).toBe(CONSUMED);
    expect(text).toContain(`ERROR 4082 (HY000): ${TEXT}`);
    const { before = 0, most = 0, closed } = report.limitDemo?.global ?? {};
    expect(before).toBeGreaterThan(0);
    expect(most).toBeGreaterThan(before);
    expect(closed).toBe(0);
    expect(report.sessions.filter((s) => s.killed !== null).map((s) => s.session)).toEqual([3]);
  });

  it('fails when the limit stops nobody', async () => {
    const { report } = await ran(args, undefined, { sessions: await everybodySuper(args) });
    expect(report.verdict).toBe('violated');
    expect(report.verdicts.flatMap((v) => v.violations)).toEqual(['session 3 was not ended with 4082']);
  });

  it('on the command line, with the curve behind it', async () => {
    const json = scratch.file('report.json');
    const { status, out, err } = await scratch.run([...args, `--json=${json}`]);
    expect(err).toBe('');
    expect(status).toBe(0);
    expect(out).toContain(`ERROR 4082 (HY000): ${TEXT}`);
    expect(out).toMatch(/^ {2}tracking OFF .* 100 % +100 % /m);
    expect(out).toMatch(/^ {2}512M .* 100\.0 %$/m);
    expect(out).toContain('a normal session was ended with 4082 and its text');
    const report = JSON.parse(readFileSync(json, 'utf8')) as StressReport;
    expect(report.limitCurve?.problem).toBeNull();
    expect(report.limitCurve?.points.map((p) => p.chunk)).toEqual(COARSE_CHUNKS);
  });
});

async function everybodySuper(args: readonly string[]): Promise<RunOptions['sessions']> {
  const planned = await plan(...args);
  planned.cleanUp();
  return planned.run.sessions.map((s) => ({ ...s, privileges: PRIVILEGE.super }));
}

describe('who groups', () => {
  it('is the administrator as well, at the same time', async () => {
    const planned = await plan('--scenario=connection-limit');
    planned.cleanUp();
    const { sessions } = planned.run;
    const hogs = sessions.filter((s) => s.then !== undefined);
    expect(hogs.map((s) => [s.session, s.privileges])).toEqual([
      [0, PRIVILEGE.super],
      [3, 0],
    ]);
    expect(hogs[0].then).toEqual(hogs[1].then);
    const none = sessions.map(({ then: _, ...s }) => s);
    expect(alsoPrivileged(none)).toEqual(none);
  });
});
