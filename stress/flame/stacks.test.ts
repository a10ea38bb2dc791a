import { describe, expect, it } from 'vitest';
import { samplesOf, trimProfile } from './cpu-profile.ts';
import { threadStacks } from './stacks.ts';
import { renderSummary, spent, topFunctions } from './summary.ts';
import { handMade, SRC } from './test-kit.ts';

const GET = `get@${SRC}/a.js:1`;
const HASH = `find@${SRC}/hash.js:5`;
const LIST = `find@${SRC}/list.js:9`;
const PLACE = `${SRC}/sync/park-sites.js`;

/** Stacks as text with their times. */
function timed(samples: readonly (readonly [string, number])[], after = 0): Record<string, number> {
  const { stacks, totalUs } = threadStacks('t', handMade(samples, after));
  return Object.fromEntries(
    stacks.map((s, i) => [s.frames.map((f) => `${f.name}:${f.line}`).join(' '), totalUs[i]]),
  );
}

describe('samples', () => {
  it('last until the next one, and the last until the end', () => {
    const profile = handMade([[GET, 300], [HASH, 200], [GET, 700]], 50); // prettier-ignore
    expect(samplesOf(profile).map((s) => [s.at, s.us])).toEqual([[1300, 200], [1500, 700], [2200, 50]]); // prettier-ignore
  });

  it('that were noted late are put in order', () => {
    const profile = handMade([[GET, 0], [HASH, 1000], [LIST, -400], [GET, 900]], 100); // prettier-ignore
    const samples = samplesOf(profile);
    expect(samples.map((s) => s.at)).toEqual([1000, 1600, 2000, 2500]);
    expect(samples.map((s) => s.us)).toEqual([600, 400, 500, 100]);
    expect(timed([[GET, 0], [HASH, 1000], [LIST, -400], [GET, 900]], 100)).toEqual({ 'get:1': 700, 'find:9': 400, 'find:5': 500 }); // prettier-ignore
  });

  it('outside the measured time are left out', () => {
    const profile = handMade([[GET, 0], [HASH, 1000], [LIST, 1000], [GET, 1000]], 1000); // prettier-ignore
    const trimmed = trimProfile(profile, { from: 1500, to: 3500 });
    expect(samplesOf(trimmed).map((s) => [s.at, s.us])).toEqual([[2000, 1000], [3000, 500]]); // prettier-ignore
    expect([trimmed.startTime, trimmed.endTime]).toEqual([1500, 3500]);
    expect(trimProfile(profile, { from: 0, to: Infinity }).samples).toEqual(profile.samples);
    expect(trimProfile(profile, { from: 9000, to: 9500 }).samples).toEqual([]);
  });
});

describe('stacks', () => {
  it('keep recursion and tell functions of one name apart', () => {
    expect(
      timed([[`${GET} ${GET} ${HASH}`, 0], [`${GET} ${HASH}`, 100], [`${GET} ${LIST}`, 100], [`${GET} ${HASH}`, 100]], 100), // prettier-ignore
    ).toEqual({ 'get:1 get:1 find:5': 100, 'get:1 find:5': 200, 'get:1 find:9': 100 });
  });

  it('begin with the work: not with Node, the pool, or the entry of the worker', () => {
    const entry =
      'onMessage@/lab/node_modules/piscina/dist/worker.js:9 session@/lab/dist/workers/session.js:3';
    expect(timed([[`emit@node:events:1 ${entry} ${GET} read@node:fs:5 read`, 0]], 10)).toEqual({
      'get:1 read:5 read:0': 10,
    });
    expect(timed([['emit@node:events:1 (garbage collector)', 0]], 10)).toEqual({
      'emit:1 (garbage collector):0': 10,
    });
  });

  it('end where the thread waits, whatever that place is made of', () => {
    const park = `park@${SRC}/sync/park.js:3 parkAt@${PLACE}:2 park_os_memory@${PLACE}:7`;
    const spin = `spinRound@${SRC}/sync/park.js:1 spin_os_memory@${PLACE}:8`;
    expect(timed([[`${GET} ${park} wait`, 0], [`${GET} ${spin} pauseOnce@${PLACE}:1`, 10], [`${GET} ${spin}`, 10]], 10)).toEqual({ 'get:1 park_os_memory:7': 10, 'get:1 spin_os_memory:8': 20 }); // prettier-ignore
  });

  it('tell working, waiting, sleeping and idling apart', () => {
    const profile = handMade(
      [
        [GET, 0],
        [`${GET} park_os_memory@${PLACE}:7`, 100],
        [`${GET} spin_hash_table_locks@${PLACE}:8`, 200],
        [`${GET} sleepUs@${SRC}/layout/clock.js:3`, 50],
        [`${GET} idle_event_wait@${PLACE}:9`, 25],
        ['(idle)', 5],
        [`${GET} parked@${SRC}/a.js:4`, 10],
      ],
      40,
    );
    const stacks = threadStacks('t', profile);
    expect(stacks.stacks.map((s) => [s.doing, s.latch])).toEqual([
      ['work', ''],
      ['wait', 'os_memory'],
      ['wait', 'hash_table_locks'],
      ['sleep', ''],
      ['idle', ''],
      ['idle', ''],
      ['work', ''],
    ]);
    const { waitUs, ...rest } = spent(stacks);
    expect(rest).toEqual({ thread: 't', spanUs: 430, workUs: 140, sleepUs: 25, idleUs: 15 });
    expect([...waitUs]).toEqual([['os_memory', 200], ['hash_table_locks', 50]]); // prettier-ignore
    expect(topFunctions([stacks])[0]).toEqual({ name: 'park_os_memory  park-sites.js', us: 200 });
    const text = renderSummary([stacks]);
    expect(text).toMatch(/^ +thread +working +os_memory +hash_table_locks +other latches +asleep +idle$/m);
    expect(text).toMatch(/^ +t +32.6 % +46.5 % +11.6 % +5.8 % +3.5 %$/m);
  });

  it('know a worker that waits for its next task as idle, whatever has led there', () => {
    const pool = '/lab/node_modules/piscina/dist/worker.js';
    const profile = handMade([[`processTicks@node:internal:9 onMessage@${pool}:168 atomicsWaitLoop@${pool}:125 wait`, 0]], 10); // prettier-ignore
    const stacks = threadStacks('t', profile);
    expect(stacks.stacks.map((s) => s.doing)).toEqual(['idle']);
    expect(spent(stacks)).toMatchObject({ workUs: 0, idleUs: 10 });
  });

  it('follow each other in time, neighbours joined', () => {
    const { runs, stacks } = threadStacks('t', handMade([[GET, 0], [GET, 10], [HASH, 10], [GET, 10]], 10)); // prettier-ignore
    expect(runs).toEqual([
      { stack: 0, us: 20 },
      { stack: 1, us: 10 },
      { stack: 0, us: 10 },
    ]);
    expect(stacks).toHaveLength(2);
  });
});
