/**
 * The flush list (facts B 5.1, 5.2): dirty pages by their first change not yet written, youngest at the head. The
 * order is exact up to the recent_closed buffer (log-sys.ts), as mini-transactions add their pages concurrently.
 */
import { BUF_BLOCK, BUF_POOL, POOL_STAT } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { getU53, setU53 } from '../layout/words.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { assertHeld } from '../sync/order.ts';
import type { Thread } from '../sync/thread.ts';
import type { BufInstance, BufPool } from './instance.ts';
import { listAddFirst, listRemove } from './ut-list.ts';

const { listPrev: LINKS, mutex: MUTEX_AT, instance: INSTANCE } = BUF_BLOCK.at;
const { newestModification: NEWEST, oldestModification: OLDEST } = BUF_BLOCK.at;
const { flushFirst: LIST, flushLast: LAST, flushHp: FLUSH_HP, oldestHp: OLDEST_HP } = BUF_POOL.at;
const { writeRequests: WRITE_REQUESTS } = POOL_STAT.at;

/**
 * `buf_flush_note_modification`: a page changed by a mini-transaction with log [startLsn, endLsn). The frame latch is
 * held X or SX. A page that is dirty already keeps its place and its oldest LSN.
 */
export function bufFlushNoteModification(
  thr: Thread,
  pool: BufPool,
  block: number,
  startLsn: number,
  endLsn: number,
): void {
  const { mem } = thr;
  const inst = pool.instances[mem[block + INSTANCE]];
  mutexEnter(thr, block + MUTEX_AT);
  setU53(mem, block + NEWEST, endLsn);
  if (getU53(mem, block + OLDEST) === 0) flushListInsert(thr, inst, block, startLsn);
  mutexExit(thr, block + MUTEX_AT);
  mem[thr.poolStats + inst.no * POOL_STAT.words + WRITE_REQUESTS]++;
}

/** `buf_flush_insert_into_flush_list`: at the head. Block mutex held. */
function flushListInsert(thr: Thread, inst: BufInstance, block: number, lsn: number): void {
  const { mem, at } = inst;
  mutexEnter(thr, inst.flushListMutex);
  setU53(mem, block + OLDEST, lsn);
  listAddFirst(mem, at + LIST, LINKS, block);
  mutexExit(thr, inst.flushListMutex);
}

/** `buf_flush_remove`: the page is clean now. Block mutex held; both hazard pointers step to the predecessor. */
export function bufFlushRemove(thr: Thread, inst: BufInstance, block: number): void {
  const { mem, at } = inst;
  assertHeld(thr, block + MUTEX_AT, 'block mutex');
  mutexEnter(thr, inst.flushListMutex);
  const prev = mem[block + LINKS];
  if (mem[at + FLUSH_HP] === block) mem[at + FLUSH_HP] = prev;
  if (mem[at + OLDEST_HP] === block) mem[at + OLDEST_HP] = prev;
  listRemove(mem, at + LIST, LINKS, block);
  setU53(mem, block + OLDEST, 0);
  mutexExit(thr, inst.flushListMutex);
}

/**
 * `buf_pool_get_oldest_modification_approx`: the smallest oldest LSN of all instances' tails, 0 when nothing is
 * dirty. The true minimum may be smaller by what recent_closed allows.
 */
export function oldestModificationApprox(thr: Thread, pool: BufPool): number {
  let oldest = 0;
  for (const inst of pool.instances) {
    mutexEnter(thr, inst.flushListMutex);
    const tail = inst.mem[inst.at + LAST];
    const lsn = tail === NIL ? 0 : getU53(inst.mem, tail + OLDEST);
    mutexExit(thr, inst.flushListMutex);
    if (lsn !== 0 && (oldest === 0 || lsn < oldest)) oldest = lsn;
  }
  return oldest;
}
