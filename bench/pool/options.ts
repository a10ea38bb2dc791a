/** The options of the family `pool`: those of a stress run, except for what a benchmark decides itself. */
import type { OwnOption } from '../../src/config/cli.ts';
import { OptionError } from '../../src/config/errors.ts';
import { planStress } from '../../stress/options/options.ts';
import { STRESS_OPTIONS } from '../../stress/options/option-table.ts';
import type { RunOptions } from '../../stress/runner/run-types.ts';
import { COMMON_OPTIONS } from '../core/options.ts';
import type { Settings } from '../core/row.ts';

/** Seconds that a round measures, and that it waits before, unless the user says. */
const SECONDS = { full: 0.8, quick: 0.3 } as const;
const WARMUP = { full: 0.25, quick: 0.2 } as const;

/** Of a stress run, but not of ours: files and times are the benchmark's. */
const FILES = ['json', 'html', 'live', 'profile', 'data'];
const NOT_OURS = [...FILES, 'seconds', 'warmup', 'seed', 'scenario'];

const OWN = [
  {
    name: 'seconds',
    kind: 'float',
    default: null,
    min: 0.05,
    max: 3600,
    doc: `measured time of a round; ${SECONDS.full} when absent, ${SECONDS.quick} with --quick`,
  },
  {
    name: 'warmup',
    kind: 'float',
    default: null,
    min: 0,
    max: 3600,
    doc: `seconds before that, longer until the pool is full; ${WARMUP.full} when absent, ${WARMUP.quick} with --quick`,
  },
  {
    name: 'predict',
    kind: 'flag',
    doc: 'measure 1, 2, 4, … --sessions in each cell, and predict 16, 64 and 256 cores from them',
  },
] as const satisfies readonly OwnOption[];

const SCENARIO = STRESS_OPTIONS.filter((o) => o.name === 'scenario').map((o) => ({ ...o, default: 'bench' }));

export const POOL_OPTIONS: readonly OwnOption[] = [
  ...OWN,
  ...SCENARIO,
  ...STRESS_OPTIONS.filter((o) => !NOT_OURS.includes(o.name)),
];

/** Of the values of POOL_OPTIONS, those that are not a stress run's. */
export interface PoolChoice {
  readonly seconds: number;
  readonly warmup: number;
  readonly predict: boolean;
}

export function poolChoice(own: Readonly<Record<string, unknown>>, quick: boolean): PoolChoice {
  const size = quick ? 'quick' : 'full';
  const number = (value: unknown, otherwise: number): number =>
    typeof value === 'number' ? value : otherwise;
  return {
    seconds: number(own['seconds'], SECONDS[size]),
    warmup: number(own['warmup'], WARMUP[size]),
    predict: own['predict'] === true,
  };
}

/** One cell, ready to be run. */
export interface PoolPlan {
  readonly scenario: string;
  readonly run: RunOptions;
  /** For buildReport. */
  readonly stress: Exclude<Awaited<ReturnType<typeof planStress>>, string>;
  /** Everything that changes what is measured. */
  readonly settings: Settings;
}

/**
 * @param argv the family's command line; nothing is started or written
 * @throws OptionError and its kin
 */
export async function planPool(
  argv: readonly string[],
  { seconds, warmup }: PoolChoice,
  seed: number,
): Promise<PoolPlan> {
  const rest = withoutOptions(argv, [...COMMON_OPTIONS, ...OWN]);
  const whole = Math.max(1, Math.ceil(seconds));
  const given = ['--scenario=bench', ...rest, `--seed=${seed}`, `--seconds=${whole}`];
  const stress = await planStress(given);
  if (typeof stress === 'string') throw new OptionError('--help', '--help: takes no other options');
  const settings = Object.fromEntries(
    Object.entries(stress.settings).filter(([name]) => !FILES.includes(name)),
  );
  return {
    scenario: stress.scenario,
    stress,
    run: {
      ...stress.run,
      seconds,
      warmupSeconds: warmup,
      sessions: stress.run.sessions.map((s) => ({
        ...s,
        // oxlint-disable-next-line unicorn/no-thenable -- plain data that nobody awaits
        ...(s.then !== undefined && { then: { ...s.then, atMs: 1000 * (warmup + seconds / 2) } }),
      })),
    },
    settings: { ...settings, seconds, warmup },
  };
}

/** A command line without some options and their values. */
export function withoutOptions(argv: readonly string[], options: readonly OwnOption[]): string[] {
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const name = /^--([\w-]+)/.exec(argv[i])?.[1].replaceAll('_', '-').toLowerCase();
    const option = options.find((o) => o.name === name);
    if (option === undefined) rest.push(argv[i]);
    else if (option.kind !== 'flag' && !argv[i].includes('=')) i++;
  }
  return rest;
}
