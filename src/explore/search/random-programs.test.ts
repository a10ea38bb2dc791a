/** Plain search, the cut, and the cut with reduction must agree: on small programs made at random. */
import { expect, test } from 'vitest';
import { exhaust, type Exhausted, type ExhaustOptions } from './search.ts';
import {
  add,
  load,
  notify,
  type Op,
  pause,
  type Program,
  store,
  type Tiny,
  TinyEngine,
  wait,
} from './test-kit.ts';

const PROGRAMS = 150;
const MOST = 20_000;
const SHARED_WORDS = 2;

class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed;
  }
  below(n: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) | 0;
    return (this.state >>> 10) % n;
  }
}

type Line = (local: string) => Op;

function line(r: Random, t: number): Line {
  const word = r.below(3) === 0 ? SHARED_WORDS + t : r.below(SHARED_WORDS);
  const value = 1 + r.below(2);
  switch (r.below(9)) {
    case 0:
    case 1:
      return (local) => store(word, value, local);
    case 2:
    case 3:
      return (local) => load(word, local);
    case 4:
      return (local) => pause(local);
    case 5:
      return (local) => wait(word, 0, value === 1 ? 5 : Infinity, local);
    case 6:
      return (local) => notify(word, value, local);
    default:
      return (local) => add(word, value, local);
  }
}

function program(seed: number): Tiny {
  const r = new Random(seed);
  const n = 2 + r.below(2);
  const threads = Array.from({ length: n }, (_, t) => {
    const lines = Array.from({ length: 2 + r.below(n === 2 ? 4 : 2) }, () => line(r, t));
    return function* (): Program {
      let seen = '';
      for (let i = 0; i < lines.length; i++) seen += String(yield lines[i](`${i} ${seen}`));
      return seen;
    };
  });
  return { threads, mayDie: r.below(4) === 0 ? 1 : 0, check: (m) => (m[0] === 3 ? 'word 0 is 3' : '') };
}

/** What a search has found out, with memory at the end. */
const verdict = (r: Exhausted): string =>
  [...r.findings.map((f) => f.finding.kind), ...r.outcomes.keys()].toSorted().join(' | ');

test(`${PROGRAMS} programs: outcomes and failures agree, for each bound`, () => {
  let compared = 0;
  let smaller = 0;
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const engine = new TinyEngine(program(seed));
    for (const bound of [0, 1, 2, Infinity]) {
      const search = (o: Omit<ExhaustOptions, 'bound'>): Exhausted =>
        exhaust(engine, { bound, maxExecutions: MOST, ...o });
      const plain = search({ cut: false });
      if (!plain.complete) continue;
      const cut = search({ cut: true, reduce: false });
      const reduced = search({ cut: true });
      expect(verdict(cut), `program ${seed}, bound ${bound}, cut`).toBe(verdict(plain));
      expect(verdict(reduced), `program ${seed}, bound ${bound}, reduced`).toBe(verdict(plain));
      compared++;
      if (reduced.states < cut.states && cut.executions < plain.executions) smaller++;
    }
  }
  expect(compared).toBeGreaterThan(PROGRAMS * 3);
  expect(smaller).toBeGreaterThan(PROGRAMS / 2);
});
