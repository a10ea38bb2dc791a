/** For tests: rows and cases made by hand. */
import type { BenchCase, Round } from './case.ts';
import { type Row, sealRow } from './row.ts';

export const ENVIRONMENT: Row['environment'] = {
  node: 'v20.0.0',
  v8: '11.3',
  cpu: 'test cpu',
  cores: 2,
  os: 'Linux 1',
  commit: 'abc',
};

export function aRow(change: Partial<Row> = {}): Row {
  return sealRow({
    family: 'latch',
    contender: 'mutex',
    origin: 'ours',
    case: 'pair',
    settings: { threads: 2 },
    axes: {},
    seed: 1,
    environment: ENVIRONMENT,
    metric: 'time',
    unit: 'ns',
    better: 'lower',
    samples: [10, 12],
    reference: [5, 6],
    group: [0, 0],
    extra: { ratio: 0.5, waits: { lruList: 7 } },
    ...change,
  });
}

/** A case that takes what `round` gives, and notes what was asked of it. */
export function aCase(name: string, round: (no: number) => Round, log: string[] = []): BenchCase {
  return {
    contender: name,
    origin: 'ours',
    case: 'pair',
    settings: {},
    metric: 'time',
    unit: 'ns',
    better: 'lower',
    open: () => void log.push(`open ${name}`),
    close: () => void log.push(`close ${name}`),
    round: (no) => {
      log.push(`${name}${no}`);
      return Promise.resolve(round(no));
    },
  };
}
