/** Scenarios for Performance Schema memory accounting (src/memory/psi*.ts): what threads count in the same statistics. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { EVENT } from '../../../src/layout/latches.ts';
import { PSI_SHARED_STAT } from '../../../src/layout/psi.ts';
import { PSI_FLAG, PSI_MEM_CNT_BIT } from '../../../src/memory/psi/psi-keys.ts';
import { psiSetConsumers, psiSetInstrument, psiSetInstrumented } from '../../../src/memory/psi/psi-setup.ts';
import * as Shared from '../../../src/memory/psi/psi-shared.ts';
import {
  type MemorySummary,
  memorySummary,
  memorySummaryByThread,
} from '../../../src/memory/psi/psi-tables.ts';
import { psiTruncate } from '../../../src/memory/psi/psi-truncate.ts';
import {
  type ConnCounter,
  Psi,
  psiAttach,
  psiDetach,
  psiInit,
  psiMemoryAlloc,
  psiMemoryClaim,
  psiMemoryFree,
  type PsiPlan,
  psiPlan,
  psiSetMemCntThd,
} from '../../../src/memory/psi/psi.ts';
import { eventSet, eventWait } from '../../../src/sync/event.ts';
import type { Thread } from '../../../src/sync/thread.ts';
import { Kit, must } from '../kit.ts';

/** `slot`: key, owner, and size of a block that goes from hand to hand. `used`: what each thread's counter was told. */
type PsiKit = Kit<'ready' | 'slot' | 'used', PsiPlan>;
interface State {
  readonly kit: PsiKit;
  readonly psi: Psi;
}
type Body = (ctx: Ctx<State>) => unknown;

// One instrument will do; the others would only make the arena larger. Collected ones are registered first.
const KEY = 2;
const KEYS = 3;
const S = PSI_SHARED_STAT.at;
const SUMS = [
  [S.allocCount, S.freeCount],
  [S.allocSize, S.freeSize],
] as const;
const CAPACITIES = [S.allocCountCapacity, S.freeCountCapacity, S.allocSizeCapacity, S.freeSizeCapacity];
const BIG = 2 ** 22;

/** A connection's counter: a word that only its thread writes, whose number is the THD. */
class Counter implements ConnCounter {
  alloc(thr: Thread, thd: number, bytes: number): void {
    thr.mem[thd] += bytes;
  }
  free(thr: Thread, thd: number, bytes: number): void {
    thr.mem[thd] -= bytes;
  }
}

function psiKit(o: { readonly globalOnly?: boolean; readonly account?: boolean }): State {
  const kit: PsiKit = new Kit({
    threads: 2,
    place: { ready: EVENT, slot: 3, used: 2 },
    plan: (planner) => psiPlan(planner, 2, { keys: KEYS, accounts: [{ user: null, host: null }] }),
  });
  const psi = new Psi(kit.extra, new Counter());
  psiInit(kit.mem, kit.extra);
  must((psi.keys[KEY].flags & PSI_FLAG.memCollect) !== 0, 'the instrument should be a collected one');
  if (o.globalOnly === true) {
    // As if it were registered so: bits of an instrument that exists, is enabled, and is counted globally only.
    kit.mem[psi.classes + KEY] = 7;
  }
  for (const thr of kit.threads) psiAttach(thr, psi, o.account === true ? { account: 0 } : {});
  return { kit, psi };
}

const rowOf = (first: number): number => first + KEY * PSI_SHARED_STAT.words;

function take({ kit, psi }: State, id: number, bytes: number): number {
  return psiMemoryAlloc(kit.threads[id], psi, KEY, bytes);
}

/** Frees a block that the thread itself allocated. */
function give({ kit, psi }: State, id: number, key: number, bytes: number, owner: number): void {
  psiMemoryFree(kit.threads[id], psi, key, bytes, owner);
}

function takeGive(ctx: Ctx<State>, bytes: number): void {
  const key = take(ctx.s, ctx.id, bytes);
  const owner = ctx.s.kit.threads[ctx.id].psiOwner;
  give(ctx.s, ctx.id, key, bytes, owner);
}

const takeGive5: Body = (ctx) => takeGive(ctx, 5);
const takeGive9: Body = (ctx) => takeGive(ctx, 9);
const take20: Body = (ctx) => take(ctx.s, ctx.id, 20);
const take30: Body = (ctx) => take(ctx.s, ctx.id, 30);

/** Publishes a block that belongs to `owner`. */
function handOver({ kit }: State, key: number, bytes: number, owner: number): void {
  const { mem, at } = kit;
  mem[at.slot] = key;
  mem[at.slot + 1] = owner;
  mem[at.slot + 2] = bytes;
  eventSet(mem, at.ready);
}

function awaitReady(ctx: Ctx<State>): Thread {
  const { kit } = ctx.s;
  const thr = kit.threads[ctx.id];
  eventWait(thr, kit.at.ready, 0, thr.waits);
  return thr;
}

function countFor(ctx: Ctx<State>): Thread {
  const { kit } = ctx.s;
  const thr = kit.threads[ctx.id];
  psiSetMemCntThd(thr, kit.at.used + ctx.id);
  return thr;
}

/** Allocates two blocks, hands one over as its own, and frees the other. */
function giveAway(ctx: Ctx<State>): void {
  const thr = countFor(ctx);
  const key = take(ctx.s, ctx.id, 40);
  handOver(ctx.s, key, 40, thr.psiOwner);
  takeGive(ctx, 9);
}

function freeOther(ctx: Ctx<State>): void {
  const { kit } = ctx.s;
  countFor(ctx);
  takeGive(ctx, 5);
  awaitReady(ctx);
  const { mem, at } = kit;
  give(ctx.s, ctx.id, mem[at.slot], mem[at.slot + 2], mem[at.slot + 1]);
}

/** The donor: its block becomes nobody's. */
function donate(ctx: Ctx<State>): void {
  const { psi } = ctx.s;
  const thr = countFor(ctx);
  const key = take(ctx.s, ctx.id, 40);
  const nobodys = psiMemoryClaim(thr, psi, key, 40, thr.psiOwner, false);
  handOver(ctx.s, nobodys, 40, thr.psiOwner);
  takeGive(ctx, 9);
}

/** The recipient: nobody's block becomes its own, and is freed, or kept. */
function receive(ctx: Ctx<State>, free: boolean): void {
  const { kit, psi } = ctx.s;
  const { mem, at } = kit;
  const thr = countFor(ctx);
  takeGive(ctx, 5);
  awaitReady(ctx);
  must(mem[at.slot] === KEY && mem[at.slot + 1] === 0, "the block is not nobody's");
  const key = psiMemoryClaim(thr, psi, mem[at.slot], 40, mem[at.slot + 1], true);
  must(key === (KEY | PSI_MEM_CNT_BIT) && thr.psiOwner === thr.id, 'the block was not claimed');
  if (free) give(ctx.s, ctx.id, key, 40, thr.psiOwner);
}

const receiveFree: Body = (ctx) => receive(ctx, true);
const receiveKeep: Body = (ctx) => receive(ctx, false);

/** Works, says so, frees two blocks that it has had before that, and goes on. */
function workOn(ctx: Ctx<State>): void {
  const { s, id } = ctx;
  takeGive(ctx, 5);
  const first = take(s, id, 9);
  const second = take(s, id, 2);
  const owner = s.kit.threads[id].psiOwner;
  eventSet(s.kit.mem, s.kit.at.ready);
  give(s, id, first, 9, owner);
  give(s, id, second, 2, owner);
  take(s, id, 7);
}

/** When the other has begun, switches it off, and truncates all tables. */
function switchTruncate(ctx: Ctx<State>): void {
  const thr = awaitReady(ctx);
  psiSetInstrumented(ctx.s.kit.mem, ctx.s.psi, 1, false);
  psiTruncate(thr, ctx.s.psi, 'global');
}

function truncateAccount(ctx: Ctx<State>): void {
  psiTruncate(ctx.s.kit.threads[ctx.id], ctx.s.psi, 'byAccount');
}

/** Works, ends, and begins anew. */
function reconnect(ctx: Ctx<State>): void {
  const { kit, psi } = ctx.s;
  const thr = kit.threads[ctx.id];
  takeGive(ctx, 9);
  take(ctx.s, ctx.id, 7);
  psiDetach(thr, psi);
  psiAttach(thr, psi, { account: 0 });
  takeGive(ctx, 5);
}

/** Switches things off and on again. */
function switches(ctx: Ctx<State>): void {
  const { kit, psi } = ctx.s;
  awaitReady(ctx);
  psiSetInstrument(kit.mem, psi, KEY, { enabled: false });
  psiSetConsumers(kit.mem, psi, { threadInstrumentation: false });
  psiSetInstrument(kit.mem, psi, KEY, { enabled: true });
  psiSetConsumers(kit.mem, psi, { threadInstrumentation: true });
}

/** Adds to a sum near the end of its low word. */
function addToSum(ctx: Ctx<State>): void {
  Shared.sumAdd(ctx.s.kit.mem, rowOf(ctx.s.psi.plan.global) + S.allocSize, 2 ** 32 - 1 - ctx.id);
}

/** A capacity goes up, and is taken from. Returns what was got. */
function addAndTake(ctx: Ctx<State>): number {
  const { mem } = ctx.s.kit;
  const at = rowOf(ctx.s.psi.plan.global) + S.allocSizeCapacity;
  Shared.capacityAdd(mem, at, 3);
  return Shared.capacityTake(mem, at, BIG - 1);
}

function takeMore(ctx: Ctx<State>): number {
  const at = rowOf(ctx.s.psi.plan.global) + S.allocSizeCapacity;
  return Shared.capacityTake(ctx.s.kit.mem, at, BIG + 5);
}

/** What must hold at rest of any instrument: sums that were counted, capacities that are there, marks around CURRENT. */
function checkShared({ kit, psi }: State): void {
  const { mem } = kit;
  const { global, accounts } = psi.plan;
  for (const first of [global, accounts]) {
    const row = first + KEY * PSI_SHARED_STAT.words;
    for (const at of CAPACITIES) {
      must(
        mem[row + at] >= 0 && mem[row + at + 1] >= 0,
        `a capacity is ${mem[row + at]}, ${mem[row + at + 1]}`,
      );
    }
    for (const at of SUMS.flat()) must(mem[row + at + 1] >= 0, 'a sum is below 0');
  }
  const r = memorySummary(mem, psi, KEY);
  must(r.LOW_COUNT_USED <= r.CURRENT_COUNT_USED && r.CURRENT_COUNT_USED <= r.HIGH_COUNT_USED, marks(r));
  must(
    r.LOW_NUMBER_OF_BYTES_USED <= r.CURRENT_NUMBER_OF_BYTES_USED &&
      r.CURRENT_NUMBER_OF_BYTES_USED <= r.HIGH_NUMBER_OF_BYTES_USED,
    marks(r),
  );
}

function marks(r: MemorySummary): string {
  return (
    `blocks ${r.LOW_COUNT_USED} ${r.CURRENT_COUNT_USED} ${r.HIGH_COUNT_USED}, bytes ` +
    `${r.LOW_NUMBER_OF_BYTES_USED} ${r.CURRENT_NUMBER_OF_BYTES_USED} ${r.HIGH_NUMBER_OF_BYTES_USED}`
  );
}

/** Of `workOn` only the last block is in use, if it was counted. Returns the bytes allocated. */
function checkLast({ kit, psi }: State): number {
  const r = memorySummary(kit.mem, psi, KEY);
  const bytes = r.CURRENT_NUMBER_OF_BYTES_USED;
  must((bytes === 0 || bytes === 7) && r.CURRENT_COUNT_USED === bytes / 7, marks(r));
  return r.SUM_NUMBER_OF_BYTES_ALLOC;
}

interface Expected {
  /** In use at the end, by all and by each thread. */
  readonly blocks?: number;
  readonly bytes?: number;
  readonly byThread?: readonly number[];
  /** Allocated in all. */
  readonly allocated?: number;
  /** HIGH must be this at least, at most. */
  readonly high?: readonly [number, number];
  /** What the connections' counters say. */
  readonly used?: readonly number[];
}

function checkTables({ kit, psi }: State, e: Expected): void {
  const { mem, at } = kit;
  const r = memorySummary(mem, psi, KEY);
  const same = (what: string, is: number, should: number | undefined): void =>
    must(should === undefined || is === should, `${what}: ${is}, not ${should}`);
  same('blocks in use', r.CURRENT_COUNT_USED, e.blocks ?? 0);
  same('bytes in use', r.CURRENT_NUMBER_OF_BYTES_USED, e.bytes ?? 0);
  same('bytes allocated', r.SUM_NUMBER_OF_BYTES_ALLOC, e.allocated);
  const [least, most] = e.high ?? [-Infinity, Infinity];
  const high = r.HIGH_NUMBER_OF_BYTES_USED;
  must(least <= high && high <= most, `HIGH is ${high}, not from ${least} to ${most}`);
  const rows = memorySummaryByThread(mem, psi).filter((row) => row.EVENT_NAME === r.EVENT_NAME);
  e.byThread?.forEach((n, i) => same(`in use by thread ${i}`, rows[i].CURRENT_NUMBER_OF_BYTES_USED, n));
  e.used?.forEach((n, i) => same(`counter of connection ${i}`, mem[at.used + i], n));
}

function psiScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  o: Expected & {
    readonly globalOnly?: boolean;
    readonly account?: boolean;
    /** Capacity of the account and of the global bucket to rise without a new mark, bytes. */
    readonly capacity?: number;
    /** Blocks of a byte that the account saw come and go before. */
    readonly base?: number;
    readonly check?: (s: State, results: readonly unknown[]) => void;
  } = {},
): Scenario<State> {
  return {
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: true,
    setup: () => {
      const s = psiKit(o);
      const { global, accounts } = s.psi.plan;
      for (const at of SUMS.flat()) Shared.sumAdd(s.kit.mem, rowOf(accounts) + at, o.base ?? 0);
      for (const first of o.account === true ? [global, accounts] : [global]) {
        const row = rowOf(first);
        if (o.capacity === undefined) continue;
        Shared.capacityAdd(s.kit.mem, row + S.allocCountCapacity, 1);
        Shared.capacityAdd(s.kit.mem, row + S.allocSizeCapacity, o.capacity);
      }
      return s;
    },
    check: (_mem, s, results) => {
      checkShared(s);
      if (o.check === undefined) checkTables(s, o);
      else o.check(s, results);
    },
    words: (word, s) => s.kit.words(word),
    holders: (_mem, s) => s.kit.holders(),
  };
}

export const scenarios: readonly Scenario<State>[] = [
  psiScenario(
    'psi-global-only',
    'Are the numbers of an instrument that all count in exact at rest, and its marks around them?',
    [takeGive5, takeGive9],
    { globalOnly: true, allocated: 14, high: [9, 14] },
  ),
  psiScenario(
    'psi-global-capacity',
    'Is a capacity that two threads take from neither lost nor below 0?',
    [take20, take30],
    // 40 bytes of capacity: CURRENT is 50 at the end, HIGH is that or what was left over.
    { globalOnly: true, capacity: 40, blocks: 2, bytes: 50, high: [50, 50] },
  ),
  psiScenario(
    'psi-free-by-other',
    'Does a block that another thread frees leave the sums right, and both connections’ counters alone?',
    [giveAway, freeOther],
    { byThread: [40, 0], used: [40, 0], allocated: 54, high: [40, 54] },
  ),
  psiScenario(
    'psi-claim',
    'Does a block change hands through nobody, and with it what counts for it?',
    [donate, receiveFree],
    {
      byThread: [0, 0],
      used: [0, 0],
      high: [40, 134],
    },
  ),
  psiScenario(
    'psi-claim-keep',
    'Is a claimed block its recipient’s, and counted once?',
    [donate, receiveKeep],
    {
      blocks: 1,
      bytes: 40,
      byThread: [0, 40],
      used: [0, 40],
    },
  ),
  psiScenario(
    'psi-carry',
    'Do two threads’ deltas take from their account, and what is left from the global capacity, no byte twice?',
    [take20, take30],
    { account: true, capacity: 35, blocks: 2, bytes: 50, high: [70, 70] },
  ),
  psiScenario(
    'psi-truncate',
    'Is what came before a truncation gone, and what is in use still there, while its thread goes on?',
    [workOn, switchTruncate],
    {
      account: true,
      check: (s) => {
        const sum = checkLast(s);
        must(sum <= 11, `${sum} bytes allocated: the 5 from before the truncation are still there`);
      },
    },
  ),
  psiScenario(
    'psi-truncate-account',
    'Does a truncation move what a thread leaves behind, and lose nothing?',
    [reconnect, truncateAccount],
    { account: true, blocks: 1, bytes: 7, base: 3, allocated: 24, high: [12, 21] },
  ),
  psiScenario(
    'psi-reconnect',
    'Do two threads that end at once leave all they had in their account?',
    [reconnect, reconnect],
    {
      account: true,
      blocks: 2,
      bytes: 14,
      allocated: 42,
    },
  ),
  psiScenario(
    'psi-switch',
    'Is all that was counted counted out again, whatever is switched off meanwhile?',
    [workOn, switches],
    {
      check: (s) => void checkLast(s),
    },
  ),
  psiScenario('psi-sum-carry', 'Does a sum carry into its high word once?', [addToSum, addToSum], {
    check: (s) => {
      const sum = Shared.sumOf(s.kit.mem, rowOf(s.psi.plan.global) + S.allocSize);
      must(sum === 2 ** 33 - 3, `the sum is ${sum}`);
    },
  }),
  psiScenario(
    'psi-capacity-units',
    'Do units of a capacity that are broken up or put together keep their number?',
    [addAndTake, takeMore],
    {
      capacity: 2 * BIG - 1,
      check: (s, results) => {
        const left = Shared.capacityOf(s.kit.mem, rowOf(s.psi.plan.global) + S.allocSizeCapacity);
        const [one, two] = results as number[];
        must(left + one + two === 2 * BIG + 2, `${one} and ${two} taken, ${left} left`);
      },
    },
  ),
];
