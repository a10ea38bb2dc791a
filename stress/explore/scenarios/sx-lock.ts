/** Scenarios for the sx-lock (src/sync/sx-lock.ts) whose threads follow a program: a list of steps. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { SX_LOCK } from '../../../src/layout/latches.ts';
import { sxSLock, sxSUnlock, sxSxLock, sxSxUnlock, sxXLock, sxXUnlock } from '../../../src/sync/sx-lock.ts';
import {
  change,
  changeBesideReaders,
  checkData,
  checkNothingHeld,
  checkSxFree,
  DATA_WORDS,
  look,
} from '../guarded.ts';
import { checkCount, Kit } from '../kit.ts';

export type SxKit = Kit<'lock' | 'data'>;

/** What a thread does: takes a mode, releases one, works. */
type Step = 'S' | 'SX' | 'X' | '-S' | '-SX' | '-X' | 'look' | 'beside' | 'change';
type Program = readonly Step[];

function follow(ctx: Ctx<SxKit>, program: Program): void {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  for (let i = 0; i < program.length; i++) {
    switch (program[i]) {
      case 'S':
        sxSLock(thr, at.lock);
        break;
      case 'SX':
        sxSxLock(thr, at.lock);
        break;
      case 'X':
        sxXLock(thr, at.lock);
        break;
      case '-S':
        sxSUnlock(thr, at.lock);
        break;
      case '-SX':
        sxSxUnlock(thr, at.lock);
        break;
      case '-X':
        sxXUnlock(thr, at.lock);
        break;
      case 'look':
        look(mem, at.data);
        break;
      case 'beside':
        changeBesideReaders(mem, at.data);
        break;
      case 'change':
        change(mem, at.data);
        break;
    }
  }
}

/** What every scenario about one sx-lock has. */
export const sxParts = {
  memory: 0,
  onWrite: (_mem: Int32Array, _kit: SxKit, _word: number, value: number) =>
    checkCount('the number of SX holds', value),
  watched: (word: number, kit: SxKit) => word === kit.at.lock + SX_LOCK.at.sxRecursive,
  words: (word: number, kit: SxKit) => kit.words(word),
  holders: (_mem: Int32Array, kit: SxKit) => kit.holders(),
} as const;

/** An arena with one lock. */
export const sxKit = (threads: number, spinLoops = 0): SxKit =>
  new Kit({ threads, spinLoops, place: { lock: SX_LOCK, data: DATA_WORDS } });

/** At the end: so many changes, and the lock as it was. */
export function checkSx(mem: Int32Array, kit: SxKit, changes: number, beside: number): void {
  checkData(mem, kit.at.data, changes, beside);
  checkSxFree(mem, kit.at.lock);
  checkNothingHeld(kit);
}

function sxScenario(name: string, doc: string, programs: readonly Program[], spinLoops = 0): Scenario<SxKit> {
  const steps = programs.flat();
  const changes = steps.filter((step) => step === 'change').length;
  const beside = steps.filter((step) => step === 'beside').length;
  return {
    ...sxParts,
    name,
    doc,
    exhaustive: true,
    setup: () => sxKit(programs.length, spinLoops),
    threads: programs.map((program) => (ctx: Ctx<SxKit>) => follow(ctx, program)),
    check: (mem, kit) => checkSx(mem, kit, changes, beside),
  };
}

const S: Program = ['S', 'look', '-S'];
const SX: Program = ['SX', 'beside', '-SX'];
const X: Program = ['X', 'change', 'beside', '-X'];
const MODES = [
  ['s', S],
  ['sx', SX],
  ['x', X],
] as const;

/** Every choice of modes for 2 and for 3 threads: sx-lock-s-s, sx-lock-s-sx ... sx-lock-x-x-x. */
function mixes(): Scenario<SxKit>[] {
  const found: Scenario<SxKit>[] = [];
  const doc = 'Do the modes of the sx-lock exclude what they must, and does everybody get in?';
  for (const [i, [a, first]] of MODES.entries()) {
    for (const [j, [b, second]] of MODES.entries()) {
      if (j < i) continue;
      found.push(sxScenario(`sx-lock-${a}-${b}`, doc, [first, second]));
      for (const [c, third] of MODES.slice(j)) {
        found.push(sxScenario(`sx-lock-${a}-${b}-${c}`, doc, [first, second, third]));
      }
    }
  }
  return found;
}

const AGAIN = 'Does the second round find the lock as the first did?';
const SPIN = 'Do spinning threads see the release?';
const RECURSION = 'Do recursive holds count, and end with the last release?';

export const scenarios: readonly Scenario<SxKit>[] = [
  ...mixes(),
  sxScenario('sx-lock-x-x-2x2', AGAIN, [
    [...X, ...X],
    [...X, ...X],
  ]),
  sxScenario('sx-lock-s-x-2x2', AGAIN, [
    [...S, ...S],
    [...X, ...X],
  ]),
  sxScenario('sx-lock-sx-x-2x2', AGAIN, [
    [...SX, ...SX],
    [...X, ...S],
  ]),
  sxScenario('sx-lock-spin-s-x', SPIN, [S, X], 2),
  sxScenario('sx-lock-spin-s-sx-x', SPIN, [S, SX, X], 2),
  sxScenario('sx-lock-spin-x-x-x', SPIN, [X, X, X], 2),
  sxScenario('sx-lock-x-in-x', RECURSION, [
    ['X', 'change', 'X', 'change', 'X', 'change', '-X', '-X', 'change', '-X'],
    X,
  ]),
  sxScenario('sx-lock-x-in-x-reader', RECURSION, [['X', 'X', 'change', '-X', 'change', '-X'], S]),
  sxScenario('sx-lock-sx-in-sx', RECURSION, [['SX', 'SX', 'beside', '-SX', 'beside', '-SX'], SX]),
  sxScenario('sx-lock-sx-in-x', 'Is SX under X still there when X is given back first?', [
    ['X', 'change', 'SX', '-X', 'beside', '-SX'],
    S,
    SX,
  ]),
  sxScenario('sx-lock-sx-in-x-inner', 'Is X still there when SX under it is given back first?', [
    ['X', 'SX', 'change', '-SX', 'change', '-X'],
    X,
  ]),
  sxScenario(
    'sx-lock-x-in-sx',
    'Does X under SX wait for the readers inside, and keep SX after its release?',
    [['SX', 'beside', 'X', 'change', '-X', 'beside', '-SX'], S],
  ),
  sxScenario('sx-lock-x-in-sx-readers', 'Does X under SX wait for both readers?', [
    ['SX', 'X', 'change', '-X', '-SX'],
    S,
    S,
  ]),
  sxScenario('sx-lock-x-x-in-sx', 'Does a second X under SX and X count?', [
    ['SX', 'X', 'X', 'change', '-X', 'change', '-X', 'beside', '-SX'],
    SX,
  ]),
  sxScenario('sx-lock-s-in-sx', 'Does S under the own SX go through, and let the writer in after both?', [
    ['SX', 'S', 'look', 'beside', '-S', 'beside', '-SX'],
    X,
  ]),
];
