import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** What each part of src may import beside itself. */
const BASE = ['layout', 'sync', 'config'];
const BESIDE = [...BASE, 'numa', 'storage'];
const MAY: Readonly<Record<string, readonly string[]>> = {
  layout: [],
  sync: ['layout', 'config'],
  config: ['layout'],
  numa: BASE,
  page: [],
  explore: ['layout', 'page'],
  storage: BASE,
  observe: BASE,
  memory: BESIDE,
  buffer: [...BESIDE, 'memory'],
  index: [...BESIDE, 'memory', 'buffer'],
  session: [...BESIDE, 'memory', 'buffer', 'index'],
  bill: [...BESIDE, 'memory', 'buffer'],
};
/** Files directly in src that may know every part. */
const ROOTS = ['src/engine.ts', 'src/index.ts'];
const OUTSIDE = ['workers', 'stress', 'bench'];

/** Sources by path from the root of the project. */
type Sources = ReadonlyMap<string, string>;

function readSources(): Sources {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const out = new Map<string, string>();
  for (const dir of ['src', ...OUTSIDE]) {
    for (const entry of readdirSync(root + dir, { recursive: true, encoding: 'utf8' })) {
      const path = `${dir}/${entry.replaceAll('\\', '/')}`;
      if (/(?<!\.test|\.d)\.ts$/.test(path)) out.set(path, readFileSync(root + path, 'utf8'));
    }
  }
  return out;
}

/** What a source imports or re-exports, types included: specifiers as they are written. */
function specifiers(source: string): string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const found = code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g);
  return [...found].map((m) => m[1]);
}

/** The files that a file imports, by path; packages are left out. */
function importsOf(path: string, source: string): string[] {
  const relative = specifiers(source).filter((s) => s.startsWith('.'));
  return relative.map((s) => posix.normalize(posix.join(posix.dirname(path), s)));
}

/** One sentence for each import that the design does not allow. */
function findBadImports(sources: Sources): string[] {
  const bad: string[] = [];
  for (const [path, source] of sources) {
    const [top, part] = path.split('/');
    if (path.startsWith('src/layout/')) {
      for (const s of specifiers(source)) {
        if (!s.startsWith('.') && !s.startsWith('node:')) bad.push(`${path} imports the package ${s}`);
      }
    }
    for (const to of importsOf(path, source)) {
      const [toTop, toPart] = to.split('/');
      if (!sources.has(to)) bad.push(`${path} imports ${to}, which does not exist`);
      if (top !== 'src') continue;
      if (toTop !== 'src') bad.push(`${path} imports ${to}: nothing in src imports ${toTop}`);
      else if (to === 'src/sync/test-kit.ts') bad.push(`${path} imports ${to}, which is for tests`);
      else if (ROOTS.includes(path) || part === toPart) continue;
      else if (MAY[part] === undefined) bad.push(`${path} imports ${to}: ${part} has no place in the design`);
      else if (!MAY[part].includes(toPart))
        bad.push(`${path} imports ${to}: ${part} may not import ${toPart}`);
    }
  }
  return bad;
}

/** Cycles of imports between files: each as the paths along it. */
function findImportCycles(sources: Sources): string[] {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      cycles.push([...trail.slice(at), path].join(' → '));
      return;
    }
    const source = sources.get(path);
    if (done.has(path) || source === undefined) return;
    for (const to of importsOf(path, source)) visit(to, [...trail, path]);
    done.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
  return cycles;
}

/** Fake sources; files that they import exist, and are empty. */
function fake(entries: Record<string, string>): Sources {
  const all = new Map(Object.entries(entries));
  for (const [path, source] of Object.entries(entries)) {
    for (const to of importsOf(path, source)) if (!all.has(to)) all.set(to, '');
  }
  return all;
}

const bad = (path: string, source: string): string[] => findBadImports(fake({ [path]: source }));

describe('imports of this project', () => {
  const sources = readSources();

  it('are found at all', () => {
    expect(sources.size).toBeGreaterThan(40);
    expect(importsOf('src/sync/mutex.ts', sources.get('src/sync/mutex.ts') ?? '')).toContain(
      'src/sync/park.ts',
    );
  });

  it('point the way that the design says', () => {
    expect(findBadImports(sources)).toEqual([]);
  });

  it('have no cycles', () => {
    expect(findImportCycles(sources)).toEqual([]);
  });
});

describe('the checks find what is planted', () => {
  it('upward and sideward edges', () => {
    const upward = `import { x } from '../buffer/lru.ts';`;
    expect(bad('src/sync/a.ts', upward)).toEqual([
      'src/sync/a.ts imports src/buffer/lru.ts: sync may not import buffer',
    ]);
    const refused = ['layout', 'config', 'numa', 'storage', 'memory', 'observe', 'page'];
    const all = [...refused, 'buffer', 'index', 'session'];
    expect(all.filter((part) => bad(`src/${part}/a.ts`, upward).length > 0)).toEqual(refused);
    expect(bad('src/session/a.ts', `export * from '../observe/b.ts';`)).toHaveLength(1);
    expect(bad('src/storage/a.ts', `import '../memory/b.ts';`)).toHaveLength(1);
    expect(bad('src/observe/a.ts', `import type { B } from '../storage/b.ts';`)).toHaveLength(1);
    expect(bad('src/storage/a.ts', `const b = await import('../numa/b.ts');`)).toHaveLength(1);
  });

  it('edges out of src, unknown parts, missing files, packages in layout, the test kit', () => {
    expect(bad('src/engine.ts', `import '../stress/a.ts';`)[0]).toContain('nothing in src imports stress');
    expect(bad('src/engine.ts', `import './session/a.ts';\nimport './observe/b.ts';`)).toEqual([]);
    expect(bad('src/other/a.ts', `import '../layout/a.ts';`)[0]).toContain('other has no place');
    expect(bad('src/session/a.ts', `import '../engine.ts';`)).toHaveLength(1);
    expect(findBadImports(new Map([['src/sync/a.ts', `import './b.ts';`]]))[0]).toContain('does not exist');
    expect(bad('src/layout/a.ts', `import 'node:fs';\nimport { z } from 'zod';`)).toEqual([
      'src/layout/a.ts imports the package zod',
    ]);
    expect(bad('src/sync/a.ts', `import { TestKit } from './test-kit.ts';`)[0]).toContain('is for tests');
    expect(bad('workers/a.ts', `import '../stress/a.ts';\nimport './engine.ts';`)).toEqual([]);
  });

  it('not what only a comment says', () => {
    expect(bad('src/sync/a.ts', `// import x from '../buffer/a.ts'\n/* from '../buffer/b.ts' */`)).toEqual(
      [],
    );
  });

  it('cycles, also of types', () => {
    const two = fake({
      'src/sync/a.ts': `import type { B } from './b.ts';`,
      'src/sync/b.ts': `import {\n  c,\n} from './c.ts';`,
      'src/sync/c.ts': `export { a } from './a.ts';`,
      'src/sync/d.ts': `import './a.ts';`,
    });
    expect(findImportCycles(two)).toEqual(['src/sync/a.ts → src/sync/b.ts → src/sync/c.ts → src/sync/a.ts']);
    expect(findImportCycles(fake({ 'src/sync/d.ts': `import './a.ts';` }))).toEqual([]);
  });
});
