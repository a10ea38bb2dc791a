/**
 * Latch-order checking (facts B 12.1), for checked runs: the debug build's rules, per thread.
 *
 * - A class that is not `several` wants every held level strictly above its own.
 * - The others (all BUF_* classes and their like) accept an equal level: LRU mutexes of two instances, all stripes,
 *   a block mutex under another.
 * - A latch taken without waiting (nowait), or taken for an I/O (pass), is not checked: it cannot close a cycle.
 */
import { MUTEX, SX_LOCK } from '../layout/latches.ts';
import { opName } from '../layout/thread.ts';
import { LATCHES, type LatchClass } from './latch-meta.ts';
import { MODE, MODE_MASK, type Thread } from './thread.ts';

const MODE_NAMES = ['', ' S', ' SX', ' X'];

/** Class of the latch in a held-list entry. */
export function classOf(mem: Int32Array, entry: number): LatchClass {
  const at = entry & ~MODE_MASK;
  const meta = (entry & MODE_MASK) === MODE.mutex ? MUTEX.at.meta : SX_LOCK.at.meta;
  const found = LATCHES[mem[at + meta]];
  if (found === undefined) throw new Error(`word ${at} holds no latch (class ${mem[at + meta]})`);
  return found;
}

/** One latch in words: class, mode, address. */
export function describeEntry(mem: Int32Array, entry: number): string {
  const { name } = classOf(mem, entry);
  return `${name}${MODE_NAMES[entry & MODE_MASK]} @${entry & ~MODE_MASK}`;
}

export class LatchOrderError extends Error {
  constructor(thr: Thread, entry: number, why: string) {
    const held: string[] = [];
    for (let i = 0; i < thr.heldCount; i++) held.push(describeEntry(thr.mem, thr.heldEntry(i)));
    const wanted = describeEntry(thr.mem, entry);
    super(
      `latch order: thread ${thr.id} in ${opName(thr.mem[thr.op])} wants ${wanted}: ${why}; ` +
        `it holds, oldest first: ${held.join(', ') || 'nothing'}`,
    );
    this.name = 'LatchOrderError';
  }
}

/** Called before a latch is asked for in a way that may wait. */
export function checkOrder(thr: Thread, entry: number): void {
  const wanted = classOf(thr.mem, entry);
  const latch = entry & ~MODE_MASK;
  for (let i = 0; i < thr.heldCount; i++) {
    const held = thr.heldEntry(i);
    if ((held & ~MODE_MASK) === latch) {
      if (wanted.kind === 'mutex') throw new LatchOrderError(thr, entry, 'it holds this mutex already');
      const asked = entry & MODE_MASK;
      const has = held & MODE_MASK;
      // S under the caller's own SX is allowed: no X can come between, so it does not wait.
      if (asked === MODE.s && has !== MODE.sx) throw new LatchOrderError(thr, entry, 'S is not recursive');
      if (has === MODE.s) throw new LatchOrderError(thr, entry, 'an S hold cannot be raised');
      continue;
    }
    const level = classOf(thr.mem, held).level;
    if (level > wanted.level || (wanted.several && level === wanted.level)) continue;
    throw new LatchOrderError(
      thr,
      entry,
      `its level ${wanted.level} is not below ${level}, that of ${describeEntry(thr.mem, held)}`,
    );
  }
}

/** Asserts that a latch is held (any mode), in checked runs. */
export function assertHeld(thr: Thread, latch: number, what: string): void {
  if (thr.checked && !thr.holds(latch)) throw new Error(`${what} must be held by thread ${thr.id}`);
}

/** Asserts that a latch is not held, in checked runs. */
export function assertNotHeld(thr: Thread, latch: number, what: string): void {
  if (thr.checked && thr.holds(latch)) throw new Error(`${what} must not be held by thread ${thr.id}`);
}
