/**
 * Internal temporary tables in memory (TempTable engine), as far as memory goes: blocks of my_malloc from 1 MiB on, each
 * twice as large as the one before it, cut into chunks. By the session's thread. (Here all of a statement's tables share
 * blocks, and all blocks go with the statement; the server keeps the first block of some connections for their next
 * table.)
 */
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { TEMPTABLE_BLOCK, TEMPTABLE_CHUNK, THD } from '../../layout/session.ts';
import { addU53, getU53, setU53 } from '../../layout/words.ts';
import type { MemRootEnv } from '../../memory/mem-root/mem-root-env.ts';
import { alignSize, MY_WME, myFree, myMalloc } from '../../memory/mem-root/my-malloc.ts';
import { MEM_KEY } from '../../memory/psi/psi-keys.ts';
import { here } from '../../memory/ut/site.ts';
import type { Thread } from '../../sync/thread.ts';

const { tempTable: TEMP_TABLE } = THD.at;
const { next: NEXT, number: NUMBER, size: SIZE } = TEMPTABLE_BLOCK.at;
const { usedChunks: USED_CHUNKS, firstPristine: FIRST_PRISTINE } = TEMPTABLE_BLOCK.at;

const MIB = 2 ** 20;
/** ALLOCATOR_MAX_BLOCK_MB_EXP: blocks double up to 512 MiB. */
const MAX_BLOCK_MB_EXP = 9;
const HEADER_BYTES = TEMPTABLE_BLOCK.words * WORD_BYTES;
const CHUNK_BYTES = TEMPTABLE_CHUNK.words * WORD_BYTES;

const SITE = here();

/** `Exponential_policy::block_size`: of block `number`, when a chunk of so many bytes is wanted. */
export function tempTableBlockSize(number: number, chunkBytes: number): number {
  return Math.max(2 ** Math.min(number, MAX_BLOCK_MB_EXP) * MIB, HEADER_BYTES + chunkBytes);
}

/**
 * `Allocator::allocate`: room for rows of the statement's temporary table.
 * @returns address, 8-byte aligned, until the statement ends; NIL: out of memory, which has been raised
 */
export function thdTempTable(thr: Thread, env: MemRootEnv, thd: number, bytes: number): number {
  const { mem } = thr;
  const chunk = CHUNK_BYTES + alignSize(bytes);
  let block = mem[thd + TEMP_TABLE];
  if (block === NIL || getU53(mem, block + FIRST_PRISTINE) + chunk > getU53(mem, block + SIZE)) {
    block = newBlock(thr, env, thd, chunk);
    if (block === NIL) return NIL;
  }
  const offset = getU53(mem, block + FIRST_PRISTINE);
  const at = block + offset / WORD_BYTES;
  setU53(mem, at + TEMPTABLE_CHUNK.at.offset, offset);
  setU53(mem, block + FIRST_PRISTINE, offset + chunk);
  addU53(mem, block + USED_CHUNKS, 1);
  return at + TEMPTABLE_CHUNK.words;
}

function newBlock(thr: Thread, env: MemRootEnv, thd: number, chunk: number): number {
  const { mem } = thr;
  const before = mem[thd + TEMP_TABLE];
  const number = before === NIL ? 0 : mem[before + NUMBER] + 1;
  const size = tempTableBlockSize(number, chunk);
  const block = myMalloc(thr, env, MEM_KEY.temptablePhysicalRam, size, MY_WME, SITE);
  if (block === NIL) return NIL;
  mem[block + NEXT] = before;
  mem[block + NUMBER] = number;
  setU53(mem, block + SIZE, size);
  setU53(mem, block + USED_CHUNKS, 0);
  setU53(mem, block + FIRST_PRISTINE, HEADER_BYTES);
  mem[thd + TEMP_TABLE] = block;
  return block;
}

/** The statement ends: its tables are dropped. */
export function dropTempTables(thr: Thread, env: MemRootEnv, thd: number): void {
  const { mem } = thr;
  while (mem[thd + TEMP_TABLE] !== NIL) {
    const block = mem[thd + TEMP_TABLE];
    mem[thd + TEMP_TABLE] = mem[block + NEXT];
    myFree(thr, env, block, SITE);
  }
}
