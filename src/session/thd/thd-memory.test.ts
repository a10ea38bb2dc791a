import { describe, expect, it } from 'vitest';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import {
  PREPARED_STATEMENT,
  TEMPTABLE_BLOCK,
  THD,
  USER_VAR_ENTRY,
  USER_VAR_EVENT,
} from '../../layout/session.ts';
import { getU53 } from '../../layout/words.ts';
import { memRootAllocatedSize } from '../../memory/mem-root/mem-root-state.ts';
import { MEM_KEY } from '../../memory/psi/psi-keys.ts';
import { memorySummaryByThread } from '../../memory/psi/psi-tables.ts';
import { MAX_ALLOWED_PACKET } from './thd-buffers.ts';
import { preparedStatementRoot } from './thd-prepared.ts';
import { userVarEventsRestore, userVarEventsSwap } from './mem-root-guard.ts';
import * as M from './thd-memory.ts';
import { mainMemRootOf } from './thd-root.ts';
import { tempTableBlockSize } from './thd-temptable.ts';
import { oneSession } from './thd-test-kit.ts';
import * as S from './thd.ts';

const T = THD.at;
/** Headers that are counted: of my_malloc, and of a MEM_ROOT's block. */
const MY = 32;
const ROOT = MY + 16;
/** What a connection has from the start: net.buff, which does not count for the limits, and packet, which does. */
const NET = 16_391 + MY;
const PACKET = 16_392 + MY;
const MIB = 2 ** 20;

describe('memory of a connection', () => {
  it('net.buff and packet have net_buffer_length bytes; all is gone at the end', () => {
    const { s, thr, thd } = oneSession();
    expect([s.bytes(MEM_KEY.netBuff), s.bytes(MEM_KEY.stringValue), s.used(thd)]).toEqual([
      NET,
      PACKET,
      PACKET,
    ]);
    expect(s.threadMemory(s.psiId(0))).toMatchObject({
      CONTROLLED_MEMORY: PACKET,
      TOTAL_MEMORY: NET + PACKET,
    });
    expect(s.global()).toBe(PACKET);
    expect(s.liveBlocks()).toBe(2);
    s.close(thr, thd);
    expect([s.liveBlocks(), s.used(thd), s.global(), s.defects()]).toEqual([0, 0, 0, []]);
  });

  it('net.buff grows by whole 4 KiB, stays so, and ends at max_allowed_packet', () => {
    const { s, thr, thd, env, mem, end } = oneSession();
    const net = () => s.bytes(MEM_KEY.netBuff) - MY;
    expect([M.thdNetBuff(thr, env, thd, 16_384), net()]).toEqual([true, 16_391]);
    expect([M.thdNetBuff(thr, env, thd, 16_385), net()]).toEqual([true, 20_487]);
    end();
    expect(net()).toBe(20_487);
    expect(M.thdNetBuff(thr, env, thd, MAX_ALLOWED_PACKET)).toBe(false);
    expect(S.thdErrorText(mem, thd)).toBe("Got a packet bigger than 'max_allowed_packet' bytes");
    expect(mem[thd + T.stmtError]).toBe(1153);
    // Nothing of it counts for the limits.
    expect(s.used(thd)).toBe(PACKET);
  });

  it('packet grows for a long row and shrinks again after the statement', () => {
    const { s, thr, thd, env, more, end } = oneSession();
    expect(M.thdPacket(thr, env, thd, 16_384)).toBe(true);
    expect(more()).toBe(0);
    expect(M.thdPacket(thr, env, thd, 100_000)).toBe(true);
    expect(more()).toBe(100_008 - 16_392);
    end();
    expect([more(), s.defects()]).toEqual([0, []]);
    // Where there is no memory to shrink, it stays large.
    M.thdPacket(thr, env, thd, 100_000);
    s.failing(thr, { failNext: 1 });
    end();
    expect(more()).toBe(100_008 - 16_392);
    end();
    expect(more()).toBe(0);
  });

  it('a seat whose last connection left something is refused', () => {
    const { s, thr, thd, env } = oneSession();
    S.thdEnd(thr, thd);
    S.thdInit(thr, thd, { sessionId: 9, privileges: 0 });
    expect(() => M.thdConnectMemory(thr, env, thd)).toThrow(/memory of the last connection/);
    s.close(thr, thd);
    expect(s.liveBlocks()).toBe(0);
  });
});

describe('main_mem_root', () => {
  it('its first block has query_alloc_block_size bytes; the next is half as large again', () => {
    const { s, alloc, more } = oneSession();
    expect(more()).toBe(0);
    alloc(8000);
    expect(more()).toBe(8192 + ROOT);
    alloc(192);
    expect(more()).toBe(8192 + ROOT);
    alloc(1);
    expect(more()).toBe(8192 + 12_288 + 2 * ROOT);
    expect(s.bytes(MEM_KEY.thdMainMemRoot)).toBe(more());
    expect(s.defects()).toEqual([]);
  });

  it('keeps its block between statements, and its planned size', () => {
    const { alloc, more, end } = oneSession();
    const first = alloc(100);
    end();
    expect(more()).toBe(8192 + ROOT);
    expect(alloc(100)).toBe(first);
    alloc(8192);
    end();
    // The second block had become the current one.
    expect(more()).toBe(12_288 + ROOT);
    alloc(12_288);
    expect(more()).toBe(12_288 + ROOT);
    alloc(8);
    expect(more()).toBe(12_288 + 18_432 + 2 * ROOT);
  });

  it('is cleared after a statement that had 40,960 bytes or more: one big one costs nothing for ever', () => {
    const { mem, thd, alloc, more, end } = oneSession();
    for (const bytes of [8192, 12_288, 18_432]) alloc(bytes - 8);
    expect(memRootAllocatedSize(mem, mainMemRootOf(thd))).toBe(38_912);
    end();
    expect(more()).toBe(18_432 + ROOT);
    alloc(18_432 + 8);
    expect(memRootAllocatedSize(mem, mainMemRootOf(thd))).toBe(18_432 + 27_648);
    end();
    expect(more()).toBe(0);
    alloc(1);
    expect(more()).toBe(8192 + ROOT);
  });

  it('after a big request the statement goes on', () => {
    const { s, alloc, more, end } = oneSession();
    alloc(6_000_000);
    alloc(8);
    expect(more()).toBe(6_000_000 + 12_288 + 2 * ROOT);
    end();
    expect([more(), s.defects()]).toEqual([0, []]);
  });
});

describe('buffers of a statement', () => {
  it('the value grows as String::append has it: 8-byte steps, a quarter of the old length on top', () => {
    const { s, thr, thd, env, more, end } = oneSession();
    const value = (bytes: number) => M.thdValue(thr, env, thd, bytes);
    const p = value(100);
    expect(more()).toBe(104 + MY);
    thr.u8.fill(7, p * WORD_BYTES, p * WORD_BYTES + 100);
    expect(value(103)).toBe(p);
    const q = value(104);
    expect(more()).toBe(136 + MY);
    expect(thr.u8.subarray(q * WORD_BYTES, q * WORD_BYTES + 100).every((b) => b === 7)).toBe(true);
    expect(value(50)).toBe(q);
    // The length is 50 now.
    value(1000);
    expect(more()).toBe(1016 + MY);
    // While it grew there were two.
    const high = memorySummaryByThread(s.mem, s.kit.psi).find(
      (r) => r.THREAD_ID === s.psiId(0) && r.EVENT_NAME === 'memory/sql/String::value',
    );
    expect(high?.HIGH_NUMBER_OF_BYTES_USED).toBe(PACKET + 136 + 1016 + 2 * MY);
    end();
    expect([more(), s.mem[thd + T.valueLength], s.defects()]).toEqual([0, 0, []]);
  });

  it('sort keys: 32 KiB first, then half as much again, or what is asked for', () => {
    const { s, thr, thd, env, more, end } = oneSession();
    const sort = (bytes: number) => (M.thdSortKeys(thr, env, thd, bytes), more());
    expect([sort(1), sort(32_768), sort(32_769), sort(49_152), sort(100_000)]).toEqual([
      32_768 + MY,
      32_768 + MY,
      49_152 + MY,
      49_152 + MY,
      100_000 + MY,
    ]);
    expect(s.bytes(MEM_KEY.filesortBufferSortKeys)).toBe(100_000 + MY);
    for (const bytes of [3000, 5000, 4000]) M.thdUniqueBuffer(thr, env, thd, bytes);
    expect(s.bytes(MEM_KEY.uniqueSortBuffer)).toBe(5000 + MY);
    expect(more()).toBe(105_000 + 2 * MY);
    end();
    expect([more(), s.defects()]).toEqual([0, []]);
  });
});

describe('internal temporary tables', () => {
  it.each([
    [0, 8, MIB],
    [1, 8, 2 * MIB],
    [3, 8, 8 * MIB],
    [9, 8, 512 * MIB],
    [30, 8, 512 * MIB],
    [0, MIB, MIB + 32],
    [30, 600 * MIB, 600 * MIB + 32],
  ])('block %i for a chunk of %i bytes has %i', (number, chunk, bytes) => {
    expect(tempTableBlockSize(number, chunk)).toBe(bytes);
  });

  it('blocks double; chunks have 8 bytes in front, the block 32', () => {
    const { s, thr, thd, env, mem, more, end } = oneSession();
    const take = (bytes: number) => M.thdTempTable(thr, env, thd, bytes);
    const first = take(100);
    const block = mem[thd + T.tempTable];
    expect([first - block, take(1) - first, take(8) - first]).toEqual([10, 28, 32]);
    expect(more()).toBe(MIB + MY);
    expect(getU53(mem, block + TEMPTABLE_BLOCK.at.usedChunks)).toBe(3);
    // What is left of the first block, exactly; and one chunk more.
    const left = MIB - getU53(mem, block + TEMPTABLE_BLOCK.at.firstPristine);
    expect(left).toBe(MIB - 32 - 112 - 16 - 16);
    take(left - 8);
    expect(more()).toBe(MIB + MY);
    take(1);
    expect(more()).toBe(3 * MIB + 2 * MY);
    take(5_000_000);
    expect(more()).toBe(3 * MIB + 5_000_040 + 3 * MY);
    expect(s.bytes(MEM_KEY.temptablePhysicalRam)).toBe(more());
    end();
    expect([more(), s.defects()]).toEqual([0, []]);
  });
});

describe('user variables', () => {
  it('up to 7 bytes lie in the entry; a longer or shorter value gets a block of its length', () => {
    const { s, thr, thd, env, mem, more } = oneSession();
    const set = (name: number, bytes: number) => M.thdSetUserVar(thr, env, thd, name, bytes);
    const values = () => s.bytes(MEM_KEY.userVarEntryValue);
    const inside = set(1, 7);
    expect([values(), mem[thd + T.userVars] + USER_VAR_ENTRY.at.inside]).toEqual([0, inside]);
    const long = set(1, 100);
    expect(values()).toBe(101 + MY);
    expect(set(1, 100)).toBe(long);
    set(1, 1000);
    expect(values()).toBe(1001 + MY);
    set(1, 8);
    expect(values()).toBe(9 + MY);
    expect(set(1, 0)).toBe(inside);
    expect(values()).toBe(0);
    set(2, 50);
    set(3, 60);
    expect(s.count(mem[thd + T.userVars])).toBe(3);
    expect(s.bytes(MEM_KEY.userVarEntry)).toBe(3 * (USER_VAR_ENTRY.words * WORD_BYTES + MY));
    M.thdEndStatement(thr, env, thd);
    expect([values(), more(), s.defects()]).toEqual([51 + 61 + 2 * MY, 0, []]);
    s.close(thr, thd);
    expect([s.liveBlocks(), s.defects()]).toEqual([0, []]);
  });

  it('a statement that reads one keeps a copy for the binary log, of the value as it was then, once', () => {
    const { thr, thd, env, mem, end, more } = oneSession();
    const E = USER_VAR_EVENT.at;
    const p = M.thdSetUserVar(thr, env, thd, 1, 100);
    thr.u8.fill(7, p * WORD_BYTES, p * WORD_BYTES + 100);
    const event = M.thdUserVarEvent(thr, env, thd, 1);
    expect(more()).toBe(8192 + ROOT);
    const q = M.thdSetUserVar(thr, env, thd, 1, 3);
    thr.u8.fill(9, q * WORD_BYTES, q * WORD_BYTES + 3);
    expect(M.thdUserVarEvent(thr, env, thd, 1)).toBe(event);
    expect(mem[event + E.length]).toBe(100);
    const copy = mem[event + E.value] * WORD_BYTES;
    expect(thr.u8.subarray(copy, copy + 100).every((b) => b === 7)).toBe(true);
    // One that was never set is NULL.
    const none = M.thdUserVarEvent(thr, env, thd, 2);
    expect([mem[none + E.value], mem[none + E.length]]).toEqual([NIL, 0]);
    expect([mem[thd + T.userVarEvents], mem[none + E.next], mem[event + E.next]]).toEqual([none, event, NIL]);
    end();
    expect(mem[thd + T.userVarEvents]).toBe(NIL);
    expect(mem[M.thdUserVarEvent(thr, env, thd, 1) + E.length]).toBe(3);
  });

  it('user_var_events_alloc says on which root they lie, or that none are recorded', () => {
    const { s, thr, thd, env, mem, end } = oneSession();
    M.thdPrepareStatement(thr, env, thd, 1, 100);
    const root = preparedStatementRoot(mem, thd, 1);
    const before = userVarEventsSwap(thr, thd, root);
    expect(before).toBe(mainMemRootOf(thd));
    M.thdSetUserVar(thr, env, thd, 1, 9000);
    M.thdUserVarEvent(thr, env, thd, 1);
    expect([s.bytes(MEM_KEY.thdMainMemRoot), memRootAllocatedSize(mem, root)]).toEqual([0, 8192 + 12_288]);
    userVarEventsRestore(thr, thd, before);
    expect(userVarEventsSwap(thr, thd, NIL)).toBe(before);
    expect([M.thdUserVarEvent(thr, env, thd, 2), S.thdErrorText(mem, thd)]).toEqual([NIL, '']);
    end();
    expect(mem[thd + T.userVarEventsAlloc]).toBe(mainMemRootOf(thd));
    s.close(thr, thd);
    expect([s.liveBlocks(), s.defects()]).toEqual([0, []]);
  });
});

describe('prepared statements', () => {
  const INFRASTRUCTURE = PREPARED_STATEMENT.words * WORD_BYTES + MY;

  it('each has a block and a root of its own, until it is deallocated', () => {
    const { s, thr, thd, env, mem, more, end } = oneSession();
    const one = M.thdPrepareStatement(thr, env, thd, 1, 100);
    expect(more()).toBe(INFRASTRUCTURE + 8192 + ROOT);
    M.thdPrepareStatement(thr, env, thd, 2, 100);
    M.thdPrepareStatement(thr, env, thd, 3, 100);
    end();
    expect(more()).toBe(3 * (INFRASTRUCTURE + 8192 + ROOT));
    expect([
      s.bytes(MEM_KEY.preparedStatementInfrastructure),
      s.bytes(MEM_KEY.preparedStatementMainMemRoot),
    ]).toEqual([3 * INFRASTRUCTURE, 3 * (8192 + ROOT)]);
    // PREPARE of a name that is taken: the old one goes first.
    expect(M.thdPrepareStatement(thr, env, thd, 1, 9000)).not.toBe(NIL);
    expect(s.count(mem[thd + T.preparedStatements])).toBe(3);
    expect(more()).toBe(3 * INFRASTRUCTURE + 2 * (8192 + ROOT) + 9000 + ROOT);
    M.thdDeallocateStatement(thr, env, thd, 2);
    M.thdDeallocateStatement(thr, env, thd, 2);
    expect(s.count(mem[thd + T.preparedStatements])).toBe(2);
    expect(one).not.toBe(NIL);
    s.close(thr, thd);
    expect([s.liveBlocks(), s.defects()]).toEqual([0, []]);
  });

  it.each([0, 1])(
    'without memory there is none of that id any more, the old one included (allocation %i)',
    (k) => {
      const { s, thr, thd, env, mem, more } = oneSession();
      M.thdPrepareStatement(thr, env, thd, 1, 100);
      M.thdPrepareStatement(thr, env, thd, 2, 100);
      s.failing(thr, { failAfter: k, failNext: 1 });
      expect(M.thdPrepareStatement(thr, env, thd, 2, 100)).toBe(NIL);
      expect([s.count(mem[thd + T.preparedStatements]), preparedStatementRoot(mem, thd, 2)]).toEqual([
        1,
        NIL,
      ]);
      expect([more(), mem[thd + T.memRoot]]).toEqual([INFRASTRUCTURE + 8192 + ROOT, mainMemRootOf(thd)]);
      // An execution whose permanent part has no memory may be tried again.
      s.failing(thr, { failNext: 1 });
      expect(M.thdExecuteStatement(thr, env, thd, 1, 8, 9000)).toBe(false);
      expect(M.thdExecuteStatement(thr, env, thd, 1, 8, 9000)).toBe(true);
      expect(memRootAllocatedSize(mem, preparedStatementRoot(mem, thd, 1))).toBe(8192 + 12_288);
    },
  );

  it('an execution takes from the root in force; what the first one changes for good stays', () => {
    const { s, thr, thd, env, mem, end } = oneSession();
    const roots = () => [s.bytes(MEM_KEY.thdMainMemRoot), s.bytes(MEM_KEY.preparedStatementMainMemRoot)];
    M.thdPrepareStatement(thr, env, thd, 1, 8000);
    expect(roots()).toEqual([0, 8192 + ROOT]);
    expect(M.thdExecuteStatement(thr, env, thd, 1, 500, 1000)).toBe(true);
    expect(roots()).toEqual([8192 + ROOT, 8192 + 12_288 + 2 * ROOT]);
    for (let i = 0; i < 50; i++) {
      end();
      M.thdExecuteStatement(thr, env, thd, 1, 500, 1000);
    }
    expect(roots()).toEqual([8192 + ROOT, 8192 + 12_288 + 2 * ROOT]);
    expect(M.thdExecuteStatement(thr, env, thd, 9, 500)).toBe(false);
    expect(S.thdErrorText(mem, thd)).toBe('Unknown prepared statement handler (9) given to EXECUTE');
  });
});
