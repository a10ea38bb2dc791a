/**
 * Plugin for Vite and vitest: `import { reader } from './latch.ts?explore'` gives the module transformed for
 * exploration, with all that it imports. Every other module comes out as it would without the plugin.
 *
 * In the importing program the exports are bound to one engine (transform/bind.ts), which `explore()` runs. TypeScript
 * learns of such imports by `declare module '*?explore'`, or the test imports the types from the plain module.
 */
import { extname } from 'node:path';
import { cwd } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Host } from './transform/host.ts';
import { isFile, resolveSource } from './transform/resolve.ts';

const QUERY = '?explore';

/** As much of Vite's plugin interface as is needed here. */
export interface ExplorePlugin {
  readonly name: string;
  readonly enforce: 'pre';
  configResolved(config: { readonly root: string }): void;
  resolveId(source: string, importer?: string): string | undefined;
  load(
    this: { addWatchFile?(file: string): void },
    id: string,
  ): Promise<{ readonly code: string; readonly map: null } | undefined>;
}

export function exploreLatchlab(): ExplorePlugin {
  let root = cwd();
  let host: Host | undefined;
  /** Builds on one engine must not share numbers of sites. */
  let nextSite = 0;
  return {
    name: 'latchlab-explore',
    enforce: 'pre',
    configResolved(config) {
      root = config.root;
    },
    resolveId(source, importer) {
      if (!source.endsWith(QUERY)) return undefined;
      const path = source.slice(0, -QUERY.length);
      const from = importer?.replace(/\?.*$/, '') ?? `${root}/index.ts`;
      const file =
        path.startsWith('/') && !isFile(path) ? resolveSource(`.${path}`, `${root}/index.ts`) : undefined;
      const found = file ?? resolveSource(path, from);
      if (found === undefined) throw new Error(`${source}, imported by ${from}: no such TypeScript file`);
      return found + QUERY;
    },
    async load(id) {
      if (!id.endsWith(QUERY)) return undefined;
      const file = id.slice(0, -QUERY.length);
      // The compiler is loaded only when something is imported with the query.
      host ??= new (await import('./transform/host.ts')).Host(root);
      const build = host.build({
        entry: [file],
        dialect: 'explore',
        plain: 'race',
        state: false,
        firstSite: nextSite,
      });
      nextSite += build.sites.length;
      for (const module of build.modules) this.addWatchFile?.(module.file);
      return { code: moduleOf(build, host.exportNames(file)), map: null };
    },
  };
}

/** A module that brings the build to life and exports what its entry module does. */
function moduleOf(build: unknown, names: readonly string[]): string {
  const here = import.meta.url;
  const bind = fileURLToPath(new URL(`./transform/bind${extname(here)}`, here));
  const lines = [
    `import { bind } from ${JSON.stringify(bind)};`,
    `const $exports = await bind(${JSON.stringify(build)});`,
  ];
  names.forEach((name, i) => {
    lines.push(
      `const $${i} = $exports[${JSON.stringify(name)}];`,
      `export { $${i} as ${JSON.stringify(name)} };`,
    );
  });
  return lines.join('\n');
}
