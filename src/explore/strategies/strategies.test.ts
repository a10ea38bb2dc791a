/** What strategies that draw promise: the same draw again, bounds, fairness, evenness, and that they find what there is. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import { draw, engineOf, labOfText } from '../engine/test-kit.ts';
import type { Running } from '../engine/strategy.ts';
import { calibrate, type Draw, drawName, makeStrategy, PORTFOLIO } from '../search/portfolio.ts';
import { traceHash } from '../report/trace-file.ts';
import type { Step } from '../types.ts';
import { lockProgram, program } from './test-kit.ts';
import { RandomStrategy } from './random.ts';
import { FAIR_AFTER, type SeededStrategy } from './seeded.ts';

const ALL: readonly Draw[] = [...PORTFOLIO, { strategy: 'pct', parameter: 2 }];
const SEEDS = 20;
const RACE = { plain: 'race', state: false } as const;

/** Threads wait with and without time-out, may die, pause, and take a lock. */
const MIXED = program(
  `function enter(m: Int32Array) { for (let i = 0; i < 3 && Atomics.compareExchange(m, 0, 0, 1) !== 0; i++) Atomics.wait(m, 0, 1, 5); }
   const t = ({ m, id }: Ctx) => {
     for (let i = 0; i < 3; i++) {
       enter(m); Atomics.add(m, 1, 1); Atomics.store(m, 0, 0); Atomics.notify(m, 0, 1);
       if (id === 1) (Atomics as any).pause();
     }
   };`,
  't, t, t',
  'mayDie: [1, 2], checkAfterDeath: () => {},',
);

/** The strategy with what it must know about the engine's scenario. */
function prepared(engine: Engine, d: Draw): SeededStrategy {
  const strategy = makeStrategy(d);
  strategy.expect(calibrate(engine));
  return strategy;
}

function stepsOf(engine: Engine, strategy: SeededStrategy, seed: number, iteration: number): Step[] {
  const steps: Step[] = [];
  strategy.seed(seed, iteration);
  engine.run(strategy, steps);
  return steps;
}

/** Order of the threads' steps, as in `aabab`. */
const orderOf = (steps: readonly Step[]): string => steps.map((s) => 'abcdefgh'[s.thread]).join('');

/** How often each order of steps was drawn. */
function orders(engine: Engine, d: Draw, schedules: number): Map<string, number> {
  const strategy = prepared(engine, d);
  const counts = new Map<string, number>();
  for (let i = 0; i < schedules; i++) {
    const order = orderOf(stepsOf(engine, strategy, 3, i));
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  return counts;
}

describe.each(ALL.map((d) => ({ d, name: drawName(d) })))('a draw of $name', ({ d }) => {
  let engine: Engine;
  let hash: (steps: readonly Step[]) => string;

  beforeAll(async () => {
    const lab = labOfText(MIXED);
    engine = await lab.engine('text', RACE);
    const sites = lab.sites(RACE);
    hash = (steps) => traceHash(steps, sites);
  });

  it('depends on seed and number alone, whatever ran before', async () => {
    const strategy = prepared(engine, d);
    const forwards = Array.from({ length: 40 }, (_, i) => hash(stepsOf(engine, strategy, 77, i)));
    const backwards = forwards.map((_, i) => hash(stepsOf(engine, strategy, 77, 39 - i))).toReversed();
    expect(backwards).toEqual(forwards);
    const elsewhere = labOfText(MIXED);
    const other = await elsewhere.engine('text', RACE);
    const alone = hash(stepsOf(other, prepared(other, d), 77, 31));
    expect(alone).toBe(forwards[31]);
  });

  it('differs from its neighbours and from those of other seeds', () => {
    const strategy = prepared(engine, d);
    for (const vary of [(i: number) => [1, i], (i: number) => [i, 1]] as const) {
      const hashes = new Set(
        Array.from({ length: 100 }, (_, i) => hash(stepsOf(engine, strategy, vary(i)[0], vary(i)[1]))),
      );
      expect(hashes.size).toBeGreaterThan(d.strategy === 'pct' ? 25 : 60);
    }
  });

  it('lets threads die and sleeps time out, at the beginning, in the middle and late', () => {
    const strategy = prepared(engine, d);
    const deaths: number[] = [];
    let timeouts = 0;
    let early = 0;
    for (let i = 0; i < 300; i++) {
      const steps = stepsOf(engine, strategy, 5, i);
      const dies = steps.filter((s) => s.kind === 'die');
      expect(dies.length).toBeLessThanOrEqual(1);
      if (dies.length === 1) {
        expect([1, 2]).toContain(dies[0].thread);
        deaths.push(steps.indexOf(dies[0]));
      }
      timeouts += steps.filter((s) => s.kind === 'timeout').length;
      early += steps.filter((s) => s.kind === 'timeout' && s.preempts).length;
    }
    expect(deaths.length).toBeGreaterThan(100);
    expect(Math.min(...deaths)).toBeLessThan(4);
    expect(Math.max(...deaths)).toBeGreaterThan(20);
    expect(timeouts).toBeGreaterThan(20);
    // Also while others could go on.
    expect(early).toBeGreaterThan(5);
  });

  it.each(['spinning', 'testAndTestAndSet', 'correct'] as const)(
    'raises no false alarm about the lock %s, however long it waits',
    async (lock) => {
      const spins = await engineOf(lockProgram(lock, 3, 3, 'maxSteps: 4000,'));
      for (let seed = 0; seed < 4; seed++) {
        const strategy = prepared(spins, d);
        for (let i = 0; i < 400; i++) {
          strategy.seed(seed, i);
          expect(spins.run(strategy).finding).toBeNull();
        }
      }
    },
  );

  it.each([
    ['countReadTooEarly', 2, ['lost-wakeup']],
    ['wokenForgetsTheThird', 3, ['lost-wakeup', 'deadlock']],
    ['neverNotified', 2, ['lost-wakeup', 'deadlock']],
  ] as const)('finds what is wrong with %s for each of 20 seeds', async (lock, threads, kinds) => {
    const wrong = await engineOf(lockProgram(lock, threads));
    const needed: number[] = [];
    for (let seed = 0; seed < SEEDS; seed++) {
      const strategy = prepared(wrong, d);
      for (let i = 0; i < 3000; i++) {
        strategy.seed(seed, i);
        const { finding } = wrong.run(strategy);
        if (finding === null) continue;
        expect(kinds).toContain(finding.kind);
        needed.push(i + 1);
        break;
      }
    }
    expect(needed).toHaveLength(SEEDS);
    // The table's medians are 6 to 19.
    expect(needed.toSorted((a, b) => a - b)[SEEDS / 2]).toBeLessThan(60);
  });
});

describe('a pause', () => {
  const LOOKS = program(
    `const a = ({ m }: Ctx) => { (Atomics as any).pause(); Atomics.load(m, 1); };
     const b = ({ m }: Ctx) => { for (let i = 0; i < 6; i++) Atomics.load(m, 0); };`,
    'a, b',
  );

  it.each(['random', 'pos', 'surw'] as const)('is seldom cut short by %s, but it is', async (strategy) => {
    const engine = await engineOf(LOOKS);
    let short = 0;
    for (const [order, n] of orders(engine, { strategy }, 1000)) {
      // The pause, the load after it, and then more of b.
      if (/a.*ab/.test(order)) short += n;
    }
    expect(short).toBeGreaterThan(10);
    expect(short).toBeLessThan(500);
  });

  it('gives way under PCT as long as nothing changes', async () => {
    const engine = await engineOf(
      program(
        `const a = ({ m }: Ctx) => { while (Atomics.load(m, 0) === 0) (Atomics as any).pause(); };
         const b = ({ m }: Ctx) => { Atomics.load(m, 9); Atomics.store(m, 0, 1); };`,
        'a, b',
      ),
    );
    const longest = [...orders(engine, { strategy: 'pct', parameter: 2 }, 300).keys()].map((o) => o.length);
    expect(Math.max(...longest)).toBeLessThan(9);
  });
});

/** Six additions by each of three threads: nobody ever has to give way. */
const ADDS = program(
  'const t = ({ m }: Ctx) => { for (let i = 0; i < 6; i++) Atomics.add(m, 0, 1); };',
  't, t, t',
);

describe('PCT', () => {
  it.each([1, 2, 3, 5])('of depth %i takes the processor away at most depth − 1 times', async (depth) => {
    const engine = await engineOf(ADDS);
    const strategy = prepared(engine, { strategy: 'pct', parameter: depth });
    const counts = new Map<number, number>();
    for (let i = 0; i < 600; i++) {
      const n = stepsOf(engine, strategy, 9, i).filter((s) => s.preempts).length;
      counts.set(n, (counts.get(n) ?? 0) + 1);
    }
    expect(Math.max(...counts.keys())).toBe(depth - 1);
  });

  it('starts with each order of the threads, and interrupts each at each point', async () => {
    const engine = await engineOf(ADDS);
    const whole = [...orders(engine, { strategy: 'pct', parameter: 1 }, 200).keys()];
    expect(whole).toHaveLength(6);
    const once = orders(engine, { strategy: 'pct', parameter: 2 }, 3000);
    // Three threads to begin with, one of two to go on with; six points at which the first, or the second, stops.
    for (let k = 1; k < 6; k++) {
      for (const [first, second] of ['ab', 'ac', 'ba', 'bc', 'ca', 'cb']) {
        const begins = first.repeat(k) + second;
        expect([...once.keys()].some((o) => o.startsWith(begins))).toBe(true);
      }
    }
  });

  it('lets a thread fall behind that has run too long, else it would wait for the others for ever', async () => {
    const engine = await engineOf(
      program(
        `const waits = ({ m }: Ctx) => { while (Atomics.load(m, 0) === 0); };
         const comes = ({ m }: Ctx) => { Atomics.store(m, 1, 1); Atomics.store(m, 0, 1); };`,
        'waits, comes',
      ),
    );
    const strategy = prepared(engine, { strategy: 'pct', parameter: 1 });
    const longest = Math.max(
      ...Array.from({ length: 50 }, (_, i) => orderOf(stepsOf(engine, strategy, 1, i)).indexOf('b')),
    );
    expect(longest).toBeGreaterThanOrEqual(FAIR_AFTER);
    expect(longest).toBeLessThanOrEqual(FAIR_AFTER + 2);
  });
});

describe('POS', () => {
  const B_LAST = 'aaaaab';

  it('draws anew for operations that race, and keeps the priority of those that do not', async () => {
    const five = 'const a = ({ m }: Ctx) => { for (let i = 0; i < 5; i++) Atomics.add(m, 0, 1); };';
    const racing = await engineOf(program(`${five} const b = ({ m }: Ctx) => Atomics.add(m, 0, 1);`, 'a, b'));
    const apart = await engineOf(program(`${five} const b = ({ m }: Ctx) => Atomics.add(m, 9, 1);`, 'a, b'));
    const reads = 'const a = ({ m }: Ctx) => { for (let i = 0; i < 5; i++) Atomics.load(m, 0); };';
    const reading = await engineOf(program(`${reads} const b = ({ m }: Ctx) => Atomics.load(m, 0);`, 'a, b'));
    const meets = await engineOf(program(`${reads} const b = ({ m }: Ctx) => Atomics.add(m, 0, 1);`, 'a, b'));
    const share = (engine: Engine): number =>
      (orders(engine, { strategy: 'pos' }, 3000).get(B_LAST) ?? 0) / 3000;
    // Anew each time: 1/32. One priority below five others: 1/6.
    expect(share(racing)).toBeLessThan(0.06);
    expect(share(meets)).toBeLessThan(0.06);
    expect(share(apart)).toBeGreaterThan(0.12);
    expect(share(reading)).toBeGreaterThan(0.12);
  });

  it('of one thread that spins and one that comes, the second comes before the fairness guard must help', async () => {
    const engine = await engineOf(
      program(
        `const waits = ({ m }: Ctx) => { while (Atomics.load(m, 0) === 0); };
         const comes = ({ m }: Ctx) => { Atomics.add(m, 9, 1); Atomics.store(m, 0, 1); };`,
        'waits, comes',
      ),
    );
    const longest = [...orders(engine, { strategy: 'pos' }, 4000).keys()].map((o) => o.length);
    expect(Math.max(...longest)).toBeLessThanOrEqual(2 * FAIR_AFTER + 4);
  });
});

describe('evenness', () => {
  const SHORT_AND_LONG = program(
    `const a = ({ m }: Ctx) => { for (let i = 0; i < 5; i++) Atomics.add(m, 0, 1); };
     const b = ({ m }: Ctx) => Atomics.add(m, 0, 1);`,
    'a, b',
  );

  it('SURW draws each interleaving of five points and one about as often; a random walk does not', async () => {
    const engine = await engineOf(SHORT_AND_LONG);
    const surw = orders(engine, { strategy: 'surw' }, 6000);
    expect(surw.size).toBe(6);
    for (const n of surw.values()) {
      expect(n).toBeGreaterThan(850);
      expect(n).toBeLessThan(1150);
    }
    const random = orders(engine, { strategy: 'random' }, 6000);
    expect(random.get('aaaaab')).toBeLessThan(350);
    expect(random.get('baaaaa')).toBeGreaterThan(2700);
  });

  it('SURW with three threads of two, three and one points', async () => {
    const engine = await engineOf(
      program(
        `const t = (n: number) => ({ m }: Ctx) => { for (let i = 0; i < n; i++) Atomics.add(m, 0, 1); };
         const a = t(2), b = t(3), c = t(1);`,
        'a, b, c',
      ),
    );
    const counts = orders(engine, { strategy: 'surw' }, 12_000);
    expect(counts.size).toBe(60);
    expect(Math.min(...counts.values())).toBeGreaterThan(130);
    expect(Math.max(...counts.values())).toBeLessThan(280);
  });

  it('a random walk takes each thread that can run as often, at each point, whatever came before', async () => {
    const engine = await engineOf(ADDS);
    const pairs = new Map<string, number>();
    for (const [order, n] of orders(engine, { strategy: 'random' }, 9000)) {
      const pair = order.slice(0, 2);
      pairs.set(pair, (pairs.get(pair) ?? 0) + n);
    }
    expect(pairs.size).toBe(9);
    for (const n of pairs.values()) {
      expect(n).toBeGreaterThan(850);
      expect(n).toBeLessThan(1150);
    }
  });
});

describe('random numbers', () => {
  /** Draws of a strategy, made visible. */
  class Visible extends RandomStrategy {
    next32(): number {
      return this.draw();
    }
    lessThan(n: number): number {
      return this.below(n);
    }
  }

  it('of one schedule are independent of each other and do not come round', () => {
    const numbers = new Visible();
    numbers.seed(1, 1);
    const pairs = new Int32Array(256);
    const lowPairs = new Int32Array(256);
    const seen = new Set<string>();
    let last = numbers.next32();
    const N = 100_000;
    for (let i = 0; i < N; i++) {
      const n = numbers.next32();
      pairs[(last >>> 28) * 16 + (n >>> 28)]++;
      lowPairs[(last & 15) * 16 + (n & 15)]++;
      seen.add(`${last} ${n}`);
      last = n;
    }
    expect(seen.size).toBe(N);
    for (const counts of [pairs, lowPairs]) {
      expect(Math.min(...counts)).toBeGreaterThan(300);
      expect(Math.max(...counts)).toBeLessThan(480);
    }
  });

  it('of neighbouring schedules and seeds are independent', () => {
    const numbers = new Visible();
    for (const vary of [(i: number) => [1, i], (i: number) => [i, 1]] as const) {
      const pairs = new Int32Array(64);
      let last = 0;
      for (let i = 0; i < 32_000; i++) {
        numbers.seed(vary(i)[0], vary(i)[1]);
        const n = numbers.lessThan(8);
        pairs[last * 8 + n]++;
        last = n;
      }
      expect(Math.min(...pairs)).toBeGreaterThan(400);
      expect(Math.max(...pairs)).toBeLessThan(600);
    }
  });
});

describe('what no strategy looks at', () => {
  it('a choice among one: nobody is asked', async () => {
    const engine = await engineOf(
      program('const t = ({ m }: Ctx) => { Atomics.add(m, 0, 1); Atomics.add(m, 0, 1); };', 't'),
    );
    let asked = 0;
    engine.run({
      name: 'none',
      begin: () => {},
      next: (e: Running, cur: number) => {
        asked++;
        return cur >= 0 ? cur : e.last;
      },
    });
    expect(asked).toBe(0);
    expect(draw(engine, 10).found).toBeNull();
  });

  it('names of draws', () => {
    expect(ALL.map(drawName)).toEqual(['random', 'pos', 'pct3', 'surw', 'pct2']);
  });
});
