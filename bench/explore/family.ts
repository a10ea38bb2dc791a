/** The family `explore`: how fast interleavings are explored, and whether the targets are met. */
import { type BenchCase, family } from '../core/case.ts';
import {
  conformanceCase,
  exhaustCase,
  linearizabilityCase,
  raceCase,
  rateCase,
  replayCase,
  transformCases,
} from './cases.ts';
import { concludeExplore } from './targets.ts';

/** A pool test of three threads with some 400 steps, plain accesses included; and one of some 200 points, 1,500 steps. */
const POOL = 'pool-latch-modes';
const LARGE_POOL = 'pool-3-threads';
const SECONDS = { full: 2, quick: 0.5 } as const;

/** Scenarios whose interleavings are all explored, by what the target calls them. */
export const EXHAUSTIVE = [
  'latch-3x2',
  'mutex-3x2',
  'sx-lock-s-s-s',
  'sx-lock-s-s-sx',
  'sx-lock-s-s-x',
  'sx-lock-s-sx-sx',
  'sx-lock-s-sx-x',
  'sx-lock-s-x-x',
  'sx-lock-sx-sx-sx',
  'sx-lock-sx-sx-x',
  'sx-lock-sx-x-x',
  'sx-lock-x-x-x',
  'event-2x2',
  'pool-free-list',
  'pool-fetch-evict',
] as const;

/** Takes longer than all others together: not for a first look. */
const LARGEST = 'pool-fetch-evict';

export const exploreFamily = family({
  name: 'explore',
  doc: 'How fast interleavings are explored: schedules, steps, whole state spaces, transform, oracles.',
  options: [],
  rounds: { full: 5, quick: 1 },
  cases: (_parsed, { quick }): BenchCase[] => {
    const s = quick ? SECONDS.quick : SECONDS.full;
    return [
      rateCase('1', 'latch-2x1', { strategy: 'random' }, s, 'schedules'),
      rateCase('1', 'latch-2x1', { strategy: 'pct', parameter: 3 }, s, 'schedules'),
      rateCase('1', 'mutex-2x1', { strategy: 'random' }, s, 'schedules'),
      rateCase('2', POOL, { strategy: 'random' }, s, 'schedules'),
      rateCase('2', POOL, { strategy: 'pct', parameter: 3 }, s, 'schedules'),
      rateCase('3', LARGE_POOL, { strategy: 'random' }, s, 'steps'),
      rateCase('3', LARGE_POOL, { strategy: 'pct', parameter: 3 }, s, 'steps'),
      ...EXHAUSTIVE.filter((name) => !quick || name !== LARGEST).map((name) =>
        exhaustCase('4', name, 120_000),
      ),
      replayCase('8', LARGE_POOL, quick ? 200 : 1000),
      raceCase('10', POOL, quick ? 100 : 400),
      raceCase('10', LARGE_POOL, quick ? 25 : 100),
      linearizabilityCase('11', quick ? 300 : 1000),
      ...transformCases('13'),
      conformanceCase('14'),
    ];
  },
  conclude: concludeExplore,
});
