/** `npm run flame` as users have it, and its pages in a browser. */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium } from '../../src/page/test-kit.ts';
import { TINY } from '../test-kit.ts';

const CHROMIUM = findChromium();

const temp = mkdtempSync(join(tmpdir(), 'latchlab-test-'));
afterAll(() => rmSync(temp, { recursive: true, force: true }));

const run = (program: string, ...args: string[]): SpawnSyncReturns<string> =>
  spawnSync(
    process.execPath,
    [fileURLToPath(new URL(`../../dist/stress/flame/${program}.js`, import.meta.url)), ...args],
    {
      encoding: 'utf8',
      cwd: temp,
      env: { ...process.env, TMPDIR: temp },
      timeout: 100_000,
    },
  );

const SMALL = [...TINY, '--seconds=2', '--sessions=4', '--fault-ppm=0', '--hog-bytes=0'];

describe('npm run flame', () => {
  it.each([
    ['--zipf=9', "--zipf: '9' is not a number from 0 to 2"],
    ['--dir', "option '--dir <path>' argument missing"],
    ['--dir=/nowhere/flame', '--dir=/nowhere/flame: cannot be written: ENOENT'],
    ['--profile=x', '--profile=x: allowed is --dir'],
    ['--raw=yes', '--raw'],
  ])('refuses %s in one line', (arg, message) => {
    const { status, stdout, stderr } = run('run-flame', arg);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(stderr).toContain(message);
    expect(readdirSync(temp)).toEqual([]);
  });

  it('and doctor explain themselves', () => {
    expect(run('run-flame', '--help').stdout).toMatch(/--dir <path>[^]*--raw[^]*npm run stress -- --help/);
    expect(run('run-doctor', '--help').stdout).toContain('--dir <path>');
    const { status, stderr } = run('run-doctor', '--seconds=5');
    expect([status, stderr]).toEqual([
      2,
      '--seconds=5: clinic doctor needs 15 at least (allowed are 15 to 86400)\n',
    ]);
  });

  it('--raw says which one thread it shows', () => {
    const { status, stdout, stderr } = run('run-flame', '--raw', '--dir=raw', ...SMALL);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^\S*raw\.html .*\nIt shows one thread only, this time (the main thread|one of|a page)/,
    );
    expect(readdirSync(join(temp, 'raw'))).toEqual(['raw.html']);
  });
});

describe('the pages of npm run flame', () => {
  const dir = join(temp, 'flame');
  let browser: Browser | null = null;
  let ended: SpawnSyncReturns<string>;
  beforeAll(async () => {
    ended = run('run-flame', '--dir', dir, ...SMALL);
    if (CHROMIUM !== null) {
      browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    }
  }, 120_000);
  afterAll(() => browser?.close());

  it('are written, with a summary and nothing else', () => {
    const { status, stdout, stderr } = ended;
    expect([status, stderr]).toEqual([0, '']);
    expect(readdirSync(dir)).toEqual([
      'flame.html',
      'flame.speedscope.json',
      'profiles',
      'run.txt',
      'waits.html',
    ]);
    expect(readFileSync(join(dir, 'run.txt'), 'utf8')).toContain('every invariant holds');
    expect(stdout).toMatch(/^ +node0-thread3 +\d+\.\d %/m);
    for (const file of ['flame.html', 'waits.html', 'flame.speedscope.json', 'profiles']) {
      expect(stdout).toContain(join(dir, file));
    }
  });

  it.skipIf(CHROMIUM === null)('show latches and page gets in the towers of workers', async () => {
    const flame = await towers(browser, join(dir, 'flame.html'));
    const sessions = Object.entries(flame.towers).filter(([name]) => name.startsWith('node0-thread'));
    expect(sessions).toHaveLength(4);
    const both = sessions.filter(
      ([, names]) => names.has('bufPageGet') && [...names.keys()].some((n) => n.startsWith('park_')),
    );
    expect(both.length).toBeGreaterThanOrEqual(2);
    // What clinic itself says of the frame when it is selected.
    for (const [, names] of both) {
      const park = [...names.keys()].find((n) => n.startsWith('park_')) ?? '';
      for (const name of ['bufPageGet', park]) expect(await flame.select(names.get(name) ?? -1)).toBe(name);
    }
    expect(flame.requests).toEqual([]);
    expect(readFileSync(join(dir, 'flame.html'), 'utf8')).toMatch(/Elapsed Time: <strong>[1-9]\d*\.\ds</);
    const waits = await towers(browser, join(dir, 'waits.html'));
    expect(Object.keys(waits.towers).filter((t) => t.includes('thread')).length).toBeGreaterThanOrEqual(2);
    expect(waits.tops.every((name) => /^(park|spin)_/.test(name))).toBe(true);
    expect(waits.tops).toContain('park_buf_pool_LRU_list_mutex');
    expect(waits.requests).toEqual([]);
  });

  it('stay when the next command line is refused', () => {
    const bad = join(temp, 'bad.u32.gz');
    writeFileSync(bad, 'no trace');
    expect(run('run-flame', '--dir', dir, `--trace=${bad}`).status).toBe(2);
    // Nothing was started, so nothing was taken away.
    expect(readdirSync(dir)).toContain('flame.html');
  });
});

interface Node {
  readonly id: number;
  readonly functionName: string;
  readonly children: readonly Node[];
  readonly onStackTop: { readonly base: number };
}

/** The towers of a page by name: the functions in each with the number of one of their frames. */
async function towers(browser: Browser | null, html: string) {
  if (browser === null) throw new Error('no browser');
  const page = await browser.newPage();
  const requests: string[] = [];
  page.on('request', (r) => {
    if (!/^(file|data|blob):/.test(r.url())) requests.push(r.url());
  });
  await page.goto(`file://${html}`);
  const shown = page.locator('.frame-function');
  await expect.poll(() => shown.textContent(), { timeout: 20_000 }).toMatch(/\w/);
  const scripts = await page.locator('script').allTextContents();
  const at = scripts.join('\n').split('"merged":')[1];
  const merged = JSON.parse(balanced(at)) as Node;
  const found: Record<string, Map<string, number>> = {};
  const tops: string[] = [];
  for (const tower of merged.children) {
    const names = new Map<string, number>();
    const walk = (node: Node): void => {
      names.set(node.functionName, node.id);
      if (node.onStackTop.base > 0) tops.push(node.functionName);
      node.children.forEach(walk);
    };
    tower.children.forEach(walk);
    found[tower.functionName] = names;
  }
  const select = async (id: number): Promise<string> => {
    const { hash } = new URL(page.url());
    const params = new URLSearchParams(hash.slice(1));
    params.set('selectedNode', String(id));
    params.set('merged', 'true');
    const before = await shown.textContent();
    await page.goto(`file://${html}#${params.toString()}`);
    await expect.poll(() => shown.textContent(), { timeout: 5000 }).not.toBe(before);
    return (await shown.textContent()) ?? '';
  };
  return { towers: found, tops, requests, select };
}

/** The JSON value that a text begins with. */
function balanced(text: string): string {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '\\') i++;
    else if (c === '"') quoted = !quoted;
    else if (!quoted && c === '{') depth++;
    else if (!quoted && c === '}' && --depth === 0) return text.slice(0, i + 1);
  }
  throw new Error('the JSON does not end');
}
