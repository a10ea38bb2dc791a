/** Scripts and style of a page, as text to be inlined, and the policy that lets nothing else in. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { STYLE } from './style.ts';

/** Tests run from the sources, everything else from dist. */
const COMPILED = new URL(import.meta.url.endsWith('.ts') ? '../../dist/src/page/' : './', import.meta.url);
/** Modules of the page's script, each after those that it imports. */
const MODULES = ['format', 'chart-spec', 'client/dom', 'client/ink', 'client/axes', 'client/paint']
  .concat(['client/legend', 'client/chart', 'client/tables', 'client/sweep', 'client/main'])
  .map((name) => `${name}.js`);

export interface Assets {
  readonly scripts: readonly string[];
  readonly style: string;
  /** Content-Security-Policy. */
  readonly policy: string;
}

let assets: Assets | null = null;

/** @throws when the page's script has not been compiled (`npm run build`) */
export function pageAssets(): Assets {
  assets ??= readAssets();
  return assets;
}

function readAssets(): Assets {
  const uPlot = dirname(createRequire(import.meta.url).resolve('uplot'));
  const scripts = [readFileSync(join(uPlot, 'uPlot.iife.min.js'), 'utf8'), bundle()];
  const style = `${readFileSync(join(uPlot, 'uPlot.min.css'), 'utf8')}\n${STYLE}`;
  if (scripts.some((s) => /<\/script|<!--/i.test(s)) || /<\/style/i.test(style)) {
    throw new Error('a script or style of the page would end its own element');
  }
  const policy = [
    `default-src 'none'`,
    `script-src ${scripts.map(hash).join(' ')}`,
    `style-src ${hash(style)}`,
    'img-src data:',
    `base-uri 'none'`,
    `form-action 'none'`,
  ].join('; ');
  return { scripts, style, policy };
}

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * The modules as one script. They import only each other, by name, and have no names in common, so that without
 * imports and exports they can stand in one scope.
 */
function bundle(): string {
  const code = MODULES.map((name) =>
    readFileSync(new URL(name, COMPILED), 'utf8')
      .replaceAll(/^import [\s\S]*?;$/gm, '')
      .replaceAll(/^export (?:\{\};|(?=\w))/gm, '')
      .replaceAll(/^\s*\/\*\*[\s\S]*?\*\/\n/gm, ''),
  );
  return `'use strict';\n(() => {\n${code.join('\n')}\n})();`;
}
