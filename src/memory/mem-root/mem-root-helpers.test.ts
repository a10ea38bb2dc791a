import { beforeEach, describe, expect, it } from 'vitest';
import { MEM_ROOT } from '../../layout/mem-root.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { memRootClear, memRootClearForReuse, memRootMoveAssign } from './mem-root-blocks.ts';
import { MemRootEnv, type MemRootEnvOptions } from './mem-root-env.ts';
import {
  memdupRoot,
  memRootAddCleanup,
  memRootArrayAlloc,
  multiAllocRoot,
  safeStrdupRoot,
  strdupRoot,
  strmakeRoot,
} from './mem-root-helpers.ts';
import { memRootAllocatedSize, memRootInit, memRootPeekEnd, memRootPeekStart } from './mem-root-state.ts';
import { memRootAlloc } from './mem-root.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { MemoryKit } from '../test-kit.ts';

let kit: MemoryKit;
let mem: Int32Array;
let thr: Thread;
let root: number;
let env: MemRootEnv;

beforeEach(() => {
  kit = new MemoryKit({ records: { root: [MEM_ROOT, 2] } });
  mem = kit.mem;
  thr = kit.thread(1);
  root = kit.at('root');
  memRootInit(mem, root, MEM_KEY.thdMainMemRoot);
  env = envOf();
});

const envOf = (o: Partial<MemRootEnvOptions> = {}): MemRootEnv =>
  new MemRootEnv({ ...kit.env, checked: true, ...o });

const textAt = (p: number): string => Buffer.from(thr.u8.slice(p * 4, thr.u8.indexOf(0, p * 4))).toString();
const used = (): number => 512 - (memRootPeekEnd(mem, root) - memRootPeekStart(mem, root));

function clear(): void {
  memRootClear(thr, env, root);
  expect(kit.defects()).toEqual([]);
}

describe('ArrayAlloc', () => {
  it('constructs every element', () => {
    const at = memRootArrayAlloc(thr, env, root, 5, 12, (i, elem) => {
      mem[elem] = i;
      mem[elem + 1] = 7;
      mem[elem + 2] = elem;
    });
    expect([...mem.subarray(at, at + 15)].filter((_w, i) => i % 3 === 0)).toEqual([0, 1, 2, 3, 4]);
    expect(mem[at + 14]).toBe(at + 12);
    expect(used()).toBe(64);
    clear();
  });

  it('leaves numbers as they are, of any size', () => {
    const at = memRootArrayAlloc(thr, env, root, 5, 1, null, 1);
    expect(at).not.toBe(NIL);
    expect(used()).toBe(8);
    expect(memRootArrayAlloc(thr, env, root, 0, 8)).toBe(at + 2);
    clear();
  });

  it('gives NIL when the product overflows', () => {
    expect(memRootArrayAlloc(thr, env, root, 2 ** 61, 8)).toBe(NIL);
    expect(kit.log.lines).toEqual([]);
    // Just below it is only too much.
    expect(memRootArrayAlloc(thr, env, root, 2 ** 60, 8)).toBe(NIL);
    expect(kit.log.lines.length).toBe(1);
    expect(memRootAllocatedSize(mem, root)).toBe(0);
  });

  it('gives NIL when memory is out, and constructs nothing', () => {
    osSetFaults(thr, kit.os, { failNext: 1 });
    let built = 0;
    expect(memRootArrayAlloc(thr, env, root, 3, 8, () => built++)).toBe(NIL);
    expect(built).toBe(0);
  });

  it('has limits', () => {
    expect(() => memRootArrayAlloc(thr, env, root, 1, 16, null, 16)).toThrow('only gives 8-aligned');
    expect(() => memRootArrayAlloc(thr, env, root, 1, 6, () => undefined)).toThrow('whole number of words');
  });
});

describe('strings', () => {
  it('strdup_root copies up to the first NUL, and ends with one', () => {
    const p = strdupRoot(thr, env, root, 'gr\u00fc\u00dfe\0 not this');
    expect(textAt(p)).toBe('gr\u00fc\u00dfe');
    expect(used()).toBe(8);
    expect(textAt(strdupRoot(thr, env, root, ''))).toBe('');
    clear();
  });

  it('strmake_root takes len + 1 bytes', () => {
    const p = strmakeRoot(thr, env, root, Buffer.from('abcdefghi'), 8);
    expect(textAt(p)).toBe('abcdefgh');
    expect(used()).toBe(16);
    expect(() => strmakeRoot(thr, env, root, Buffer.from('abc'), 4)).toThrow(RangeError);
    clear();
  });

  it('memdup_root takes len bytes, also of the arena', () => {
    const p = memdupRoot(thr, env, root, Uint8Array.of(1, 0, 2, 3, 4, 5, 6, 7));
    const q = memdupRoot(thr, env, root, thr.u8.subarray(p * 4, p * 4 + 8));
    expect([...thr.u8.subarray(q * 4, q * 4 + 8)]).toEqual([1, 0, 2, 3, 4, 5, 6, 7]);
    expect(used()).toBe(16);
    clear();
  });

  it('safe_strdup_root of null is null', () => {
    expect(safeStrdupRoot(thr, env, root, null)).toBe(NIL);
    expect(textAt(safeStrdupRoot(thr, env, root, 'x'))).toBe('x');
    clear();
  });

  it('multi_alloc_root is one allocation of rounded parts', () => {
    const parts: number[] = [];
    const p = multiAllocRoot(thr, env, root, [1, 16, 0, 3], parts);
    expect(parts).toEqual([p, p + 2, p + 6, p + 6]);
    expect(used()).toBe(8 + 16 + 8);
    expect(multiAllocRoot(thr, env, root, [], parts)).not.toBe(NIL);
    clear();
  });

  it('are NIL when memory is out', () => {
    osSetFaults(thr, kit.os, { failNext: 4 });
    const parts: number[] = [];
    expect([
      strdupRoot(thr, env, root, 'a'),
      strmakeRoot(thr, env, root, Buffer.from('a'), 1),
      memdupRoot(thr, env, root, Buffer.from('a')),
      multiAllocRoot(thr, env, root, [1], parts),
    ]).toEqual([NIL, NIL, NIL, NIL]);
    expect(parts).toEqual([]);
  });
});

describe('the list of clean-ups', () => {
  let done: number[];
  const note = (_thr: Thread, arg: number): void => void done.push(arg);

  beforeEach(() => {
    done = [];
    env = envOf({ version: 'newer', cleanups: [note, (_thr, arg): void => void done.push(-mem[arg])] });
  });

  it.each([memRootClear, memRootClearForReuse])(
    'runs at %o, the youngest first, while memory is there',
    (act) => {
      const at = memRootAlloc(thr, env, root, 8);
      mem[at] = 5;
      for (const arg of [1, 2]) expect(memRootAddCleanup(thr, env, root, 0, arg)).toBe(true);
      expect(memRootAddCleanup(thr, env, root, 1, at)).toBe(true);
      expect(used()).toBe(8 + 3 * 16);
      act(thr, env, root);
      expect(done).toEqual([-5, 2, 1]);
      clear();
      expect(done.length).toBe(3);
    },
  );

  it('moves with the memory', () => {
    const target = root + MEM_ROOT.words;
    memRootInit(mem, target, MEM_KEY.thdMainMemRoot);
    memRootAddCleanup(thr, env, target, 0, 1);
    memRootAddCleanup(thr, env, root, 0, 2);
    memRootMoveAssign(thr, env, target, root);
    expect(done).toEqual([1]);
    memRootAlloc(thr, env, root, 8);
    memRootClear(thr, env, root);
    expect(done).toEqual([1]);
    memRootClear(thr, env, target);
    expect(done).toEqual([1, 2]);
    clear();
  });

  it('is left alone when memory is out', () => {
    osSetFaults(thr, kit.os, { failNext: 1 });
    expect(memRootAddCleanup(thr, env, root, 0, 1)).toBe(false);
    clear();
    expect(done).toEqual([]);
  });

  it('is for newer code, and for what the thread knows', () => {
    expect(() => memRootAddCleanup(thr, envOf(), root, 0, 1)).toThrow('not in version 8.0');
    expect(() => memRootAddCleanup(thr, env, root, 2, 1)).toThrow('there is no clean-up 2');
  });
});
