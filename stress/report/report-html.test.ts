import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sample } from '../../src/observe/sample.ts';
import {
  ask,
  askAll,
  cellsOf,
  findChromium,
  lowContrast,
  type Opened,
  type OpenOptions,
  PageBrowser,
  painted,
  tabStops,
} from '../../src/page/test-kit.ts';
import { renderStressHtml } from './report-html.ts';
import { stressCharts } from './report-charts.ts';
import type { StressReport } from './report.ts';
import { foldSessions } from './sessions-text.ts';
import { ran, TINY } from '../test-kit.ts';

const HOSTILE = `</script><script>document.title='owned'</script><img src="http://127.0.0.1/x" onerror=alert(1)>`;
const LRU_MUTEX = 'wait/synch/mutex/innodb/buf_pool_LRU_list_mutex';
const HASH_LOCKS = 'wait/synch/sxlock/innodb/hash_table_locks';

const sample = (i: number): Sample => ({
  atMs: 1000 * i,
  statements: 400 * i,
  pageGets: 1200 * i + 100 * i * i,
  pagesRead: 300 * i,
  pagesWritten: 20 * i,
  waitUs: { lruList: 50_000 * i * i, pageHash: 20_000 * i, frame: 0 },
  contended: { lruList: 5 * i, pageHash: 2 * i, frame: 0 },
  pages: 1000,
  free: 1000 - 150 * i,
  lru: 150 * i,
  old: 50 * i,
  dirty: 30 * i,
  osMemoryBytes: [2 ** 20 * (i + 1), 2 ** 21],
  connectionMemory: 2 ** 18 * i,
});

const latch = (name: string, instrument: string, waitUs: number): StressReport['latches'][number] => ({
  name,
  instrument,
  kind: 'mutex',
  acquired: 10_000,
  contended: waitUs === 0 ? 0 : 250,
  spinRounds: 700,
  parks: 60,
  waitUs,
  maxWaitUs: waitUs / 10,
});

/** What a short run tells, made small; the whole of it is data, so that figures can be found again in the page. */
async function fixture(change: Partial<StressReport> = {}): Promise<StressReport> {
  const { report } = await real();
  return {
    ...report,
    seed: 7,
    seconds: 4,
    statements: 1600,
    statementsPerSecond: 12_345,
    sysbench: { ...report.sysbench, transactions: 4000 },
    getsPerSecond: 54_321,
    hitRatio: 0.4567,
    latencyUs: { mean: 90, p50: 12, p90: 80, p95: 250, p99: 4200, 'p99.9': 20_000, max: 99_549 },
    latencyHistogram: Array.from({ length: 14 }, (_, i) => ({
      fromUs: 10 * 2 ** i,
      toUs: 20 * 2 ** i,
      count: i === 5 ? 0 : 1000 >> (i >> 1),
    })),
    series: [0, 1, 2, 3, 4].map(sample),
    latches: [latch('frame', 'wait/synch/sxlock/innodb/buf_block_lock', 0)].concat(
      latch('lruList', LRU_MUTEX, 800_000),
      latch('pageHash', HASH_LOCKS, 80_000),
    ),
    waitFor: {
      atMs: 1500,
      threads: [
        {
          who: 'session 3',
          node: 1,
          op: 'bufPageGet',
          waitsFor: {
            instrument: LRU_MUTEX,
            mode: 'mutex',
            place: 'buf_pool[0].lruListMutex',
            waitedMs: 31,
            asleep: true,
            heldBy: ['page cleaner 0'],
          },
          holds: [],
        },
        {
          who: 'page cleaner 0',
          node: 0,
          op: 'bufFlushLruBatch',
          waitsFor: null,
          holds: [{ instrument: LRU_MUTEX, mode: 'mutex', place: 'buf_pool[0].lruListMutex' }],
        },
      ],
      cycles: [],
    },
    lru: [0, 1].map((instance) => ({
      instance,
      node: instance,
      length: 1000,
      old: 370,
      midpoint: 630,
      bins: Array.from({ length: 100 }, (_, i) => ({
        pages: 10,
        old: i < 63 ? 0 : 10,
        dirty: i % 10 === 0 ? 5 : 0,
        fixed: 0,
      })),
    })),
    nodeMatrix: [
      [700, 300],
      [250, 750],
    ],
    ...change,
  };
}

let realRun: ReturnType<typeof ran> | null = null;
const real = (): ReturnType<typeof ran> => (realRun ??= ran([...TINY, '--seconds=2', '--sessions=2']));

const chromium = findChromium();

describe('charts of a run', () => {
  it('show rates between samples, also of a thinned series, with nothing lost', async () => {
    const series = Array.from({ length: 1001 }, (_, i) => ({ ...sample(i), pageGets: 100 * i }));
    const { throughput } = stressCharts(await fixture({ series }));
    expect(throughput.x.values.length).toBeLessThanOrEqual(301);
    expect(throughput.x.values.at(-1)).toBe(1000);
    expect(new Set(throughput.series[1].values)).toEqual(new Set([100]));
  });

  it('leave out what a run that never began has no samples of', async () => {
    const none = { series: [], latencyHistogram: [], latencyUs: {}, lru: [], waitFor: null, nodeMatrix: [] };
    const report = await fixture({ ...none, latches: [], sessions: [], verdicts: [], memory: [] });
    expect(stressCharts(report)).toEqual({});
    expect(renderStressHtml(report)).toContain('In none of the looks taken did a thread wait');
  });
});

describe.skipIf(chromium === null)('the page of a run, in Chromium', () => {
  let browser: PageBrowser;
  const open = async (change: Partial<StressReport> = {}, options: OpenOptions = {}): Promise<Opened> =>
    browser.open(renderStressHtml(await fixture(change)), options);

  beforeAll(async () => {
    browser = await PageBrowser.start(chromium ?? '');
  });
  afterAll(() => browser.close());

  it('holds the figures of a real run, is small, and asks for nothing', async () => {
    const { report, text } = await real();
    expect(report.verdict, text).toBe('ok');
    const markup = renderStressHtml(report);
    expect(markup.length).toBeLessThan(400_000);
    const { page, complaints } = await browser.open(markup);
    expect(await page.locator('h1').textContent()).toContain(report.scenario);
    expect(await page.locator('.figures').textContent()).toContain(
      report.statementsPerSecond.toLocaleString('en-US'),
    );
    const rows = await cellsOf(page.locator('#latches table').first());
    expect(rows.map(([name]) => name)).toContain(LRU_MUTEX);
    expect(await page.locator('#lru .strip').count()).toBe(report.lru.length);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('shows key figures, tables in order of what matters, and who waits for whom', async () => {
    const { page, complaints } = await open();
    expect(await page.locator('.figures dd').allTextContents()).toEqual(
      ['1,000', '12,345', '54,321', '45.67 %', '12 µs', '250 µs', '4.20 ms', '99.5 ms'], // in this order
    );
    const latches = await cellsOf(page.locator('#latches table').first());
    expect(latches.map((r) => r[0]).slice(1, 3)).toEqual([LRU_MUTEX, HASH_LOCKS]);
    expect(latches[1]).toEqual([LRU_MUTEX, '10,000', '250', '2.50 %', '700', '60', '800', '', '80,000']);
    const widths = await askAll<string[]>(
      page.locator('#latches td.bar rect'),
      `(all) => all.map((r) => r.getAttribute('width'))`,
    );
    expect(widths).toEqual(['100.00%', '10.00%', '0.00%']);
    const graph = page.locator('#wait-for svg[role=img]');
    expect(await graph.getAttribute('aria-label')).toContain(
      'session 3 waits for buf_pool_LRU_list_mutex (buf_pool[0].lruListMutex), held by page cleaner 0',
    );
    expect((await graph.locator('text').allTextContents()).join('|')).toMatch(
      /session 3\|31 ms, asleep\|.*page cleaner 0\|does not wait/,
    );
    const nodes = await cellsOf(page.locator('#nodes table').first());
    expect(nodes.slice(1)).toEqual([
      ['node 0', '700', '300', '30.0 %'],
      ['node 1', '250', '750', '25.0 %'],
    ]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('draws the LRU list: midpoint where it lies, and dirty pages of each tenth', async () => {
    const { page } = await open();
    const strip = page.locator('#lru .strip').first();
    expect(await strip.locator('.mid').getAttribute('x1')).toBe('63.00%');
    expect(await strip.locator('svg').first().getAttribute('aria-label')).toContain(
      '1,000 pages, 370 old, 50 dirty, 0 fixed; midpoint at page 630 of 1,000 (63.0 % from the head)',
    );
    await page.locator('#lru summary').click();
    const [, first] = await cellsOf(page.locator('#lru table'));
    expect(first.slice(0, 8)).toEqual(['0', '0', '1,000', '370', '630', '50', '0', '5']);
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('paints every chart, legible in %s colours', async (colours) => {
    const { page, complaints } = await open({}, { colours });
    const charts = page.locator('figure.chart');
    expect(await charts.count()).toBe(5);
    for (const chart of await charts.all()) {
      const { share, colours: seen } = await painted(chart.locator('canvas'));
      expect(share).toBeGreaterThan(0.005);
      expect(seen).toBeGreaterThan(3);
    }
    expect(await lowContrast(page)).toEqual([]);
    // The button changes the theme, and what is painted with it.
    const pixels = `(c) => c.toDataURL()`;
    const canvas = page.locator('canvas').first();
    const before = await ask<string>(canvas, pixels);
    await page.getByRole('button', { name: /Switch to/ }).click();
    expect(await page.locator('html').getAttribute('data-theme')).toBe(
      colours === 'light' ? 'dark' : 'light',
    );
    await expect.poll(() => ask<string>(canvas, pixels)).not.toBe(before);
    expect(await lowContrast(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('tells in legend, slider and table what the charts show', async () => {
    const { page } = await open();
    const chart = page.locator('[data-chart=throughput]');
    const gets = chart.locator('.legend li', { hasText: 'page gets/s' });
    expect(await gets.locator('output').textContent()).toBe('1,300 – 1,900');
    const slider = chart.getByRole('slider');
    await slider.focus();
    await page.keyboard.press('ArrowRight');
    expect(await slider.getAttribute('aria-valuetext')).toBe(
      '2.0 s: statements/s 400, page gets/s 1,500, pages read/s 300, pages written/s 20',
    );
    expect(await gets.locator('output').textContent()).toBe('1,500');
    await chart.locator('summary').click();
    expect((await cellsOf(chart.locator('table')))[4]).toEqual(['4.0 s', '400', '1,900', '300', '20']);
    const waits = page.locator('[data-chart=waits] .legend');
    // 50 i² ms: 50 in the first second, 350 in the last.
    expect(await waits.locator('li').first().textContent()).toBe('buf_pool_LRU_list_mutex50 – 350');
    await page.context().close();
  });

  it('can be worked by keyboard alone', async () => {
    const { page } = await open();
    const button = page.locator('[data-chart=throughput] .legend button').first();
    const canvas = page.locator('[data-chart=throughput] canvas');
    const before = await ask<string>(canvas, '(c) => c.toDataURL()');
    await button.focus();
    await page.keyboard.press('Space');
    expect(await button.getAttribute('aria-pressed')).toBe('false');
    await expect.poll(() => ask<string>(canvas, '(c) => c.toDataURL()')).not.toBe(before);
    const sort = page.locator('#latches button.sort', { hasText: 'instrument' });
    await sort.focus();
    await page.keyboard.press('Enter');
    const sorted = await cellsOf(page.locator('#latches table').first());
    expect(sorted.slice(1).map(([name]) => name)).toEqual([
      LRU_MUTEX,
      'wait/synch/sxlock/innodb/buf_block_lock',
      HASH_LOCKS,
    ]);
    expect(await sort.locator('..').getAttribute('aria-sort')).toBe('ascending');
    const details = page.locator('[data-chart=latency] summary');
    await details.focus();
    await page.keyboard.press('Enter');
    // The table is filled when it has opened, which the browser tells later.
    await expect.poll(() => page.locator('[data-chart=latency] tbody tr').count()).toBe(14);
    // Nothing that works is out of reach.
    await page.evaluate('document.activeElement.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)');
    await page.reload();
    const stops = await tabStops(page);
    expect(stops[0]).toBe('a Skip to the content');
    const controls = await page.locator('button:visible, summary:visible, input:visible, nav a').count();
    const reached = stops.filter((s) => /^(button|summary|input|a (?!Skip))/.test(s));
    expect(reached).toHaveLength(controls);
    await page.context().close();
  });

  it('has names for all that assistive technology sees', async () => {
    const { page } = await open();
    const tree = await page.locator('body').ariaSnapshot();
    for (const title of [
      'Throughput over time',
      'Latency of transactions',
      'Waits over time',
      'Dirty, free and old',
      'Memory over time',
    ]) {
      expect(tree).toMatch(new RegExp(`img "${title}[^"]*(Line chart|Histogram)`));
    }
    expect(tree).toContain('- main');
    expect(tree).toContain('navigation "Sections"');
    expect(await page.locator('h1').count()).toBe(1);
    // No level is left out on the way down.
    const levels = await askAll<number[]>(
      page.locator('h1, h2, h3, h4'),
      '(all) => all.map((h) => Number(h.tagName[1]))',
    );
    expect(levels.every((level, i) => i === 0 || level <= levels[i - 1] + 1)).toBe(true);
    const tables = await page.locator('table').count();
    expect(await page.locator('table > caption').count()).toBe(tables);
    expect(await page.locator('thead th:not([scope=col]), tbody th:not([scope=row])').count()).toBe(0);
    expect(
      await askAll<string[]>(
        page.locator('th'),
        '(all) => all.filter((t) => t.textContent.trim() === "").map((t) => t.outerHTML)',
      ),
    ).toEqual([]);
    await page.context().close();
  });

  it('shows hostile names and texts as text', async () => {
    const r = await fixture();
    const { page, complaints } = await open({
      scenario: HOSTILE,
      command: HOSTILE,
      verdict: 'failed',
      failures: [{ who: HOSTILE, name: HOSTILE, message: HOSTILE, stack: `at ${HOSTILE}`, slot: 1 } as never],
      stuck: HOSTILE,
      latches: [latch('lruList', HOSTILE, 5)],
      errorLog: [{ priority: HOSTILE, subsystem: HOSTILE, text: HOSTILE }],
      sessions: [{ ...r.sessions[0], name: HOSTILE, killed: { code: 1, text: HOSTILE } }],
      settings: { [HOSTILE]: HOSTILE },
      waitFor: r.waitFor && { ...r.waitFor, threads: r.waitFor.threads.map((t) => ({ ...t, who: HOSTILE })) },
    });
    expect(await page.title()).toContain('</script>');
    expect(await page.locator('img, body script:not([type]) ~ script[src]').count()).toBe(0);
    expect(await page.locator('.legend', { hasText: HOSTILE }).count()).toBe(1);
    expect(await page.locator('#errors').textContent()).toContain(HOSTILE);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('folds a thousand sessions by program and node, and stays small', async () => {
    const r = await fixture();
    const one = r.sessions[0];
    const many = Array.from({ length: 1000 }, (_, session) => ({
      ...one,
      session,
      node: session % 2,
      total: 10 + (session % 7),
      errors: { 4082: session === 8 ? 3 : 0 },
    }));
    const change = { sessions: many, sessionFolds: foldSessions(many) };
    expect(renderStressHtml(await fixture(change)).length).toBeLessThan(400_000);
    const { page, complaints } = await open(change);
    const rows = await cellsOf(page.locator('#sessions table'));
    expect(rows).toHaveLength(3);
    expect(rows[1].slice(0, 3)).toEqual([one.name, '0', '500']);
    expect(rows[1].at(-1)).toBe('4082: 3');
    expect(await page.locator('#limits table').count()).toBe(2 - (r.errors.length === 0 ? 1 : 0));
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it.each([1280, 400])(
    'has no head of a column that runs over the next one, %d pixels wide',
    async (width) => {
      const { page } = await open({}, { width });
      const heads = page.locator('thead th:visible');
      expect(await heads.allTextContents()).toContain('SUM_NUMBER_OF_BYTES_ALLOC');
      const over = '(all) => all.filter((t) => t.scrollWidth > t.clientWidth + 1).map((t) => t.textContent)';
      expect(await askAll<string[]>(heads, over)).toEqual([]);
      await page.context().close();
    },
  );

  it('is no wider than a telephone', async () => {
    const { page } = await open({}, { width: 400 });
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    // What is wider than its box can be reached and scrolled.
    const box = page.locator('#latches .scroll');
    expect(await box.getAttribute('tabindex')).toBe('0');
    await box.focus();
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => ask<number>(box, '(b) => b.scrollLeft')).toBeGreaterThan(0);
    await page.context().close();
  });
});
