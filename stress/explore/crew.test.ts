import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/config/errors.ts';
import { PROFILES } from '../../src/explore/explorer.ts';
import { ExploreCrew } from './crew.ts';

const DIR = mkdtempSync(join(tmpdir(), 'explore-crew-'));
const FILE = join(DIR, 'hangs.ts');

writeFileSync(
  FILE,
  `const swallow = (): void => { for (let n = 0; ; ) { try { for (;;) n++; } catch { n = 0; } } };
   const quiet = ({ m }: { m: Int32Array }): number => Atomics.add(m, 0, 1);
   export const all = [
     { name: 'hangs', doc: 'd', memory: 64, threads: [swallow, quiet] },
     { name: 'ends', doc: 'd', memory: 64, threads: [quiet, quiet] },
   ];`,
);
afterAll(() => rmSync(DIR, { recursive: true }));

describe('the crew of an exploration', () => {
  it('ends a task that gets nowhere, names it, and goes on with the next', async () => {
    const crew = new ExploreCrew(1);
    const patient = crew.stallMs;
    const task = (name: string) => ({
      kind: 'scenario' as const,
      file: FILE,
      name,
      profile: { ...PROFILES.quick, schedules: 100 },
      seed: 1,
      corpus: [],
      outcomes: false,
      from: 0,
      stride: 1,
    });
    try {
      crew.stallMs = 1000;
      const hung = crew.explore([task('hangs')]);
      await expect(hung).rejects.toThrow(UserError);
      await expect(hung).rejects.toThrow('scenario hangs: no schedule ended within 1 s.');
      // A new worker starts and builds the module first: on a busy machine that takes longer.
      crew.stallMs = patient;
      const ended = await crew.explore([task('ends')]);
      expect(ended?.[0].failure).toBeNull();
      expect(ended?.[0].coverage.schedules).toBeGreaterThan(0);
    } finally {
      await crew.close();
    }
  });
});
