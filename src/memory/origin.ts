/**
 * Where each live block was asked for and, once free, where it was freed: an ORIGIN record beside the memory per 64
 * bytes of it, so that no stray write into a block can damage what is known about it. Planned on demand; without it
 * these functions do nothing.
 */
import type { ArenaPlanner } from '../layout/arena.ts';
import type { Thread } from '../sync/thread.ts';
import type { AllocSite } from './site.ts';

/** Where the records lie; plain data. */
export interface OriginPlan {
  readonly at: number;
}

/** Places the records of an area of `pages` pages of 4 KiB. */
export function originPlan(_planner: ArenaPlanner, _pages: number, _name: string): OriginPlan {
  return { at: 0 };
}

/** Makes them: nothing is known. The OS_MEMORY record at `os` has been made. */
export function originInit(_mem: Int32Array, _os: number, _plan: OriginPlan): void {}

/** A tracked block has been handed out. `block`: its first word, header included; `key` as stored in the header. */
export function originAlloc(
  _thr: Thread,
  _os: number,
  _block: number,
  _key: number,
  _bytes: number,
  _site: AllocSite,
): void {}

/** A tracked block is about to be freed, at `site`. */
export function originFree(_thr: Thread, _os: number, _block: number, _site: AllocSite): void {}
