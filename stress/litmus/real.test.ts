import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { judge } from './judge.ts';
import { chooseQuestions, type Entry, loadQuestion, loadQuestions } from './questions.ts';
import { mergeCounts } from './real-batch.ts';
import { runReal } from './real.ts';

const all = await loadQuestions();
const dir = mkdtempSync(join(tmpdir(), 'litmus-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** A question made up for a test; `actors` is source text. */
async function planted(name: string, actors: string, more = ''): Promise<Entry> {
  const file = join(dir, `${name}.js`);
  const text = `{ number: 'L90', name: '${name}', title: '', asks: '', memory: 64, actors: ${actors}, rules: [], ${more} }`;
  writeFileSync(file, `export const question = ${text};`);
  const { href } = pathToFileURL(file);
  return { href, question: await loadQuestion(href) };
}

const ask = (number: string): Entry => chooseQuestions(all, number)[0];

describe('on real threads', () => {
  it.each(['L01', 'L06', 'L13', 'L16', 'L18', 'L28'])(
    '%s: so many samples, none forbidden',
    async (number) => {
      const entry = ask(number);
      const result = await runReal(entry, { seconds: 30, samples: 500 });
      expect(result.samples).toBe(500);
      expect(judge(entry.question, result, null).problems).toEqual([]);
    },
  );

  it('actors are in the same sample at the same time', async () => {
    const half = (mine: number, other: number): string =>
      `(m, at) => { Atomics.store(m, at + ${mine}, 1); while (Atomics.load(m, at + ${other}) === 0); return 'met'; }`;
    const entry = await planted('meet', `[${half(0, 1)}, ${half(1, 0)}]`);
    const { outcomes } = await runReal(entry, { seconds: 20, samples: 300 });
    expect([...outcomes]).toEqual([['met, met', 300]]);
  });

  it('every sample has memory of its own, cleared and set up each time', async () => {
    const entry = await planted(
      'fresh',
      '[(m, at) => m[at + 1]++, (m, at) => [m[at]++, at % 16]]',
      'init: (m, at) => { m[at] = 5; }, arbiter: (m, at) => m.subarray(at, at + 3).join("/")',
    );
    const { outcomes, samples } = await runReal(entry, { seconds: 20, samples: 30_000 });
    expect([...outcomes]).toEqual([['0, 5, 0, 6/1/0', 30_000]]);
    expect(samples).toBe(30_000);
  });

  it('ends when the time is over, or when it is asked to', async () => {
    const { samples } = await runReal(ask('L01'), { seconds: 0.1, samples: Infinity });
    expect(samples).toBeGreaterThan(0);
    const stop = AbortSignal.timeout(100);
    await runReal(ask('L20'), { seconds: 3600, samples: Infinity }, stop);
    expect(stop.aborted).toBe(true);
  });

  it('counts a sleeper that nobody can wake, and no sleeper whose waker is only late', async () => {
    const sleeper = `(m, at, { limitMs }) => {
      const how = Atomics.wait(m, at, 0, limitMs) === 'ok' ? 'woken' : 'asleep';
      Atomics.store(m, at + 1, 1);
      return how;
    }`;
    const lost = await planted('lost', `[${sleeper}, () => {}]`, 'limitMs: 20');
    expect([...(await runReal(lost, { seconds: 20, samples: 3 })).outcomes]).toEqual([['asleep', 3]]);
    // Whatever the machine does: not before the other has lost its patience.
    const late = `(m, at) => { while (Atomics.load(m, at + 1) === 0); Atomics.notify(m, at); }`;
    const slow = await planted('late', `[${sleeper}, ${late}]`, 'limitMs: 20');
    const { samples, unsure } = await runReal(slow, { seconds: 0.5, samples: Infinity });
    expect(samples).toBe(0);
    expect(unsure).toBeGreaterThan(0);
  });
});

describe('what goes wrong', () => {
  it('an actor that throws ends the question', async () => {
    const entry = await planted('throws', `[() => 1, () => { throw new RangeError('planted'); }]`);
    await expect(runReal(entry, { seconds: 5, samples: 9 })).rejects.toThrow('actor 1: RangeError: planted');
  });

  it('an actor that hangs does too', async () => {
    const entry = await planted('hangs', '[() => 1, (m, at) => Atomics.wait(m, at, 0)]');
    await expect(runReal(entry, { seconds: 1, samples: 9 }, undefined, 400)).rejects.toThrow(
      'the actors did not come to an end in 0.4 s',
    );
  });

  it('an actor that sees something else each time', async () => {
    const entry = await planted('many', '[() => 1, (m, at) => String(at)]');
    await expect(runReal(entry, { seconds: 5, samples: 100_000 })).rejects.toThrow('63 different results');
  });
});

describe('counts of several threads', () => {
  it('are added up by what their codes mean to each', () => {
    const part = (texts: string[], keys: number[], counts: number[]) => ({ texts, keys, counts, unsure: 0 });
    // Key: code of actor 0 + 64 × code of actor 1 + 4096 × code of the arbiter, the last in the counter's own codes.
    const merged = mergeCounts([
      part(['a', 'end'], [1 + 64 * 2 + 4096 * 2, 64], [3, 1]),
      part(['end', 'b'], [1 + 64 * 2 + 4096, 0], [4, 2]),
    ]);
    expect(Object.fromEntries(merged)).toEqual({ 'a, b, end': 7, end: 1, '': 2 });
  });
});
