import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ask,
  cellsOf,
  findChromium,
  lowContrast,
  PageBrowser,
  painted,
  tabStops,
} from '../../src/page/test-kit.ts';
import { renderSweepHtml, type SweepPage } from './sweep-html.ts';

const HOSTILE = `</script><img src="http://127.0.0.1/x" onerror=alert(1)>`;
const LRU = 'wait/synch/mutex/innodb/buf_pool_LRU_list_mutex';
const HASH = 'wait/synch/sxlock/innodb/hash_table_locks';
const AXES = [
  { name: 'innodb-buffer-pool-instances', values: ['1', '2', '8', '16'] },
  { name: 'innodb-page-hash-locks', values: ['1', '64'] },
  { name: 'zipf', values: ['0', '1.1'] },
];

/** A sweep over the first axes, with figures that can be told from the place: instances · 1000 + stripes + zipf. */
function sweep(axes: number, change: Partial<SweepPage> = {}): SweepPage {
  const chosen = AXES.slice(0, axes);
  const places = chosen.reduce<string[][]>(
    (all, { values }) => all.flatMap((at) => values.map((v) => [...at, v])),
    [[]],
  );
  const cells = places.map((at) => {
    const [instances, stripes, zipf] = [0, 1, 2].map((i) => Number(at[i] ?? 0));
    const median = 1000 * instances + stripes + zipf;
    return {
      at,
      throughput: { median, low: median * 0.9, high: median * 1.2, samples: [median, median, median] },
      hitRatio: 0.5 + zipf / 10,
      latencyUs: { p50: 10, p99: 4000 / (1 + instances), max: 9000 },
      waitMsPerS: { [LRU]: 2000 / (1 + instances), [HASH]: 100 + stripes },
    };
  });
  return {
    title: 'Buffer pool sweep',
    command: 'npm run bench -- pool',
    environment: [{ label: 'Node', value: 'v20' }],
    warnings: ['the machine was busy'],
    axes: chosen,
    cells,
    predictions: [],
    ...change,
  };
}

const PREDICTION: SweepPage['predictions'][number] = {
  text: 'saturates first: buf_pool_LRU_list_mutex\nat 22 cores',
  xLabel: 'sessions',
  yLabel: 'page gets per second',
  curves: [
    { name: 'measured', measured: true, points: [1, 2, 4].map((x) => ({ x, y: 100 * x })) },
    {
      name: 'PREDICTION: queue model',
      measured: false,
      points: [1, 2, 4, 16, 64].map((x) => ({ x, y: 90 * x, low: 80 * x, high: 99 * x })),
    },
  ],
};

const chromium = findChromium();

describe.skipIf(chromium === null)('the page of a sweep, in Chromium', () => {
  let browser: PageBrowser;
  beforeAll(async () => {
    browser = await PageBrowser.start(chromium ?? '');
  });
  afterAll(() => browser.close());

  it.each([0, 1, 2, 3])('is whole with %d axes', async (axes) => {
    const { page, complaints } = await browser.open(renderSweepHtml(sweep(axes)));
    const rows = await cellsOf(page.locator('#cells table'));
    expect(rows).toHaveLength(1 + sweep(axes).cells.length);
    expect(await page.locator('.heat').count()).toBe(axes === 0 ? 0 : 1);
    expect(await page.locator('canvas').count()).toBe(axes === 0 ? 0 : 1);
    expect(await page.locator('.controls select').count()).toBe([0, 2, 3, 4][axes]);
    expect(await page.locator('.notes').textContent()).toContain('Warning: the machine was busy');
    expect(await page.locator('body').ariaSnapshot()).toContain('region "Where the time is waited"');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('with nothing measured says so', async () => {
    const { page, complaints } = await browser.open(renderSweepHtml(sweep(2, { cells: [], axes: [] })));
    expect(await page.locator('main').textContent()).toContain('Nothing was measured');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('sorts by number and back, by keyboard, and says so', async () => {
    const { page } = await browser.open(renderSweepHtml(sweep(1)));
    const table = page.locator('#cells table');
    const column = async (): Promise<string[]> => (await cellsOf(table)).slice(1).map((r) => r[0]);
    const sort = table.getByRole('button', { name: 'innodb-buffer-pool-instances' });
    await sort.focus();
    await page.keyboard.press('Enter');
    expect(await column()).toEqual(['16', '8', '2', '1']);
    expect(await sort.locator('..').getAttribute('aria-sort')).toBe('descending');
    await page.keyboard.press('Enter');
    expect(await column()).toEqual(['1', '2', '8', '16']);
    await table.getByRole('button', { name: 'p99' }).press('Enter');
    expect(await column()).toEqual(['1', '2', '8', '16']);
    expect(await table.locator('[aria-sort=ascending]').count()).toBe(0);
    expect(await table.locator('[aria-sort=descending]').count()).toBe(1);
    await page.context().close();
  });

  it('maps any pair of axes and any measure, over or at the other axes, by keyboard', async () => {
    const { page } = await browser.open(renderSweepHtml(sweep(3)));
    const map = (): Promise<string[][]> => cellsOf(page.locator('.heat'));
    // Median over zipf 0 and 1.1.
    expect((await map())[1]).toEqual(['1', '1,002', '2,002', '8,002', '16,002']);
    expect(await page.locator('.heat .h0').count()).toBeGreaterThan(0);
    expect(await page.locator('.heat .h9').count()).toBe(2);
    await page.getByLabel('zipf', { exact: true }).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    expect((await map())[1][4]).toBe('16,002');
    expect(await page.locator('.heat caption').textContent()).toContain('zipf = 1.1');
    // The control stays where the keyboard is.
    expect(await page.evaluate('document.activeElement.dataset.name')).toBe('zipf');
    await page.getByLabel('Shown in the heat map').selectOption({ label: 'hit ratio' });
    expect((await map())[2]).toEqual(['64', '61.0 %', '61.0 %', '61.0 %', '61.0 %']);
    await page
      .getByLabel('Shown in the heat map')
      .selectOption({ label: 'waited for hash_table_locks, ms/s' });
    expect((await map())[2]).toEqual(['64', '164', '164', '164', '164']);
    await page.getByLabel('Columns, and along the chart').selectOption('zipf');
    expect((await map())[0]).toEqual(['innodb-page-hash-locks \\ zipf', '0', '1.1']);
    // An axis cannot lie both ways: they change places.
    await page.getByLabel('Rows, and lines').selectOption('zipf');
    expect((await map())[0].slice(1)).toEqual(['1', '64']);
    await page.context().close();
  });

  it('draws a line for each value of the other axis, with whiskers, and follows the controls', async () => {
    const { page } = await browser.open(renderSweepHtml(sweep(2)));
    const chart = page.locator('[data-chart=sweep]');
    expect(await chart.locator('.legend li').allTextContents()).toEqual([
      'innodb-page-hash-locks 11,001 – 16,001',
      'innodb-page-hash-locks 641,064 – 16,064',
    ]);
    await chart.locator('summary').click();
    expect((await cellsOf(chart.locator('table')))[2]).toEqual(
      ['2', '2,001', '1,801', '2,401', '2,064', '1,858', '2,477'], // value, from, to of each line
    );
    expect((await painted(chart.locator('canvas'))).colours).toBeGreaterThan(3);
    await page.getByLabel('Columns, and along the chart').selectOption('innodb-page-hash-locks');
    expect(await chart.locator('h3').textContent()).toContain('Throughput along innodb-page-hash-locks');
    expect(await chart.locator('.legend li').count()).toBe(4);
    expect(await chart.locator('canvas').count()).toBe(1);
    await page.context().close();
  });

  it('shows the queue move: one scale for all cells, letters beside colours', async () => {
    const { page } = await browser.open(renderSweepHtml(sweep(1)));
    expect(await page.locator('.keys li').allTextContents()).toEqual([
      'A buf_pool_LRU_list_mutex',
      'B hash_table_locks',
    ]);
    const rows = await cellsOf(page.locator('#waits table'));
    expect(rows[1]).toEqual(['1', 'AB', '1,100', '1,000', '100']);
    const width = (row: number, part: number): Promise<string> =>
      ask(
        page.locator('#waits tbody tr').nth(row).locator('rect').nth(part),
        `(r) => r.getAttribute('width')`,
      );
    expect([await width(0, 0), await width(0, 1)]).toEqual(['90.91%', '9.09%']);
    expect(await width(3, 0)).toBe('10.70%');
    await page.context().close();
  });

  it('calls a prediction a prediction wherever it shows', async () => {
    const { page, complaints } = await browser.open(renderSweepHtml(sweep(1, { predictions: [PREDICTION] })));
    const chart = page.locator('[data-chart=prediction-0]');
    expect(await chart.locator('h3').textContent()).toBe('PREDICTION: page gets per second by sessions');
    expect(await chart.locator('.plot').getAttribute('aria-label')).toContain('PREDICTION: queue model');
    const legend = chart.locator('.legend button');
    expect(await legend.allTextContents()).toEqual(['measured', 'PREDICTION: queue model']);
    const dashes = await Promise.all(
      [0, 1].map((i) => legend.nth(i).locator('line').getAttribute('stroke-dasharray')),
    );
    expect(dashes[0]).toBe('');
    expect(dashes[1]).not.toBe('');
    await chart.locator('summary').click();
    const rows = await cellsOf(chart.locator('table'));
    expect(rows[0]).toEqual(['sessions', 'measured', 'PREDICTION: queue model', 'from', 'to']);
    expect(rows[5]).toEqual(['64', '–', '5,760', '5,120', '6,336']);
    expect(await page.locator('#predictions pre').textContent()).toBe(PREDICTION.text);
    // Shaded where nothing was measured: the colour of the right end is not that of the left.
    const shades = await ask<string[]>(
      chart.locator('canvas'),
      `(c) => [0.3, 0.95].map((x) => c.getContext('2d').getImageData(x * c.width, c.height * 0.3, 1, 1).data.join())`,
    );
    expect(shades[0]).not.toBe(shades[1]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('is legible in %s colours, also on a telephone', async (colours) => {
    const markup = renderSweepHtml(sweep(3, { predictions: [PREDICTION] }));
    expect(markup.length).toBeLessThan(400_000);
    for (const width of [1280, 400]) {
      const { page, complaints } = await browser.open(markup, { colours, width });
      expect(await lowContrast(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
      const stops = await tabStops(page);
      const controls = await page
        .locator('button:visible, select:visible, summary:visible, input:visible, nav a')
        .count();
      expect(stops.filter((s) => /^(button|select|summary|input|a (?!Skip))/.test(s))).toHaveLength(controls);
      expect(complaints).toEqual([]);
      await page.context().close();
    }
  });

  it('shows hostile names as text', async () => {
    const axes = [{ name: HOSTILE, values: [HOSTILE, 'b'] }];
    const [one] = sweep(0).cells;
    const cells = [HOSTILE, 'b'].map((v) => ({ ...one, at: [v], waitMsPerS: { [HOSTILE]: 5 } }));
    const predictions = [
      { ...PREDICTION, text: HOSTILE, xLabel: HOSTILE, curves: [{ ...PREDICTION.curves[0], name: HOSTILE }] },
    ];
    const { page, complaints } = await browser.open(
      renderSweepHtml(
        sweep(1, { title: HOSTILE, command: HOSTILE, warnings: [HOSTILE], axes, cells, predictions }),
      ),
    );
    expect(await page.locator('h1').textContent()).toBe(HOSTILE);
    expect(await page.locator('img').count()).toBe(0);
    expect((await cellsOf(page.locator('.heat')))[0][1]).toBe(HOSTILE);
    expect(await page.locator('.keys').textContent()).toContain(HOSTILE);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
