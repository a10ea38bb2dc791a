import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { memoryMap } from './map.ts';

it('docs/memory-map.md is up to date (npm run map)', async () => {
  const file = new URL('../../docs/memory-map.md', import.meta.url);
  const map = await memoryMap();
  expect(readFileSync(file, 'utf8')).toBe(map);
  // Every node has its instances and its memory.
  expect(map).toMatch(/^\| 1 \| \d+ \| os_memory\[1\] \|/m);
  expect(map).toMatch(/^\| 1 \| \d+ \| buf_pool\[3\] \|/m);
});
