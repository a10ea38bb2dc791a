import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../src/config/errors.ts';
import { EXIT, litmusMain } from './main.ts';
import type { LitmusReport } from './report.ts';

const dirs: string[] = [];
let printed = '';

beforeEach(() => {
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'litmus-'));
  dirs.push(dir);
  return dir;
}

/** A folder with one question: x is read and written by Atomics, and rules as given. */
function planted(extension: 'js' | 'ts', rules: string): URL {
  const dir = folder();
  const types = extension === 'ts' ? 'm: Int32Array, at: number' : 'm, at';
  writeFileSync(
    join(dir, `L01-planted.${extension}`),
    `function write(${types}) { Atomics.store(m, at, 1); }
     function read(${types}) { return Atomics.load(m, at); }
     export const question = { number: 'L01', name: 'planted', title: 'Planted', asks: 'Is it found?', memory: 64,
       actors: [write, read], rules: ${rules} };`,
  );
  return pathToFileURL(`${dir}/`);
}

const ALL_FINE = `[{ results: ['0', '1'], expect: 'ACCEPTABLE', why: 'Fine.' }]`;
const FORBIDS = `[{ results: ['0', '1'], expect: 'FORBIDDEN', why: 'Planted.' }]`;

describe('the command', () => {
  it('prints a table for each question, and a summary; JSON holds the same', async () => {
    const json = join(folder(), 'answers.json');
    const argv = ['--question', 'L01', '--samples', '200', '--real-only', '--json', json];
    expect(await litmusMain(argv)).toBe(EXIT.done);
    expect(printed).toMatch(/^L01 Store buffering, Atomics\n/);
    expect(printed).toMatch(/^ {2}RESULT +SAMPLES +FREQ +EXPLORED +EXPECT +DESCRIPTION$/m);
    expect(printed).toMatch(/^ {2}0, 0 +0 +FORBIDDEN +Atomics are/m);
    expect(printed).toMatch(/^1 question, 200 samples on real threads, .*: nothing forbidden was seen$/m);
    const report = JSON.parse(readFileSync(json, 'utf8')) as LitmusReport;
    expect(report).toMatchObject({ verdict: 'ok', interrupted: false });
    expect(report.questions[0]).toMatchObject({ number: 'L01', real: { samples: 200 }, problems: [] });
    const sum = report.questions[0].outcomes.reduce((n, row) => n + (row.samples ?? 0), 0);
    expect(sum).toBe(200);
  });

  it('prints nothing but JSON to standard output when asked to', async () => {
    await litmusMain(['--question', 'L03', '--samples', '20', '--real-only', '--json', '-']);
    expect((JSON.parse(printed) as LitmusReport).questions).toHaveLength(1);
  });

  it('lists', async () => {
    expect(await litmusMain(['--list'])).toBe(EXIT.done);
    expect(printed).toMatch(/^L01 store-buffering .*\?$/m);
    expect(await litmusMain(['--help'])).toBe(EXIT.done);
  });

  it('fails when a planted outcome is forbidden, on real threads and explored', async () => {
    const real = ['--real-only', '--samples', '100'];
    expect(await litmusMain(real, planted('js', ALL_FINE))).toBe(EXIT.done);
    expect(await litmusMain(real, planted('js', FORBIDS))).toBe(EXIT.fails);
    expect(printed).toMatch(/FAILED: forbidden '[01]' was seen on real threads, \d+ times/);
    expect(await litmusMain(['--explored-only'], planted('ts', ALL_FINE))).toBe(EXIT.done);
    expect(await litmusMain(['--explored-only'], planted('ts', FORBIDS))).toBe(EXIT.fails);
    expect(printed).toContain("FAILED: forbidden '0' is reached by exploration");
  });

  it('says where a question cannot be explored', async () => {
    const dir = folder();
    const text = `let calls = 0;
      function act(m: Int32Array, at: number): void { Atomics.store(m, at, ++calls); }
      export const question = { number: 'L01', name: 'state', memory: 64, actors: [act, act], rules: [] };`;
    writeFileSync(join(dir, 'L01-state.ts'), text);
    const asked = litmusMain(['--explored-only'], pathToFileURL(`${dir}/`));
    await expect(asked).rejects.toThrow(/L01-state\.ts:1:5: /);
    await expect(asked).rejects.toBeInstanceOf(UserError);
  });

  it.each([
    [['--question', 'L99'], /^--question: there is no question 'L99': allowed are L01 to L\d+/],
    [['--seconds', '0'], /^--seconds: '0' is not a number from/],
    [['--samples', 'many'], /^--samples: 'many' is not an integer from/],
    [['--real-only', '--explored-only'], /^--real-only: /],
    [['--json', '/nowhere/at/all'], /^--json=\/nowhere\/at\/all: cannot be written/],
    [['--nonsense'], /unknown option '--nonsense'/],
  ])('refuses %j in one line, before anything is run', async (argv, line) => {
    await expect(litmusMain(argv)).rejects.toThrow(line);
    expect(printed).toBe('');
  });
});
