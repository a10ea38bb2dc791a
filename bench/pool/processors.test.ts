import { describe, expect, it } from 'vitest';
import { processorsBetween, processorTimes } from './processors.ts';

describe('processors in use', () => {
  it('are ours, or of others', () => {
    const from = { wall: 1000, busy: 5000, own: 300 };
    const use = processorsBetween(from, { wall: 2000, busy: 6800, own: 1500 });
    expect(use['ownProcessors']).toBeCloseTo(1.2);
    expect(use['othersProcessors']).toBeCloseTo(0.6);
  });

  it('are never less than none, as the two clocks tick apart', () => {
    const from = { wall: 0, busy: 0, own: 0 };
    expect(processorsBetween(from, { wall: 100, busy: 90, own: 100 })).toEqual({
      ownProcessors: 1,
      othersProcessors: 0,
    });
  });

  it('are read from clocks that go on', () => {
    const from = processorTimes();
    let to = processorTimes();
    while (to.own === from.own) to = processorTimes();
    expect(to.wall).toBeGreaterThan(from.wall);
    expect(to.busy).toBeGreaterThanOrEqual(from.busy);
  });
});
