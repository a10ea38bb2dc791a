import { describe, expect, it } from 'vitest';
import { byShares, type Network, type Solution, solve, type Station, uniform } from './mva.ts';

const station = (visits: number, service: number, servers = 1): Station => ({
  visits,
  service,
  overhead: 0,
  groups: uniform(servers),
});

const at = (net: Network, n: number): Solution => solve(net, n)[n - 1];

/** Machine repair with one repairman: N machines, think time Z, service S, both exponential. */
function machineRepair(n: number, z: number, s: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; k <= n; k++) {
    term *= (n - k + 1) * (s / z);
    sum += term;
  }
  return (1 - 1 / sum) / s;
}

describe('mean value analysis', () => {
  it.each([1, 2, 5, 20, 200])('is exact for one queue and %i threads that think', (n) => {
    const net = { think: 10, stations: [station(1, 1)], cores: Infinity };
    expect(at(net, n).throughput / machineRepair(n, 10, 1)).toBeCloseTo(1, 9);
  });

  it('is exact for balanced queues without thinking: N / (D (N + K - 1))', () => {
    const net = { think: 0, stations: [station(1, 2), station(2, 1), station(1, 2)], cores: Infinity };
    for (const n of [1, 3, 10]) expect(at(net, n).throughput).toBeCloseTo(n / (2 * (n + 2)), 9);
    // The same as one class of three servers.
    const one = { think: 0, stations: [station(3, 2, 3)], cores: Infinity };
    expect(at(one, 10).throughput).toBeCloseTo(10 / (2 * 12), 9);
  });

  it('stays within the balanced job bounds of an uneven network', () => {
    const net = { think: 0, stations: [station(1, 3), station(1, 1), station(1, 2)], cores: Infinity };
    const [sum, mean, most] = [6, 2, 3];
    for (const { threads: n, throughput } of solve(net, 50)) {
      expect(throughput).toBeLessThanOrEqual(Math.min(1 / most, n / (sum + (n - 1) * mean)) + 1e-12);
      expect(throughput).toBeGreaterThanOrEqual(n / (sum + (n - 1) * most) - 1e-12);
    }
  });

  it('sees on arrival the utilisation with one thread less', () => {
    const solved = solve({ think: 5, stations: [station(2, 1)], cores: Infinity }, 4);
    expect(solved[3].stations[0].found).toBeCloseTo(solved[2].throughput * 2, 12);
    expect(solved[0].stations[0]).toMatchObject({ found: 0, wait: 0 });
  });

  it('ends at the capacity of the busiest of uneven shares', () => {
    const shared = { ...station(1, 1), groups: byShares([0.5, 0.25, 0.25]) };
    const { throughput, stations } = at({ think: 1, stations: [shared], cores: Infinity }, 400);
    expect(throughput).toBeCloseTo(2, 3);
    expect(stations[0].busiest).toBeCloseTo(1, 3);
  });

  it('charges what a wake-up costs without holding the latch meanwhile', () => {
    const net = { think: 1, stations: [{ ...station(1, 1), overhead: 50 }], cores: Infinity };
    const without = { think: 1, stations: [station(1, 1)], cores: Infinity };
    expect(at(net, 2).throughput).toBeLessThan(0.2 * at(without, 2).throughput);
    expect(at(net, 600).throughput).toBeCloseTo(1, 2);
  });

  it('shares cores: m cores do no more than m threads, and holds take longer', () => {
    const alone = { think: 10, stations: [], cores: 2 };
    for (const { threads, throughput } of solve(alone, 8)) {
      expect(throughput).toBeCloseTo(Math.min(threads, 2) / 10, 8);
    }
    const latched = solve({ think: 10, stations: [station(1, 1)], cores: 2 }, 8);
    expect(latched[7].throughput).toBeLessThan(2 / 11 + 1e-9);
    expect(latched[7].slowdown).toBeGreaterThan(3);
    expect(latched[1].slowdown).toBe(1);
  });
});
