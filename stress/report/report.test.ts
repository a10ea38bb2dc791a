import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ran, TINY } from '../test-kit.ts';

/** Paths of the numbers in a value that JSON cannot carry, and of what it would leave out. */
function lost(value: unknown, path = ''): string[] {
  if (value === undefined || (typeof value === 'number' && !Number.isFinite(value))) return [path];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => lost(inner, `${path}.${key}`));
}

it('a report loses nothing as JSON, and every field of it is in the documentation', async () => {
  const { report } = await ran([...TINY, '--seconds=1', '--sessions=3', '--warmup=1']);
  expect(report.verdict).toBe('ok');
  expect(lost(report)).toEqual([]);
  const documented = readFileSync(new URL('../../docs/report.md', import.meta.url), 'utf8');
  const fields = [...documented.matchAll(/^\| (`.*?) +\|/gm)].flatMap(([, cell]) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  );
  expect(fields.toSorted()).toEqual(Object.keys(report).toSorted());
});

it('nor does one of a run in which nothing was measured', async () => {
  const args = [...TINY, '--seconds=1', '--sessions=1', '--warmup=60', '--nodes=1'];
  const { report, text } = await ran(args, (run) => ({ tick: () => run().stop() }));
  expect(report).toMatchObject({
    verdict: 'ok',
    interrupted: true,
    seconds: 0,
    statements: 0,
    latencyUs: {},
  });
  expect(lost(report)).toEqual([]);
  expect(text).toContain('nothing was measured, as it ended in its warm-up');
  expect(text).toContain(
    ': 1 session on 1 thread (one-thread-per-connection), 1 node, 1 instance x 16 stripes,',
  );
});
