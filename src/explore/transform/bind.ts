/**
 * Where modules imported with `?explore` (plugin.ts) come to life: all on one engine, which `explore()` finds under
 * `Symbol.for('latchlab.explore')` on globalThis. The first such module makes it.
 */
import { Engine } from '../engine/engine.ts';
import type { Site } from '../types.ts';
import type { Build } from './build.ts';
import { instantiate } from './instantiate.ts';

const ENGINE = Symbol.for('latchlab.explore');
const SITES = Symbol.for('latchlab.explore.sites');

interface Holder {
  [ENGINE]?: Engine;
  [SITES]?: Map<number, Site>;
}

/** Instantiates a build on the common engine; returns what its one entry module exports. */
export async function bind(build: Build): Promise<Record<string, unknown>> {
  const holder = globalThis as Holder;
  const sites = (holder[SITES] ??= new Map<number, Site>());
  const first = build.options.firstSite ?? 0;
  build.sites.forEach((site, i) => sites.set(first + i, site));
  let engine = holder[ENGINE];
  if (engine === undefined) {
    const { plain, state } = build.options;
    engine = new Engine({ races: true, stateful: state, plain });
    engine.siteOf = (number) => {
      const site = sites.get(number);
      return site === undefined ? `site ${number}` : `${site.file}:${site.line}`;
    };
    holder[ENGINE] = engine;
  }
  return (await instantiate(build, engine)).exports(build.options.entry[0]);
}
