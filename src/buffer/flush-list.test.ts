/** Facts B 5.1, 5.2: entering and leaving the flush list. */
import { describe, expect, it } from 'vitest';
import { BUF_BLOCK, BUF_POOL } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { getU53 } from '../layout/words.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { bufFlushNoteModification, bufFlushRemove, oldestModificationApprox } from './flush-list.ts';
import { LOG_START_LSN } from './log-sys.ts';
import { mtrCommit } from './mtr.ts';
import { RW } from './states.ts';
import { PoolKit } from './test-kit.ts';

const { mutex: MUTEX_AT, newestModification: NEWEST } = BUF_BLOCK.at;

function remove(kit: PoolKit, block: number): void {
  mutexEnter(kit.thr, block + MUTEX_AT);
  bufFlushRemove(kit.thr, kit.inst, block);
  mutexExit(kit.thr, block + MUTEX_AT);
}

describe('note_modification', () => {
  it('a clean page enters at the head with the start LSN, its newest is the end LSN', () => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    expect([kit.oldest(block), getU53(kit.mem, block + NEWEST)]).toEqual([LOG_START_LSN, LOG_START_LSN + 64]);
    kit.dirty(2, 3);
    expect(kit.pages('flush')).toEqual([3, 2, 1]);
    expect(kit.list('flush').map((b) => kit.oldest(b))).toEqual([8192 + 128, 8192 + 64, 8192]);
    expect(kit.findings()).toEqual([]);
  });

  it('a dirty page keeps its place and its oldest LSN, its newest moves on', () => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    kit.dirty(2, 1);
    expect(kit.pages('flush')).toEqual([2, 1]);
    expect([kit.oldest(block), getU53(kit.mem, block + NEWEST)]).toEqual([8192, 8192 + 192]);
  });

  it('counts a write request per page and commit, dirty or not', () => {
    const kit = new PoolKit();
    kit.dirty(1, 1, 2);
    expect(kit.stat('writeRequests')).toBe(3);
  });

  it('pages of one commit share its LSN, and go in last fixed first; unchanged ones stay out', () => {
    const kit = new PoolKit();
    kit.change(1);
    kit.get(2, RW.x);
    kit.change(3);
    expect(mtrCommit(kit.thr, kit.pool)).toBe(8192 + 128);
    expect(kit.pages('flush')).toEqual([1, 3]);
    expect(kit.list('flush').map((b) => kit.oldest(b))).toEqual([8192, 8192]);
    expect(kit.findings()).toEqual([]);
  });

  it('a commit that changed nothing takes no log', () => {
    const kit = new PoolKit();
    kit.get(1, RW.x);
    expect(mtrCommit(kit.thr, kit.pool)).toBe(0);
    expect(kit.val('flushLen')).toBe(0);
  });

  it('LSNs above 2^32 keep all their bits', () => {
    const kit = new PoolKit();
    const block = kit.touch(1);
    const lsn = 2 ** 40 + 0xfffffff8;
    bufFlushNoteModification(kit.thr, kit.pool, block, lsn, lsn + 64);
    expect([kit.oldest(block), getU53(kit.mem, block + NEWEST)]).toEqual([lsn, lsn + 64]);
  });
});

describe('leaving', () => {
  it('from any place, and the links stay whole', () => {
    const kit = new PoolKit();
    kit.dirty(1, 2, 3, 4);
    const expected = [[4, 3, 1], [3, 1], [3], []];
    for (const [i, page] of [2, 4, 1, 3].entries()) {
      const block = kit.find(page);
      remove(kit, block);
      expect(kit.pages('flush')).toEqual(expected[i]);
      expect(kit.oldest(block)).toBe(0);
      expect(kit.findings()).toEqual([]);
    }
    expect([kit.val('flushFirst'), kit.val('flushLast')]).toEqual([NIL, NIL]);
  });

  it.each(['flushHp', 'oldestHp'] as const)('%s steps to the predecessor', (hp) => {
    const kit = new PoolKit();
    kit.dirty(1, 2, 3);
    kit.set(hp, kit.find(1));
    remove(kit, kit.find(1));
    expect(kit.val(hp)).toBe(kit.find(2));
    remove(kit, kit.find(3));
    expect(kit.val(hp)).toBe(kit.find(2));
    remove(kit, kit.find(2));
    expect(kit.val(hp)).toBe(NIL);
  });

  it('wants the block mutex', () => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    expect(() => bufFlushRemove(kit.thr, kit.inst, block)).toThrow(/block mutex must be held/);
  });
});

describe('oldest_modification_approx', () => {
  it('is the smallest of the tails, and 0 when nothing is dirty', () => {
    const kit = new PoolKit({ instances: 3 });
    expect(oldestModificationApprox(kit.thr, kit.pool)).toBe(0);
    for (let p = 640; p >= 0; p -= 64) kit.dirty(p);
    expect(oldestModificationApprox(kit.thr, kit.pool)).toBe(8192);
    const first = kit.pool.instances
      .map((i) => kit.mem[i.at + BUF_POOL.at.flushLast])
      .find((b) => b !== NIL && kit.oldest(b) === 8192) as number;
    const inst = kit.pool.instances[kit.of(first, 'instance')];
    mutexEnter(kit.thr, first + MUTEX_AT);
    bufFlushRemove(kit.thr, inst, first);
    mutexExit(kit.thr, first + MUTEX_AT);
    expect(oldestModificationApprox(kit.thr, kit.pool)).toBe(8192 + 64);
  });
});
