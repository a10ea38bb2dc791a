/** For tests of pages: a real Chromium that can reach nothing but the page's own file. */
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Path of an executable Chromium: LATCHLAB_CHROMIUM, or where systems put it. Null, after a warning: none. */
export function findChromium(): string | null {
  const wanted = process.env['LATCHLAB_CHROMIUM'];
  const found = [...(wanted === undefined ? [] : [wanted]), ...CANDIDATES].find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found !== undefined) return found;
  process.stderr.write(
    'warning: no Chromium was found (set LATCHLAB_CHROMIUM to its path): pages are not tested\n',
  );
  return null;
}

export interface Opened {
  readonly page: Page;
  /** Requests for anything but the file, and whatever the console called an error. To be empty. */
  readonly complaints: readonly string[];
}

export interface OpenOptions {
  readonly colours?: 'light' | 'dark';
  readonly width?: number;
}

/** A browser for the tests of a file, and the files that it is shown. */
export class PageBrowser {
  private readonly browser: Browser;
  private readonly dir = mkdtempSync(join(tmpdir(), 'latchlab-page-'));
  private files = 0;

  private constructor(browser: Browser) {
    this.browser = browser;
  }

  static async start(executablePath: string): Promise<PageBrowser> {
    return new PageBrowser(await chromium.launch({ executablePath, args: ['--no-sandbox'] }));
  }

  /** Opens a page as a file, offline; whatever it asks for beside that is refused and told. */
  async open(markup: string, { colours = 'light', width = 1280 }: OpenOptions = {}): Promise<Opened> {
    const file = join(this.dir, `page-${this.files++}.html`);
    writeFileSync(file, markup);
    const url = pathToFileURL(file).href;
    const context = await this.browser.newContext({
      colorScheme: colours,
      viewport: { width, height: 900 },
      offline: true,
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (m) => {
      if (m.type() === 'error') complaints.push(`console: ${m.text()}`);
    });
    page.on('pageerror', (e) => complaints.push(`error: ${e.message}`));
    await page.route('**/*', async (route) => {
      const asked = route.request().url();
      if (asked === url) return route.continue();
      complaints.push(`request: ${asked}`);
      return route.abort();
    });
    await page.goto(url);
    return { page, complaints };
  }

  async close(): Promise<void> {
    await this.browser.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/**
 * What a function says about an element. It comes as text: these sources know no DOM types, and the page's policy
 * forbids evaluation in the page.
 */
export function ask<T>(element: Locator, fn: string): Promise<T> {
  // oxlint-disable-next-line typescript/no-implied-eval
  return element.evaluate(new Function('e', `return (${fn})(e)`) as (e: unknown) => T);
}

/** The same for all elements that the locator finds, as an array. */
export function askAll<T>(elements: Locator, fn: string): Promise<T> {
  // oxlint-disable-next-line typescript/no-implied-eval
  return elements.evaluateAll(new Function('e', `return (${fn})(e)`) as (e: unknown) => T);
}

/** Text of a table's cells, by row; the head is the first. */
export function cellsOf(table: Locator): Promise<string[][]> {
  return ask(table, '(t) => [...t.rows].map((r) => [...r.cells].map((c) => c.textContent.trim()))');
}

/** Share of a canvas' pixels that anything was painted on, and how many colours there are. */
export function painted(canvas: Locator): Promise<{ share: number; colours: number }> {
  return ask(
    canvas,
    `(c) => {
    const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
    const colours = new Set();
    let set = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] < 128) continue;
      set++;
      colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    }
    return { share: (4 * set) / data.length, colours: colours.size };
  }`,
  );
}

/** Texts whose contrast with what lies behind them is less than WCAG AA asks for (4.5, large text 3). */
export function lowContrast(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (colour) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = (c) => {
      const [r, g, b] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (e) => {
      for (; e !== null; e = e.parentElement) {
        const c = rgba(getComputedStyle(e).backgroundColor);
        if (c[3] > 250) return c;
      }
      return [255, 255, 255, 255];
    };
    const bad = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let n = walker.nextNode(); n !== null; n = walker.nextNode()) {
      const e = n.parentElement;
      if (n.data.trim() === '' || e.closest('script, noscript, svg') !== null || !e.checkVisibility()) continue;
      const style = getComputedStyle(e);
      const [a, b] = [light(rgba(style.color)), light(behind(e))];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (contrast < (large ? 3 : 4.5)) bad.add(n.data.trim().slice(0, 40) + ': ' + contrast.toFixed(2));
    }
    return [...bad];
  })()`);
}

/** What Tab reaches, in order, until it leaves the page: tag, and name or text. */
export async function tabStops(page: Page): Promise<string[]> {
  const stops: string[] = [];
  for (let i = 0; i < 400; i++) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate<string | null>(`(() => {
      const e = document.activeElement;
      if (e === null || e === document.body) return null;
      const name = e.getAttribute('aria-label') ?? e.labels?.[0]?.firstChild?.textContent ?? e.textContent;
      return e.tagName.toLowerCase() + ' ' + name.trim().replaceAll(/\\s+/g, ' ').slice(0, 60);
    })()`);
    if (stop === null) return stops;
    stops.push(stop);
  }
  return stops;
}
