/** Options that the user gave and that nothing of the run looks at: a line each, as they may be a mistake. */
import type { ParsedOptions } from '../../src/config/cli.ts';
import type { AccessOptions } from '../../src/session/program/program.ts';
import type { STRESS_OPTIONS } from './option-table.ts';

type OwnName = (typeof STRESS_OPTIONS)[number]['name'];

/** What of a run decides whether an option counts. */
export interface InForce {
  readonly access: AccessOptions;
  /** Names of the programs that sessions run. */
  readonly programs: readonly string[];
  readonly nodes: number;
}

/** Options by what they need, and whether it is there. */
const NEEDS: readonly (readonly [readonly OwnName[], needed: string, has: (run: InForce) => boolean])[] = [
  [['zipf'], '--access=zipf', ({ access }) => access.kind === 'zipfian' && access.scatter === true],
  [['hot-pages', 'hot-accesses'], '--access=hotset', ({ access }) => access.kind === 'hotset'],
  [
    ['rand-spec-iter'],
    '--rand-type=special or gaussian',
    ({ access }) => access.kind === 'special' || access.kind === 'gaussian',
  ],
  [['rand-spec-pct', 'rand-spec-res'], '--rand-type=special', ({ access }) => access.kind === 'special'],
  [['rand-pareto-h'], '--rand-type=pareto', ({ access }) => access.kind === 'pareto'],
  [
    ['rand-zipfian-exp'],
    '--rand-type=zipfian',
    ({ access }) => access.kind === 'zipfian' && access.scatter !== true,
  ],
  [
    ['update-pct'],
    'the program mixed or replay',
    ({ programs }) => programs.some((name) => name === 'mixed' || name === 'replay'),
  ],
  [['remote-cost', 'numa-distance'], 'a second node (--nodes)', ({ nodes }) => nodes > 1],
];

export function withoutEffect(
  { explicit }: Pick<ParsedOptions<typeof STRESS_OPTIONS>, 'explicit'>,
  run: InForce,
): string[] {
  return NEEDS.flatMap(([names, needed, has]) =>
    has(run)
      ? []
      : names.filter((name) => explicit.has(name)).map((name) => `--${name} has no effect without ${needed}`),
  );
}
