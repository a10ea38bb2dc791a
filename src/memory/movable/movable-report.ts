/** What a movable heap and its defragmenter have done: as numbers, and as text for reports. */
import { MOVABLE_HEAP } from '../../layout/movable.ts';
import { WORD_BYTES } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { fragmentation, MILLION } from './defragmenter.ts';
import type { MovableHeap } from './movable-plan.ts';

const H = MOVABLE_HEAP.at;

/** What the defragmenter has done, and how the heap is; exact at rest. Sizes in bytes, headers included. */
export interface MovableStats {
  readonly blocks: number;
  readonly areas: number;
  readonly usedBytes: number;
  readonly freeBytes: number;
  readonly parkedBytes: number;
  readonly parkedRuns: number;
  /** 0 to 1: now; when the last compaction began; when the last sweep came to its end. */
  readonly ratio: number;
  readonly ratioBefore: number;
  readonly ratioAfter: number;
  readonly passes: number;
  readonly moves: number;
  readonly movedBytes: number;
  readonly evacuations: number;
  readonly parkings: number;
  readonly reclaims: number;
  readonly deferredPinned: number;
  readonly deferredLocked: number;
  readonly deferredRoom: number;
  readonly allocs: number;
  readonly frees: number;
  readonly failures: number;
  readonly areasMapped: number;
  readonly areasUnmapped: number;
}

/** Reads them. Takes the structure's mutex. */
export function movableStats(thr: Thread, heap: MovableHeap): MovableStats {
  const { mem } = thr;
  const at = heap.at;
  mutexEnter(thr, at + H.mutex);
  const stats: MovableStats = {
    blocks: mem[at + H.liveBlocks],
    areas: mem[at + H.areas],
    usedBytes: mem[at + H.usedWords] * WORD_BYTES,
    freeBytes: mem[at + H.freeWords] * WORD_BYTES,
    parkedBytes: mem[at + H.parkedWords] * WORD_BYTES,
    parkedRuns: mem[at + H.parkedRuns],
    ratio: fragmentation(mem, heap),
    ratioBefore: mem[at + H.ratioBefore] / MILLION,
    ratioAfter: mem[at + H.ratioAfter] / MILLION,
    passes: mem[at + H.passes],
    moves: mem[at + H.moves],
    movedBytes: getU53(mem, at + H.movedBytes),
    evacuations: mem[at + H.evacuations],
    parkings: mem[at + H.parkings],
    reclaims: mem[at + H.reclaims],
    deferredPinned: mem[at + H.deferredPinned],
    deferredLocked: mem[at + H.deferredLocked],
    deferredRoom: mem[at + H.deferredRoom],
    allocs: mem[at + H.allocs],
    frees: mem[at + H.frees],
    failures: mem[at + H.failures],
    areasMapped: mem[at + H.mapped],
    areasUnmapped: mem[at + H.unmapped],
  };
  mutexExit(thr, at + H.mutex);
  return stats;
}

const percent = (ratio: number): string => `${(ratio * 100).toFixed(1)} %`;

/** Lines for a report. */
export function movableText(s: MovableStats): string {
  const lines = [
    [
      'blocks',
      `${s.blocks} in ${s.usedBytes} bytes, ${s.areas} areas (${s.areasMapped} mapped, ${s.areasUnmapped} given back)`,
    ],
    ['free', `${s.freeBytes} bytes, fragmentation ${percent(s.ratio)}`],
    [
      'parked',
      `${s.parkedRuns} old places in ${s.parkedBytes} bytes; ${s.parkings} in all, ${s.reclaims} freed`,
    ],
    ['calls', `${s.allocs} allocations, ${s.failures} refused, ${s.frees} frees`],
    [
      'moves',
      `${s.moves} blocks of ${s.movedBytes} bytes in ${s.passes} passes, ${s.evacuations} of them out of the way`,
    ],
    [
      'put off',
      `${s.deferredPinned} pinned, ${s.deferredLocked} being written, ${s.deferredRoom} for want of room`,
    ],
    ['last', `fragmentation ${percent(s.ratioBefore)} before compaction, ${percent(s.ratioAfter)} after`],
  ];
  return lines.map(([name, text]) => `${name.padEnd(10)} ${text}`).join('\n');
}
