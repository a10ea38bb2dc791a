/**
 * Where each live block was asked for and, once free, where it was freed: an ORIGIN record beside the memory per 64
 * bytes of it, so that no stray write into a block can damage what is known about it. Planned on demand; without it
 * these functions do nothing.
 */
import type { Thread } from '../sync/thread.ts';
import type { AllocSite } from './site.ts';

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
