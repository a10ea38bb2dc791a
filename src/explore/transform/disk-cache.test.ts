/** Builds that outlive their process. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { BuildOptions } from './build.ts';
import { Host } from './host.ts';

let root = '';
const cacheOf = (): string => join(root, 'node_modules/.cache/latchlab-explore');
const kept = (): string[] => (existsSync(cacheOf()) ? readdirSync(cacheOf()) : []);
const source = (n: number): string =>
  `export const t = ({ m }: { m: Int32Array }) => Atomics.add(m, 0, ${n});\n`;
const options = (): BuildOptions => ({
  entry: [join(root, 'a.ts')],
  dialect: 'explore',
  plain: 'race',
  state: false,
});

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'latchlab-'));
  mkdirSync(join(root, 'node_modules'));
  writeFileSync(join(root, 'a.ts'), source(1));
});
afterEach(() => rmSync(root, { recursive: true }));

it('gives the next process the same build', () => {
  const build = new Host(root).build(options());
  expect(kept()).toHaveLength(1);
  const [file] = kept();
  writeFileSync(join(cacheOf(), file), JSON.stringify({ ...build, plainNotPoints: [7] }));
  expect(new Host(root).build(options()).plainNotPoints).toEqual([7]);
  expect(new Host(root, { cache: false }).build(options())).toEqual(build);
});

it('makes it anew when a source or an option is another, or the file is spoiled', () => {
  const host = new Host(root);
  const first = host.build(options());
  host.build({ ...options(), state: true });
  expect(kept()).toHaveLength(2);
  for (const file of kept()) writeFileSync(join(cacheOf(), file), '{');
  expect(new Host(root).build(options())).toEqual(first);
  writeFileSync(join(root, 'a.ts'), source(2));
  expect(new Host(root).build(options()).modules[0].code).toContain(', 2,');
  expect(kept()).toHaveLength(3);
});

it('keeps nothing of changed sources, nor where there are no node_modules', () => {
  new Host(root).build({ ...options(), overlay: new Map([[join(root, 'a.ts'), source(3)]]) });
  expect(kept()).toEqual([]);
  rmSync(join(root, 'node_modules'), { recursive: true });
  new Host(root).build(options());
  expect(existsSync(join(root, 'node_modules'))).toBe(false);
});
