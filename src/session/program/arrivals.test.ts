import { describe, expect, it } from 'vitest';
import { Rng } from '../../layout/rng.ts';
import { SESSION } from '../../layout/session.ts';
import { getU53 } from '../../layout/words.ts';
import { VirtualClock } from '../../layout/clock.ts';
import { MemoryKit } from '../../memory/test-kit.ts';
import { arrivalsBegin, arrivalsNext } from './arrivals.ts';

const { rng: RNG, nextArrivalUs: NEXT } = SESSION.at;

function makeKit() {
  const kit = new MemoryKit({ records: { session: [SESSION, 2] } });
  const clock = new VirtualClock(5000);
  const threads = [kit.thread(1, 1, clock), kit.thread(2, 1, clock)];
  const sessions = [kit.at('session'), kit.at('session') + SESSION.words];
  sessions.forEach((session, i) => {
    new Rng(7, i).save(kit.mem, session + RNG);
  });
  return { mem: kit.mem, clock, threads, sessions };
}

describe('arrivals', () => {
  it('times between two are exponential, of the rate asked for', () => {
    const { threads, sessions, mem } = makeKit();
    arrivalsBegin(threads[0], sessions[0], 500);
    let before = getU53(mem, sessions[0] + NEXT);
    expect(before).toBeGreaterThanOrEqual(5000);
    const gaps: number[] = [];
    for (let i = 0; i < 20_000; i++) {
      const due = arrivalsNext(threads[0], sessions[0], 500);
      expect(getU53(mem, sessions[0] + NEXT)).toBe(due);
      gaps.push(due - before);
      before = due;
    }
    const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
    expect(mean / 2000).toBeCloseTo(1, 1);
    // Of an exponential 1 - 1/e lie below the mean, 5 % above three times the mean, and deviation is the mean.
    expect(gaps.filter((g) => g < 2000).length / gaps.length).toBeCloseTo(1 - 1 / Math.E, 2);
    expect(gaps.filter((g) => g > 6000).length / gaps.length).toBeCloseTo(Math.exp(-3), 2);
    const deviation = Math.sqrt(gaps.reduce((a, g) => a + (g - mean) ** 2, 0) / gaps.length);
    expect(deviation / mean).toBeCloseTo(1, 1);
  });

  it('goes on on another thread, leaves the other random numbers alone, and differs by session', () => {
    const schedule = (who: (i: number) => number, session = 0): number[] => {
      const { threads, sessions, mem } = makeKit();
      const rng = [...mem.subarray(sessions[session] + RNG, sessions[session] + RNG + 4)];
      const thread = threads[0].rng.next32();
      arrivalsBegin(threads[who(0)], sessions[session], 100);
      const due = Array.from({ length: 20 }, (_, i) => arrivalsNext(threads[who(i)], sessions[session], 100));
      expect([...mem.subarray(sessions[session] + RNG, sessions[session] + RNG + 4)]).toEqual(rng);
      const { threads: fresh } = makeKit();
      expect(fresh[0].rng.next32()).toBe(thread);
      return due;
    };
    const alone = schedule(() => 0);
    expect(schedule((i) => i % 2)).toEqual(alone);
    expect(schedule(() => 0, 1)).not.toEqual(alone);
  });

  it('a session that is late finds more that is due: the schedule does not wait', () => {
    const { threads, sessions, clock, mem } = makeKit();
    arrivalsBegin(threads[0], sessions[0], 1000);
    const first = getU53(mem, sessions[0] + NEXT);
    clock.advance(100_000);
    expect(first).toBeLessThan(clock.us());
    let late = 0;
    while (arrivalsNext(threads[0], sessions[0], 1000) <= clock.us()) late++;
    expect(late).toBeGreaterThan(70);
    expect(late).toBeLessThan(130);
  });
});
