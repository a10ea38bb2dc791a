/** All operations of MEM_ROOT in random order, against a model of the facts (A 5) that knows no memory. */
import { describe, expect, it } from 'vitest';
import { MEM_ROOT } from '../../layout/mem-root.ts';
import { Rng } from '../../layout/rng.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { heapLiveBlocks } from '../heap/malloc.ts';
import {
  memRootClaim,
  memRootClear,
  memRootClearForReuse,
  memRootContains,
  memRootForceNewBlock,
  memRootMoveAssign,
} from './mem-root-blocks.ts';
import { memRootBlocks } from './mem-root-check.ts';
import { MemRootEnv, type MemRootVersion } from './mem-root-env.ts';
import {
  memRootAllocatedSize,
  memRootBlockSize,
  memRootInit,
  memRootMove,
  memRootPeekEnd,
  memRootPeekStart,
  memRootRawCommit,
  memRootSetBlockSize,
  memRootSetErrorForCapacityExceeded,
  memRootSetErrorHandler,
  memRootSetMaxCapacity,
} from './mem-root-state.ts';
import { memRootAlloc } from './mem-root.ts';
import { myOwnerOf } from './my-malloc.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { MemoryKit } from '../test-kit.ts';

const KEY = MEM_KEY.thdMainMemRoot;
/** A root that plans more is cleared: memory never runs out but when it is told to. */
const MAX_PLANNED = 100_000;
const up8 = (n: number): number => (n % 8 === 0 ? n : n + 8 - (n % 8));

interface ModelBlock {
  readonly bytes: number;
}

/** What an operation gave: a block and the offset in it, nothing, or an exception. */
type Given = { readonly block: ModelBlock; readonly offset: number } | 'null' | 'refused' | 'empty root';

/** A root by the letter of the facts; `blocks[0]` is the current one. */
class Model {
  blocks: ModelBlock[] = [];
  start = 0;
  end = 0;
  blockSize: number;
  orig: number;
  max = 0;
  allocated = 0;
  raiseError = false;
  errors = 0;
  readonly version: MemRootVersion;
  readonly single: boolean;

  constructor(version: MemRootVersion, single: boolean, blockSize: number) {
    this.version = version;
    this.single = single;
    this.blockSize = blockSize;
    this.orig = blockSize;
  }

  alloc(n: number, fails: boolean): Given {
    if (this.start % 8 !== 0) return 'refused';
    const length = up8(n);
    if (length <= this.end - this.start) {
      const offset = this.start;
      this.start += length;
      return this.blocks.length === 0 ? 'empty root' : { block: this.blocks[0], offset };
    }
    if (length >= this.blockSize || this.single) {
      const block = this.allocBlock(length, length, fails);
      if (block === null) return 'null';
      if (this.blocks.length === 0) {
        this.blocks = [block];
        this.start = length;
        this.end = length;
      } else {
        this.blocks.splice(1, 0, block);
      }
      return { block, offset: 0 };
    }
    if (this.force(length, fails)) return 'null';
    this.start = length;
    return { block: this.blocks[0], offset: 0 };
  }

  force(minimum: number, fails: boolean): boolean {
    const block = this.allocBlock(up8(this.blockSize), minimum, fails);
    if (block === null) return true;
    this.blocks.unshift(block);
    this.start = 0;
    this.end = block.bytes;
    return false;
  }

  allocBlock(wanted: number, minimum: number, fails: boolean): ModelBlock | null {
    let bytes = this.version === 'newer' ? Math.max(wanted, up8(minimum)) : wanted;
    if (this.max !== 0) {
      const left = this.allocated > this.max ? 0 : this.max - this.allocated;
      if (bytes > left) {
        if (this.raiseError) this.errors++;
        else if (minimum <= left) bytes = left;
        else return null;
      }
    }
    if (fails) return null;
    this.allocated += bytes;
    if (!this.single) this.blockSize += Math.floor(this.blockSize / 2);
    return { bytes };
  }

  clear(): void {
    if (this.blocks.length === 0) return;
    this.blocks = [];
    this.start = 0;
    this.end = 0;
    this.allocated = 0;
    this.blockSize = this.orig;
  }

  clearForReuse(): void {
    if (this.single) {
      this.clear();
    } else if (this.blocks.length > 0) {
      this.blocks.length = 1;
      this.start = 0;
      this.allocated = this.end;
    }
  }

  /** Takes everything of another, which starts again. */
  take(from: Model): void {
    const { blocks, start, end, blockSize, orig, max, allocated, raiseError } = from;
    Object.assign(this, { blocks, start, end, blockSize, orig, max, allocated, raiseError });
    Object.assign(from, { blocks: [], start: 0, end: 0, allocated: 0, blockSize: orig });
  }
}

class Run {
  readonly kit = new MemoryKit({ pages: [1024], records: { roots: [MEM_ROOT, 2] } });
  readonly rng: Rng;
  readonly roots: readonly number[];
  readonly models: readonly Model[];
  readonly envs: readonly MemRootEnv[];
  readonly threads: readonly Thread[];
  /** Where the model's blocks lie. */
  readonly places = new Map<ModelBlock, number>();
  who = 0;
  raised = 0;
  handled = 0;

  constructor(seed: number, version: MemRootVersion, single: boolean) {
    const { kit } = this;
    this.rng = new Rng(seed, 1);
    const first = kit.at('roots');
    this.roots = [first, first + MEM_ROOT.words];
    this.threads = [kit.thread(1), kit.thread(2)];
    const errorHook = { raise: (): void => void this.raised++ };
    const errorHandler = (): void => void this.handled++;
    this.envs = this.threads.map(
      () =>
        new MemRootEnv({ ...kit.env, version, singleChunks: single, checked: true, errorHook, errorHandler }),
    );
    this.models = this.roots.map((root, i) => {
      memRootInit(kit.mem, root, KEY, [512, 100][i]);
      memRootSetErrorHandler(kit.mem, root, true);
      return new Model(version, single, [512, 100][i]);
    });
  }

  size(): number {
    const { rng } = this;
    return [rng.below(32), rng.below(300), rng.below(3000), rng.below(20_000)][rng.below(4)];
  }

  /** Whether the heap will refuse the next request. */
  fails(): boolean {
    const fails = this.rng.below(16) === 0;
    osSetFaults(this.threads[this.who], this.kit.os, { failNext: fails ? 1 : 0 });
    return fails;
  }

  compare(root: number, model: Model): void {
    const { mem } = this.kit;
    const env = this.envs[this.who];
    const blocks = memRootBlocks(mem, env, root);
    expect(blocks.map((b) => b.bytes)).toEqual(model.blocks.map((b) => b.bytes));
    for (const [i, b] of blocks.entries()) {
      const known = this.places.get(model.blocks[i]);
      if (known === undefined) this.places.set(model.blocks[i], b.at + env.headerWords);
      else expect(b.at + env.headerWords).toBe(known);
      expect(myOwnerOf(mem, b.at)).toBe(this.who + 1);
    }
    expect(memRootBlockSize(mem, root)).toBe(model.blockSize);
    expect(memRootAllocatedSize(mem, root)).toBe(model.allocated);
    const [start, end] = [memRootPeekStart(mem, root), memRootPeekEnd(mem, root)];
    expect(end - start).toBe(model.end - model.start);
    if (blocks.length > 0) expect(start).toBe((blocks[0].at + env.headerWords) * 4 + model.start);
  }

  alloc(i: number): void {
    const { kit, envs, threads, who, roots, models } = this;
    const n = this.size();
    const given = models[i].alloc(n, this.fails());
    let at: number;
    try {
      at = memRootAlloc(threads[who], envs[who], roots[i], n);
    } catch (e) {
      expect(given).toBe('refused');
      expect((e as Error).message).toContain('no multiple of 8');
      return;
    }
    this.compare(roots[i], models[i]);
    if (given === 'null') expect(at).toBe(NIL);
    else if (given === 'empty root') expect(at).toBe(roots[i] + MEM_ROOT.at.dummy);
    else if (given === 'refused') expect('an allocation').toBe('refused');
    else {
      expect(at * 4).toBe((this.places.get(given.block) ?? 0) * 4 + given.offset);
      kit.mem.fill(n, at, at + up8(n) / 4);
    }
  }

  step(): void {
    const { kit, rng, models, roots, who } = this;
    const { mem } = kit;
    const thr = this.threads[who];
    const env = this.envs[who];
    const i = rng.below(2);
    const root = roots[i];
    const model = models[i];
    const op = rng.below(40);
    if (op < 22) this.alloc(i);
    else if (op < 25) {
      const n = rng.below(model.end - model.start + 1);
      memRootRawCommit(mem, root, n);
      model.start += n;
    } else if (op < 28) {
      const minimum = this.size();
      const failed = model.force(minimum, this.fails());
      expect(memRootForceNewBlock(thr, env, root, minimum)).toBe(failed);
    } else if (op === 28 || model.blockSize > MAX_PLANNED) {
      memRootClear(thr, env, root);
      model.clear();
    } else if (op < 31) {
      memRootClearForReuse(thr, env, root);
      model.clearForReuse();
    } else if (op < 33) {
      model.max = rng.below(2) === 0 ? 0 : rng.below(20_000);
      memRootSetMaxCapacity(mem, root, model.max);
    } else if (op === 33) {
      model.raiseError = rng.below(2) === 0;
      memRootSetErrorForCapacityExceeded(mem, root, model.raiseError);
    } else if (op === 34) {
      model.orig = rng.below(2000);
      model.blockSize = model.orig;
      memRootSetBlockSize(mem, root, model.orig);
    } else if (op === 35) {
      memRootMoveAssign(thr, env, root, roots[1 - i]);
      model.clear();
      model.take(models[1 - i]);
    } else if (op === 36) {
      memRootClear(thr, env, root);
      model.clear();
      memRootMove(mem, root, roots[1 - i]);
      model.take(models[1 - i]);
    } else if (op < 39) {
      this.lookInside(i);
    } else {
      for (const at of roots) memRootClaim(thr, env, at, false);
      this.who = 1 - who;
      for (const at of roots) memRootClaim(this.threads[this.who], this.envs[this.who], at, true);
    }
    osSetFaults(thr, kit.os, {});
    for (const at of [0, 1]) this.compare(roots[at], models[at]);
  }

  /** Contains is right for an address in each block, for both roots. */
  lookInside(i: number): void {
    const { mem } = this.kit;
    const env = this.envs[this.who];
    if (env.version === '8.0.2x') return;
    for (const { at, bytes } of memRootBlocks(mem, env, this.roots[i])) {
      const p = at + this.rng.below(env.headerWords + Math.floor(bytes / 4));
      expect(memRootContains(mem, env, this.roots[i], p)).toBe(true);
      expect(memRootContains(mem, env, this.roots[1 - i], p)).toBe(false);
    }
  }

  finish(): void {
    const errors = this.models.reduce((sum, m) => sum + m.errors, 0);
    const outOfMemory = this.kit.log.lines.length + this.kit.log.dropped;
    expect(this.raised).toBe(errors + outOfMemory);
    expect(this.handled).toBe(outOfMemory);
    for (const root of this.roots) memRootClear(this.threads[this.who], this.envs[this.who], root);
    expect(heapLiveBlocks(this.kit.mem, this.kit.os)).toBe(0);
    expect(this.kit.defects()).toEqual([]);
  }
}

describe('MEM_ROOT against the model', () => {
  it.each([
    ['8.0', false, 1],
    ['8.0', false, 2],
    ['8.0.2x', false, 3],
    ['newer', false, 4],
    ['newer', true, 5],
    ['8.0', true, 6],
  ] as const)('version %s, single chunks %s, seed %i', (version, single, seed) => {
    const run = new Run(seed, version, single);
    for (let i = 0; i < 500; i++) run.step();
    run.finish();
  });
});
