/** Entry point of a worker of `npm run bench -- explore`: answers one question in a fresh isolate, and ends. */
import { join } from 'node:path';
import { readdirSync, readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { TransformTimes } from '../bench/explore/times.ts';

type Question =
  | { readonly what: 'traces'; readonly scenario: string; readonly seed: number; readonly count: number }
  | { readonly what: 'transform' };

const question = workerData as Question;

const seconds = (): number => performance.now() / 1000;

/** The protocols: latches, buffer pool, allocators, the connections' memory counter. */
function coreFiles(root: string): string[] {
  const folders = ['src/sync', 'src/buffer', 'src/memory'];
  const all = folders.flatMap((folder) => readdirSync(join(root, folder)).map((f) => join(root, folder, f)));
  const sources = all.filter(
    (f) => f.endsWith('.ts') && !/\.test\.ts$|test-kit\.ts$|build-dist\.ts$/.test(f),
  );
  return [...sources, join(root, 'src/session/limits/thd-mem-cnt.ts')];
}

async function transform(): Promise<TransformTimes> {
  const started = seconds();
  const { Host } = await import('../src/explore/transform/host.ts');
  const { repositoryRoot } = await import('../stress/explore/catalog.ts');
  const loaded = seconds();
  const root = repositoryRoot();
  const entry = coreFiles(root);
  const host = new Host(root, { cache: false });
  const form = { entry, dialect: 'explore', plain: 'dirty', state: false } as const;
  const { modules } = host.build(form);
  const cold = seconds() - started;
  new Host(root).build(form);
  const began = seconds();
  new Host(root).build(form);
  const cached = seconds() - began;
  const file = join(root, 'src/sync/mutex.ts');
  const text = readFileSync(file, 'utf8');
  const warm: number[] = [];
  for (let i = 0; i < 5; i++) {
    // One statement of one function, as a mutant changes it.
    const overlay = new Map([[file, text.replace('let rounds = 0;', `let rounds = ${i} - ${i};`)]]);
    const before = seconds();
    host.build({ ...form, overlay });
    warm.push(seconds() - before);
  }
  return {
    load: loaded - started,
    cold,
    cached,
    warm: warm.toSorted((a, b) => a - b)[2],
    files: modules.length,
  };
}

async function answer(q: Question): Promise<unknown> {
  if (q.what === 'transform') return transform();
  const { traceHashes } = await import('../bench/explore/cases.ts');
  return traceHashes(q.scenario, q.seed, q.count);
}

parentPort?.postMessage(await answer(question));
