import { describe, expect, it } from 'vitest';
import { LATCHES, type LatchClass } from './latch-meta.ts';
import * as sites from './park-sites.ts';

const lastPart = (c: LatchClass): string => c.instrument.split('/').at(-1) ?? '';

/** The functions that were called when `call` threw, the innermost first. */
function calledBy(call: () => void): string[] {
  try {
    call();
  } catch (error) {
    return [...((error as Error).stack ?? '').matchAll(/^\s+at (\S+) \(/gm)].map((m) => m[1]);
  }
  throw new Error('it did not throw');
}

/** Atomics.wait refuses memory that is not shared. */
const unshared = new Int32Array(1);
/** A number that throws when it is looked at. */
const trap = {
  valueOf(): number {
    throw new Error('looked at');
  },
} as unknown as number;

describe('places to wait', () => {
  it.each(LATCHES.map((c) => [c.name, c] as const))('%s parks and spins under its own name', (_, c) => {
    expect(sites).toHaveProperty(`park_${lastPart(c)}`);
    expect(sites).toHaveProperty(`spin_${lastPart(c)}`);
    expect(calledBy(() => sites.parkAt(c.id, unshared, 0, 0, 0))).toContain(`park_${lastPart(c)}`);
    expect(calledBy(() => sites.spinAt(c.id, trap))).toContain(`spin_${lastPart(c)}`);
  });

  it('differ in name from class to class, and there are no others', () => {
    const named = Object.keys(sites).filter((name) => /^(park|spin)_/.test(name));
    expect(named).toHaveLength(2 * LATCHES.length);
    expect(new Set(LATCHES.map(lastPart)).size).toBe(LATCHES.length);
  });

  it('have names in the profile because functions have them', () => {
    for (const [name, site] of Object.entries(sites)) expect(site.name).toBe(name);
  });

  it('refuse a class that there is not', () => {
    expect(() => sites.parkAt(LATCHES.length, unshared, 0, 0, 0)).toThrow(RangeError);
    expect(() => sites.spinAt(LATCHES.length, 1)).toThrow(RangeError);
  });

  it('sleep while the word has the value, and at most so long', () => {
    const mem = new Int32Array(new SharedArrayBuffer(4));
    for (const { id } of LATCHES) {
      sites.parkAt(id, mem, 0, 7, 60_000);
      sites.parkAt(id, mem, 0, 0, 0.01);
    }
    for (const idle of [sites.idle_event_wait, sites.idle_await_start, sites.idle_until_close]) {
      idle(mem, 0, 7, 60_000);
      idle(mem, 0, 0, 0.01);
    }
  });
});
