import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Site, Step } from '../types.ts';
import { InputError } from './input-error.ts';
import { firstDifference, readTrace, type Trace, traceHash, writeTrace } from './trace-file.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'latchlab-explore-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

const site = (line: number): Site => ({ file: 'a.ts', line, column: 3, text: 'Atomics.load(m, 0)', fn: 'f' });
const STEPS: readonly Step[] = [
  { thread: 0, op: 0, kind: 'load', site: 4, word: 1, read: 5, clock: [1, 0] },
  { thread: 1, op: 0, kind: 'cas', site: 5, word: 1, read: 5, wrote: 6, preempts: true },
  { thread: 1, op: 1, kind: 'wait', site: 5, word: 1, read: 'asleep' },
  { thread: 0, op: 1, kind: 'end', site: -1, word: -1 },
];
const TRACE: Trace = {
  scenario: 'mutex/two of them',
  fingerprint: 'abc',
  seed: 'x1:pos:1:#3',
  schedule: 's1:0.1>1',
  finding: 'deadlock: thread 1',
  sites: { 4: site(10), 5: site(11), 6: site(12) },
  steps: STEPS,
};

/** The complaint about a trace file with these lines, after the file's name. */
function complaint(lines: readonly string[]): string {
  const path = join(dir, 'bad.jsonl');
  writeFileSync(path, lines.join('\n'));
  try {
    readTrace(path);
  } catch (e) {
    if (!(e instanceof InputError)) throw e;
    expect(e.message).not.toContain('\n');
    return e.message.replace(`trace ${path}`, '');
  }
  throw new Error('accepted');
}

describe('trace files', () => {
  it('come back as they were, with the sites that are used', () => {
    const path = writeTrace(join(dir, 'deep', 'er'), TRACE);
    expect(path).toMatch(/\/mutex-two-of-them-[0-9a-f]{16}\.jsonl$/);
    expect(readTrace(path)).toEqual({ ...TRACE, sites: { 4: site(10), 5: site(11) } });
    expect(writeTrace(join(dir, 'deep', 'er'), TRACE)).toBe(path);
    expect(JSON.parse(readFileSync(path, 'utf8').split('\n')[0])).toMatchObject({ node: process.version });
  });

  it('keep values that JSON does not have', () => {
    const odd = { ...TRACE, steps: [{ ...STEPS[0], read: NaN }] };
    const back = readTrace(writeTrace(dir, odd));
    expect(back.steps[0].read).toBe('NaN');
    expect(firstDifference(odd, back)).toBeNull();
  });

  it('are refused with the line that is wrong', () => {
    const lines = readFileSync(writeTrace(dir, TRACE), 'utf8').trimEnd().split('\n');
    const replaced = (i: number, from: string, to: string): string[] => {
      expect(lines[i]).toContain(from);
      return lines.map((l, j) => (j === i ? l.replace(from, to) : l));
    };
    expect(complaint([''])).toBe(', line 1: is no trace file: its first line must be a JSON object');
    expect(complaint(['{}'])).toContain(', line 1: format: ');
    expect(complaint(replaced(0, '"version":1', '"version":2'))).toContain(', line 1: version: ');
    expect(complaint(replaced(2, '{', '['))).toBe(', line 3: is no JSON');
    expect(complaint(replaced(2, '"cas"', '"cat"'))).toContain(', line 3: kind: ');
    expect(complaint(replaced(1, '"site":4', '"site":6'))).toBe(', line 2: site 6 is not in the header');
    expect(complaint(replaced(1, '"read":5', '"read":7'))).toBe(
      ': has been changed or cut off: its hash differs',
    );
    expect(complaint(lines.slice(0, -1))).toContain('cut off');
    expect(() => readTrace(join(dir, 'none'))).toThrow(/: no such file$/);
    expect(() => readTrace(dir)).toThrow(/: is a directory$/);
  });
});

describe('the hash of a trace', () => {
  const moved = { 7: site(10), 8: site(11) };
  const renumbered = STEPS.map((s) => ({ ...s, site: s.site < 0 ? s.site : s.site + 3 }));

  it('does not depend on the numbers of sites, or on clocks', () => {
    const hash = traceHash(STEPS, TRACE.sites);
    expect(traceHash(renumbered, moved)).toBe(hash);
    expect(
      traceHash(
        STEPS.map(({ clock: _, ...s }) => s),
        TRACE.sites,
      ),
    ).toBe(hash);
  });

  it('depends on everything else, and the difference is named', () => {
    const changes: readonly Partial<Step>[] = [
      { thread: 0 },
      { kind: 'rmw' },
      { site: 4 },
      { word: 2 },
      { read: 4 },
      { wrote: 5 },
    ];
    for (const change of changes) {
      const steps = STEPS.map((s, i) => (i === 1 ? { ...s, ...change } : s));
      expect(traceHash(steps, TRACE.sites)).not.toBe(traceHash(STEPS, TRACE.sites));
      expect(firstDifference(TRACE, { ...TRACE, steps })?.step).toBe(1);
    }
    expect(firstDifference(TRACE, { steps: renumbered, sites: moved })).toBeNull();
    expect(firstDifference(TRACE, { ...TRACE, steps: STEPS.slice(0, 3) })).toEqual({
      step: 3,
      message: 'step 3 differs: thread 0 end word -1 at -; now the end',
    });
  });
});
