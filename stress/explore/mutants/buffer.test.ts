import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { scenarios as batch } from '../scenarios/pool-batch.ts';
import { scenarios as evict } from '../scenarios/pool-evict.ts';
import { scenarios as flush } from '../scenarios/pool-flush.ts';
import { scenarios as free } from '../scenarios/pool-free.ts';
import { scenarios as get } from '../scenarios/pool-get.ts';
import { scenarios as hash } from '../scenarios/pool-hash.ts';
import { scenarios as hazard } from '../scenarios/pool-hazard.ts';
import { mutants } from './buffer.ts';
import { applyMutant } from './types.ts';

const NAMES = new Set(
  [...get, ...evict, ...flush, ...hash, ...hazard, ...batch, ...free].map((scenario) => scenario.name),
);

describe('mutants of the buffer pool', () => {
  it('at least 35, with unique ids', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(35);
    expect(new Set(mutants.map((m) => m.id)).size).toBe(mutants.length);
  });

  it.each(mutants.map((m) => [m.id, m] as const))('%s applies, and names scenarios that exist', (_, m) => {
    expect(existsSync(m.file)).toBe(true);
    const source = readFileSync(m.file, 'utf8');
    expect(applyMutant(source, m)).not.toBe(source);
    expect(m.scenarios.length).toBeGreaterThan(0);
    expect(m.scenarios.filter((name) => !NAMES.has(name))).toEqual([]);
  });
});
