import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SITE_CELL, SITE_NAME_WORDS } from '../../layout/origin.ts';
import { allocateArena, ArenaPlanner } from '../../layout/arena.ts';
import * as S from './site.ts';

function table(count: number): { mem: Int32Array; at: number; cells: number } {
  const planner = new ArenaPlanner();
  const plan = S.siteTablePlan(planner, count);
  const mem = new Int32Array(allocateArena(planner.finish()));
  S.siteTableInit(mem, plan);
  return { mem, at: plan.at, cells: plan.cells };
}

/** Places whose numbers begin in the same cell of a table of 4. */
function colliding(n: number): S.AllocSite[] {
  const found: S.AllocSite[] = [];
  for (let line = 1; found.length < n; line++) {
    const site = S.allocSite('same.cc', line);
    if ((site.id & 3) === 3) found.push(site);
  }
  return found;
}

describe('places', () => {
  it('have the same number for the same file and line, and another for others', () => {
    expect(S.allocSite('buf0buf.cc', 12)).toEqual(S.allocSite('buf0buf.cc', 12));
    const ids = new Set<number>();
    for (let line = 1; line <= 2000; line++) ids.add(S.allocSite('buf0buf.cc', line).id);
    expect(ids.size).toBe(2000);
    expect(Math.min(...ids)).toBeGreaterThan(S.SITE_NOT_GIVEN);
  });

  it('here() is the line that calls it, with no path of the machine', () => {
    const site = S.here();
    expect(site.file).toBe('src/memory/ut/site.test.ts');
    const source = readFileSync(fileURLToPath(import.meta.url), 'utf8').split('\n');
    expect(source[site.line - 1]).toContain('const site = S.here();');
  });
});

describe('the table of places', () => {
  it('names what was registered, from the number alone', () => {
    const { mem, at } = table(64);
    const site = S.allocSite('storage/innobase/buf/buf0buf.cc', 1234);
    expect(S.siteOf(mem, at, site.id)).toBe(null);
    expect(S.sitePlace(mem, at, site.id)).toBe(`place #${site.id}`);
    S.siteRegister(mem, at, site);
    S.siteRegister(mem, at, site);
    expect(S.siteOf(mem, at, site.id)).toEqual(site);
    expect(S.sitePlace(mem, at, site.id)).toBe('storage/innobase/buf/buf0buf.cc:1234');
    expect(S.sitePlace(mem, at, 0)).toBe('place not given');
    expect(S.sitePlace(mem, at, S.SITE_NOT_GIVEN)).toBe('place not given');
    expect(S.sitePlace(mem, 0, site.id)).toBe(`place #${site.id}`);
    expect(S.siteRefused(mem, at)).toBe(0);
  });

  it('goes on to the next cell, around the end, until it is full; then a place stays a number, and is counted', () => {
    const { mem, at } = table(4);
    const sites = colliding(5);
    for (const site of sites) S.siteRegister(mem, at, site);
    expect(sites.slice(0, 4).map((s) => S.siteOf(mem, at, s.id))).toEqual(sites.slice(0, 4));
    expect(S.siteOf(mem, at, sites[4].id)).toBe(null);
    S.siteRegister(mem, at, sites[3]);
    expect(S.siteRefused(mem, at)).toBe(1);
  });

  it('keeps the end of a long name, and every byte of a short one', () => {
    const { mem, at } = table(64);
    const room = SITE_NAME_WORDS * 4;
    for (const file of [
      'a',
      'ab',
      'abc',
      'abcd',
      'grün/büffer.cc',
      'x'.repeat(room),
      `head/${'t'.repeat(room)}`,
    ]) {
      const site = S.allocSite(file, 7);
      S.siteRegister(mem, at, site);
      const bytes = Buffer.from(file);
      const end = bytes.subarray(Math.max(0, bytes.length - room)).toString();
      expect(S.siteOf(mem, at, site.id)).toEqual({ file: end, line: 7, id: site.id });
    }
  });

  it('a place whose name is just being written is a number still', () => {
    const { mem, at, cells } = table(1);
    const site = S.allocSite('f', 1);
    S.siteRegister(mem, at, site);
    mem[cells + SITE_CELL.at.named] = 0;
    expect(S.siteOf(mem, at, site.id)).toBe(null);
    expect(() => S.siteTablePlan(new ArenaPlanner(), 3)).toThrow(/not a power of two/);
  });
});
