/**
 * What a thread of the run is to the code that it runs: its record in the arena, its number, its clock.
 *
 * The object holds nothing that another thread needs; whatever others may want to see is written to the record.
 * Every function that takes a latch gets the thread as its first argument.
 */
import type { Clock } from '../layout/clock.ts';
import { CONTROL, MAX_HELD, MAX_MEMO, THREAD } from '../layout/thread.ts';
import { Rng } from '../layout/rng.ts';

const { held: HELD, waits: WAITS, op: OP_AT, memo: MEMO } = THREAD.at;
const { kind: KIND, node: NODE, label: LABEL, progress: PROGRESS } = THREAD.at;
const { waitFor: WAIT_FOR, waitWord: WAIT_WORD } = THREAD.at;
const { stop: STOP, abort: ABORT } = CONTROL.at;

/** The run was aborted (by the watchdog or a second Ctrl-C) while this thread waited. */
export class RunAborted extends Error {
  constructor() {
    super('the run was aborted while this thread waited');
    this.name = 'RunAborted';
  }
}

/** Modes of a held-list entry, in the two low bits of the latch's address. */
export const MODE = { mutex: 0, s: 1, sx: 2, x: 3 } as const;
export const MODE_MASK = 3;

export const THREAD_KIND = { unused: 0, main: 1, session: 2, cleaner: 3, other: 4 } as const;

export interface ThreadOptions {
  readonly mem: Int32Array;
  /** Word address of the THREAD record. */
  readonly at: number;
  /** Word address of CONTROL, and of SYSVARS. */
  readonly control: number;
  readonly sysvars: number;
  /** From 1; below 2^30. */
  readonly id: number;
  readonly kind: number;
  readonly label?: number;
  readonly node: number;
  readonly clock: Clock;
  readonly seed: number;
  /** Latch-order checking. */
  readonly checked: boolean;
}

function tooManyHeld(id: number): Error {
  return new Error(`thread ${id} holds more than ${MAX_HELD} latches`);
}

/** How long a waiter sleeps before it looks whether the run was aborted, ms. Long enough to cost nothing. */
const WAIT_SLICE_MS = 500;

export class Thread {
  readonly mem: Int32Array;
  /** The same memory as bytes, and as pairs of words that hold one number. */
  readonly u8: Uint8Array;
  readonly f64: Float64Array;
  readonly at: number;
  readonly control: number;
  readonly sysvars: number;
  readonly id: number;
  /** Mutex word of this thread as owner. */
  readonly owned: number;
  readonly node: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly checked: boolean;
  /** First word of the wait statistics: rows of 8 words by latch class. */
  readonly waits: number;
  /** Word of the operation code. */
  readonly op: number;
  readonly memo: number;
  readonly waitSliceMs = WAIT_SLICE_MS;
  /** Time of the present statement in clock ticks: page accesses take it from here, so that a hit reads no clock. */
  nowTicks: number;
  /** First row of this thread's counters about pool instances (POOL_STAT); set by the engine. */
  poolStats = 0;
  /** Its node's row of NUMA_TOPOLOGY; 0: all other nodes are at distance 21. Set by the engine. */
  distances = 0;
  /** Why the node was chosen on which it maps pages of the heap now (PLACED of os-memory.ts), for numastat. */
  heapPlaced = 0;
  /** Pages of the heap that it has mapped on a node other than the wanted one, not yet counted as foreign there. */
  heapForeign = 0;
  /** Whether the fault plan refused its last request to the heap that was looked at: then no other node is asked. */
  heapRefused = false;
  /** PSI_THREAD record: whom this thread's memory is counted for; 0: nobody. Set by psiAttach and psiFollow. */
  psi = 0;
  /** Its number: the thread's own id, or that of the session which the thread works for. Blocks carry it as owner. */
  psiId: number;
  /** `current_thd`: the THD record of the session that this thread works for; 0: none. Set by thdStoreGlobals. */
  thd = 0;
  /** Second result of psiMemoryAlloc and psiMemoryClaim: the owner to store beside the key. */
  psiOwner = 0;
  /** Entries in the memo of the mini-transaction under way. */
  memoCount = 0;
  /** First word of the held list, and entries in it; get-page.ts enters a stripe there by itself. */
  readonly held: number;
  depth = 0;

  constructor(o: ThreadOptions) {
    this.mem = o.mem;
    this.u8 = new Uint8Array(o.mem.buffer);
    this.f64 = new Float64Array(o.mem.buffer);
    this.at = o.at;
    this.control = o.control;
    this.sysvars = o.sysvars;
    this.id = o.id;
    this.psiId = o.id;
    this.owned = o.id << 1;
    this.node = o.node;
    this.clock = o.clock;
    this.rng = new Rng(o.seed, o.id);
    this.checked = o.checked;
    this.waits = o.at + WAITS;
    this.op = o.at + OP_AT;
    this.memo = o.at + MEMO;
    this.held = o.at + HELD;
    this.nowTicks = o.clock.ticks();
    this.mem[o.at + KIND] = o.kind;
    this.mem[o.at + NODE] = o.node;
    this.mem[o.at + LABEL] = o.label ?? o.id;
    // The record may be that of a thread that died.
    this.mem[o.at + OP_AT] = 0;
    this.mem[o.at + WAIT_FOR] = 0;
    this.mem[o.at + WAIT_WORD] = 0;
    this.mem.fill(0, this.held, this.held + MAX_HELD);
    this.mem.fill(0, this.memo, this.memo + MAX_MEMO);
  }

  /**
   * Publishes that a latch is held or about to be asked for: its address with the mode in the low bits. Others read
   * the list up to its first 0.
   */
  hold(entry: number): void {
    const depth = this.depth;
    if (depth === MAX_HELD) throw tooManyHeld(this.id);
    this.mem[this.held + depth] = entry;
    this.depth = depth + 1;
  }

  /** Withdraws the youngest such entry. */
  unhold(entry: number): void {
    const top = this.depth - 1;
    // With an empty list this reads the word before it, which is blank and equals no entry.
    if (this.mem[this.held + top] !== entry) this.unholdBelow(entry, top);
    this.mem[this.held + top] = 0;
    this.depth = top;
  }

  private unholdBelow(entry: number, top: number): void {
    const { mem, held } = this;
    let i = top;
    while (i >= 0 && mem[held + i] !== entry) i--;
    if (i < 0) throw new Error(`thread ${this.id} releases a latch that it does not hold (entry ${entry})`);
    mem.copyWithin(held + i, held + i + 1, held + top + 1);
  }

  /** Number of held latches, and their entries from the oldest. */
  get heldCount(): number {
    return this.depth;
  }

  heldEntry(i: number): number {
    return this.mem[this.held + i];
  }

  /** Whether the latch at this address is held in any mode. */
  holds(latch: number): boolean {
    for (let i = this.depth - 1; i >= 0; i--) {
      if ((this.heldEntry(i) & ~MODE_MASK) === latch) return true;
    }
    return false;
  }

  /** Starts a statement: the time that its page accesses will carry. */
  refreshNow(): void {
    this.nowTicks = this.clock.ticks();
  }

  /** Tells the watchdog that something was done. */
  madeProgress(): void {
    this.mem[this.at + PROGRESS]++;
  }

  /** Whether sessions are asked to end. */
  stopping(): boolean {
    return Atomics.load(this.mem, this.control + STOP) !== 0;
  }

  /** @throws RunAborted when the run was given up; for loops that wait without a latch. */
  throwIfAborted(): void {
    if (Atomics.load(this.mem, this.control + ABORT) !== 0) throw new RunAborted();
  }

  /** Value of a variable in the SYSVARS record, by its offset there. */
  sysvar(offset: number): number {
    return this.mem[this.sysvars + offset];
  }
}
