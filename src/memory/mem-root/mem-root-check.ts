/** Looking at a `MEM_ROOT` without changing it: its blocks, and what is wrong with them. The caller owns it. */
import { MY_HEADER } from '../../layout/headers.ts';
import { MEM_ROOT, MEM_ROOT_BLOCK } from '../../layout/mem-root.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption, type MemoryCorruption } from '../ut/corruption.ts';
import { osOwning } from '../heap/malloc.ts';
import type { MemRootEnv } from './mem-root-env.ts';
import { memRootAllocatedSize } from './mem-root-state.ts';
import { MY_HEADER_WORDS, MY_MAGIC, mySizeOf } from './my-malloc.ts';

const { currentBlock: CURRENT } = MEM_ROOT.at;
const { prev: PREV, end: END } = MEM_ROOT_BLOCK.at;

/** A block: its address (that of its header), and its bytes without the header. */
export interface MemRootBlock {
  readonly at: number;
  readonly bytes: number;
}

/** All blocks, the current one first, then as they are linked. */
export function memRootBlocks(mem: Int32Array, env: MemRootEnv, root: number): MemRootBlock[] {
  const blocks: MemRootBlock[] = [];
  for (let at = mem[root + CURRENT]; at !== NIL; at = mem[at + PREV]) {
    blocks.push({ at, bytes: mySizeOf(mem, at) - env.headerWords * WORD_BYTES });
  }
  return blocks;
}

/**
 * The first damage that shows: a block that my_malloc does not know, one whose end is not where its size says, links in a
 * circle, or blocks that do not add up to allocated_size. null: none.
 */
export function memRootDamage(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  call: string,
): MemoryCorruption | null {
  const { mem } = thr;
  let bytes = 0;
  let steps = 0;
  // The block at the last power of two: it comes again in a circle only.
  let mark: number = NIL;
  for (let block = mem[root + CURRENT]; block !== NIL; block = mem[block + PREV]) {
    const detail = blockFault(mem, env, block);
    if (detail !== '') return damage(thr, env, block, call, detail);
    if (block === mark) return damage(thr, env, block, call, 'the blocks are linked in a circle');
    bytes += mySizeOf(mem, block) - env.headerWords * WORD_BYTES;
    steps++;
    if ((steps & (steps - 1)) === 0) mark = block;
  }
  const allocated = memRootAllocatedSize(mem, root);
  if (bytes === allocated) return null;
  const detail = `blocks of ${bytes} bytes, allocated_size says ${allocated}`;
  return damage(thr, env, mem[root + CURRENT], call, detail);
}

function damage(thr: Thread, env: MemRootEnv, block: number, call: string, detail: string): MemoryCorruption {
  const first = block - MY_HEADER_WORDS;
  const os = osOwning(thr.mem, env.allOs, first);
  return corruption(thr.mem, os, first, { what: 'damaged MEM_ROOT', call, at: block, detail, thr });
}

function blockFault(mem: Int32Array, env: MemRootEnv, block: number): string {
  const header = block - MY_HEADER_WORDS;
  if (osOwning(mem, env.allOs, header) === NIL) return 'a link leads out of the memory';
  const magic = mem[header + MY_HEADER.at.magic];
  if (magic !== MY_MAGIC) return `the magic number of a block is ${magic}, not ${MY_MAGIC}`;
  if (env.version === '8.0.2x') return '';
  const end = getU53(mem, block + END);
  const right = block * WORD_BYTES + mySizeOf(mem, block);
  return end === right ? '' : `the end of a block is ${end}, not ${right}`;
}
