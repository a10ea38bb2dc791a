/**
 * Who may write a word of the buffer pool: the guards of its layout, as rules that are looked at with each write. They
 * see what the race detector cannot: a write under the wrong latch that another latch happens to order.
 */
import { BUF_BLOCK, BUF_POOL } from '../../src/layout/buffer.ts';
import { NIL } from '../../src/layout/schema.ts';
import type { BufInstance } from '../../src/buffer/instance.ts';
import { BLOCK_WORDS } from '../../src/buffer/instance.ts';
import { IO_FIX, STATE } from '../../src/buffer/states.ts';
import { mutexOwner } from '../../src/sync/mutex.ts';
import { X_LOCK_DECR } from '../../src/sync/sx-lock-word.ts';
import { checkCount, must } from './kit.ts';
import type { WordInfo } from '../../src/explore/types.ts';

/** What the rules look at of a scenario's pool. */
export interface Ruled {
  readonly mem: Int32Array;
  readonly inst: BufInstance;
  /** What the rules say about each word. */
  readonly rules: Uint8Array;
  words(word: number): WordInfo | undefined;
}

const B = BUF_BLOCK.at;
const P = BUF_POOL.at;

/** Kinds of words. */
const RULE = {
  none: 0,
  lruList: 1,
  freeList: 2,
  flushList: 3,
  flushState: 4,
  blockMutex: 5,
  fixCount: 6,
  state: 7,
  ioFix: 8,
  oldest: 9,
} as const;

const BY_LRU = [
  ['lruFirst', 'lruLast', 'lruLen', 'lruOld', 'lruOldLen', 'freedPageClock', 'nPagesMadeYoung'],
  ['lruHp', 'lruScanItr', 'singleScanItr'],
].flat() as (keyof typeof P)[];

/** The rule of each word of the arena. */
export function poolRules(inst: BufInstance, words: number): Uint8Array {
  const rules = new Uint8Array(words);
  const { at } = inst;
  for (const field of BY_LRU) rules[at + P[field]] = RULE.lruList;
  for (const field of ['freeFirst', 'freeLast', 'freeLen'] as const) rules[at + P[field]] = RULE.freeList;
  for (const field of ['flushFirst', 'flushLast', 'flushLen', 'flushHp', 'oldestHp'] as const) {
    rules[at + P[field]] = RULE.flushList;
  }
  for (let type = 0; type < 3; type++) {
    rules[at + P.initFlush + type] = RULE.flushState;
    rules[at + P.nFlush + type] = RULE.flushState;
  }
  for (const { blocks, size } of inst.chunks) {
    for (let b = blocks; b < blocks + size * BLOCK_WORDS; b += BLOCK_WORDS) {
      for (const field of ['lruPrev', 'lruNext', 'oldClock'] as const) rules[b + B[field]] = RULE.lruList;
      for (let i = 0; i < 2; i++) rules[b + B.oldestModification + i] = RULE.oldest;
      rules[b + B.accessTime] = RULE.blockMutex;
      rules[b + B.flushType] = RULE.blockMutex;
      rules[b + B.fixCount] = RULE.fixCount;
      rules[b + B.state] = RULE.state;
      rules[b + B.ioFix] = RULE.ioFix;
    }
  }
  return rules;
}

/** For `Scenario.watched`. */
export function hasRule(word: number, k: Ruled): boolean {
  return k.rules[word] !== RULE.none;
}

/** For `Scenario.onWrite`. @throws Error when the thread may not write the word, or not this value */
export function checkWrite(_m: Int32Array, k: Ruled, word: number, value: number, thread: number): void {
  const { mem, inst } = k;
  const block = word - ((word - inst.chunks[0].blocks) % BLOCK_WORDS);
  switch (k.rules[word]) {
    case RULE.lruList:
      return mustOwn(k, inst.lruListMutex, thread, word);
    case RULE.freeList:
      return mustOwn(k, inst.freeListMutex, thread, word);
    case RULE.flushList:
      return mustOwn(k, inst.flushListMutex, thread, word);
    case RULE.flushState:
      checkCount(nameOf(k, word), value);
      return mustOwn(k, inst.flushStateMutex, thread, word);
    case RULE.blockMutex:
      return mustOwn(k, block + B.mutex, thread, word);
    case RULE.oldest:
      // A page that is not in the LRU list yet is seen by nobody.
      if (mem[inst.at + P.lruFirst] === block || mem[block + B.lruPrev] !== NIL) {
        mustOwn(k, inst.flushListMutex, thread, word);
      }
      return mustOwn(k, block + B.mutex, thread, word);
    case RULE.ioFix:
      if (value === IO_FIX.write) mustOwn(k, inst.flushStateMutex, thread, word);
      return mustOwn(k, block + B.mutex, thread, word);
    case RULE.fixCount:
      return checkCount(nameOf(k, word), value);
    case RULE.state:
      if (value !== STATE.removeHash) return;
      mustOwn(k, block + B.mutex, thread, word);
      mustOwn(k, inst.lruListMutex, thread, word);
      must(mem[block + B.fixCount] === 0, `${nameOf(k, word)}: a page is taken out that somebody has fixed`);
      must(mem[block + B.lock] === X_LOCK_DECR, `${nameOf(k, word)}: a page is taken out that is latched`);
      must(mem[block + B.ioFix] === IO_FIX.none, `${nameOf(k, word)}: a page is taken out that is in I/O`);
  }
}

function mustOwn(k: Ruled, mutex: number, thread: number, word: number): void {
  if (mutexOwner(k.mem[mutex]) === thread + 1) return;
  throw new Error(`${nameOf(k, word)} is written by thread ${thread} without ${nameOf(k, mutex)}`);
}

function nameOf(k: Ruled, word: number): string {
  return k.words(word)?.name ?? `word ${word}`;
}
