/** Builds and engines of one module. */
import { describe, expect, it } from 'vitest';
import { labOfText } from './engine/test-kit.ts';
import { Lab, scenariosOf } from './lab.ts';
import { ReplayStrategy } from './search/replay.ts';
import type { Scenario } from './types.ts';

const TEXT = `
const t = ({ m }: { m: Int32Array }) => Atomics.add(m, 0, 1);
const base = { doc: '', memory: 64, threads: [t] };
export const one = { ...base, name: 'one' };
export const more = [{ ...base, name: 'two', threads: [t, t] }, { ...base, name: 'broken', setup: () => { throw new Error('no'); } }];
export const other = { name: 'not a scenario' };
export const make = (n: number) => ({ ...base, name: 'made', threads: Array.from({ length: n }, () => t) });
`;
const RACE = { plain: 'race', state: false } as const;

describe('a lab', () => {
  it('finds scenarios among exports, alone and in lists, once each', async () => {
    const names = (await labOfText(TEXT).scenarios()).map((s) => s.name);
    expect(names).toEqual(['one', 'two', 'broken']);
    const s = { name: 's', threads: [], memory: 8 };
    expect(scenariosOf({ a: s, b: [s, s], c: null, d: 5, e: [null, { name: 'x' }] })).toEqual([s]);
    expect(scenariosOf({})).toEqual([]);
  });

  it('builds each form once, and keeps an engine for each', async () => {
    const asked: string[] = [];
    const inner = labOfText(TEXT);
    const source = Reflect.get(inner, 'source') as ConstructorParameters<typeof Lab>[1];
    const lab = new Lab(inner.file, (form) => {
      asked.push(`${form.plain} ${form.state}`);
      return source(form);
    });
    const engine = await lab.engine('one', RACE);
    expect(await lab.engine('two', RACE)).toBe(engine);
    expect(engine.n).toBe(2);
    expect((await lab.engine('one', RACE)).n).toBe(1);
    const stateful = await lab.engine('one', { plain: 'race', state: true });
    expect(stateful).not.toBe(engine);
    expect([engine.stateful, stateful.stateful]).toEqual([false, true]);
    expect(asked).toEqual(['race false', 'race true']);
  });

  it('says when there is no such scenario, and what set-up throws; then it goes on', async () => {
    const lab = labOfText(TEXT);
    await expect(lab.engine('three', RACE)).rejects.toThrow('has no scenario named three');
    const engine = await lab.engine('one', RACE);
    await expect(lab.engine('broken', RACE)).rejects.toThrow('no');
    // The engine has been half taken apart: asking for the former again sets it up again.
    expect(await lab.engine('one', RACE)).toBe(engine);
    const run = engine.run(new ReplayStrategy([]));
    expect(run.finding).toBeNull();
    expect(engine.memory.get(0)).toBe(1);
  });

  it('takes scenarios that the caller has made of its exports', async () => {
    const lab = labOfText(TEXT);
    const { make } = (await lab.exports(RACE)) as { make: (n: number) => Scenario };
    expect((await lab.engineFor(make(3), RACE)).n).toBe(3);
    expect((await lab.engine('one', RACE)).n).toBe(1);
  });

  it('names sites by file and line, and a fingerprint by the sources', async () => {
    const lab = labOfText(TEXT);
    const engine = await lab.engine('one', RACE);
    expect(lab.sites(RACE)[0].text).toContain('Atomics.add');
    expect(engine.siteOf(0)).toMatch(/text-\d+\.ts:2$/);
    expect(lab.fingerprint(RACE)).not.toBe(lab.fingerprint({ plain: 'all', state: false }));
  });
});
