import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createViteServer } from 'vitest/node';
import { exploreLatchlab } from './plugin.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const serve = (plugins: readonly ReturnType<typeof exploreLatchlab>[]) =>
  createViteServer({
    root: ROOT,
    configFile: false,
    logLevel: 'silent',
    plugins: [...plugins],
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, watch: null, ws: false },
  });

describe('the plugin', () => {
  let bare: Awaited<ReturnType<typeof serve>>;
  let served: Awaited<ReturnType<typeof serve>>;
  let dir: string;

  beforeAll(async () => {
    bare = await serve([]);
    served = await serve([exploreLatchlab()]);
    dir = mkdtempSync(`${ROOT}node_modules/.explore-plugin-`);
    writeFileSync(
      `${dir}/lock.ts`,
      `import { mutexIsFree } from ${JSON.stringify(`${ROOT}src/sync/mutex.ts`)};
export interface Word { n: number }
export const take = (m: Int32Array): boolean => Atomics.compareExchange(m, 0, 0, 1) === 0;
export const isFree = mutexIsFree;
export default function release(m: Int32Array): void { Atomics.store(m, 0, 0); }`,
    );
    writeFileSync(`${dir}/bad.ts`, 'export class C { constructor(m: Int32Array) { Atomics.load(m, 0); } }');
    writeFileSync(
      `${dir}/user.ts`,
      `import release, { take } from './lock.ts?explore';\nimport * as lock from './lock?explore';\nexport { release, take, lock };`,
    );
  });

  afterAll(async () => {
    rmSync(dir, { recursive: true });
    await Promise.all([bare.close(), served.close()]);
  });

  it('changes no byte of what is imported without the query', async () => {
    for (const file of [
      'src/sync/mutex.ts',
      'src/sync/park-sites.ts',
      'src/buffer/get-page.ts',
      'src/engine.ts',
    ]) {
      const options = { ssr: true } as const;
      const without = await bare.transformRequest(`/${file}`, options);
      const withIt = await served.transformRequest(`/${file}`, options);
      expect(without?.code.length, file).toBeGreaterThan(1000);
      expect(withIt?.code, file).toBe(without?.code);
      expect(withIt?.code).not.toMatch(/\$x|function\*/);
    }
  });

  it('gives exports by name, as a whole, and by default', async () => {
    const user = (await served.ssrLoadModule(`${dir}/user.ts`)) as {
      take: (m: Int32Array) => unknown;
      lock: Record<string, unknown>;
      release: unknown;
    };
    expect(Object.keys(user.lock).toSorted()).toEqual(['default', 'isFree', 'take']);
    expect(user.lock['take']).toBe(user.take);
    expect(user.lock['default']).toBe(user.release);
    expect((user.lock['isFree'] as (word: number) => boolean)(0)).toBe(true);
    const thread = user.take(new Int32Array(new SharedArrayBuffer(8)));
    expect(Object.prototype.toString.call(thread)).toBe('[object Generator]');
  });

  it('says where something cannot be explored', async () => {
    await expect(served.ssrLoadModule(`${dir}/bad.ts?explore`)).rejects.toThrow(
      /bad\.ts:1:47: an Atomics operation in a constructor/,
    );
    await expect(served.ssrLoadModule(`${dir}/gone.ts?explore`)).rejects.toThrow(/gone\.ts/);
  });
});
