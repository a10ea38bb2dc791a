/** Options of `npm run explore`, and what they mean together. */
import { buildCli, type OwnOption, type OwnValues } from '../../src/config/cli.ts';
import { OptionError } from '../../src/config/errors.ts';
import { type Profile, PROFILES } from '../../src/explore/explorer.ts';
import { type Draw, PCT_DEPTH, PORTFOLIO } from '../../src/explore/search/portfolio.ts';
import type { PlainPoints } from '../../src/explore/types.ts';

/** How this program is called: here, or in a project that depends on it. */
export const COMMAND = import.meta.url.includes('/node_modules/')
  ? 'npx latchlab-explore'
  : 'npm run explore --';

const OPTIONS = [
  {
    name: 'profile',
    kind: 'enum',
    choices: ['quick', 'exhaustive', 'nightly'],
    default: null,
    doc: 'how long and how deep',
  },
  { name: 'scenario', kind: 'string', default: null, doc: 'names, separated by commas; all if not given' },
  { name: 'module', kind: 'path', default: null, doc: 'a TypeScript module with scenarios of your own' },
  {
    name: 'strategy',
    kind: 'string',
    default: null,
    doc: 'random, pct (pct3: depth 3), pos, surw, separated by commas; all in turns if not given',
  },
  {
    name: 'plain',
    kind: 'enum',
    choices: ['race', 'dirty', 'all'],
    default: null,
    doc: 'which plain accesses are scheduling points',
  },
  {
    name: 'budget',
    kind: 'float',
    default: null,
    min: 0.01,
    max: 86_400,
    doc: 'seconds of draws for each scenario',
  },
  { name: 'schedules', kind: 'int', default: null, min: 1, max: 1e12, doc: 'most draws for each scenario' },
  {
    name: 'seed',
    kind: 'int',
    default: null,
    min: 0,
    max: 0xffff_ffff,
    doc: 'seed of the draws; 1 if not given',
  },
  {
    name: 'replay',
    kind: 'string',
    default: null,
    doc: 'a schedule (s1:...), a seed (x1:...) or the file of a trace, of one scenario',
  },
  {
    name: 'real',
    kind: 'flag',
    doc: 'with --replay or --mutants: drive real worker threads through the schedules as well',
  },
  { name: 'mutants', kind: 'flag', doc: 'plant the known defects into the sources, and see who finds them' },
  { name: 'mutant', kind: 'string', default: null, doc: 'with --mutants: only these, separated by commas' },
  {
    name: 'seeds',
    kind: 'int',
    default: 1,
    min: 1,
    max: 1000,
    doc: 'with --mutants: seeds that must all find them',
  },
  { name: 'outcomes', kind: 'flag', doc: 'print the table of outcomes of each scenario' },
  {
    name: 'workers',
    kind: 'int',
    default: null,
    min: 1,
    max: 64,
    doc: 'threads that explore; one for each core',
  },
  { name: 'corpus', kind: 'path', default: null, doc: 'file of schedules that have failed, tried first' },
  { name: 'trace-dir', kind: 'path', default: null, doc: 'write a trace of what fails to this folder' },
  { name: 'list', kind: 'flag', doc: 'list the scenarios, and explore none' },
  {
    name: 'json',
    kind: 'path',
    default: null,
    doc: 'write results to this file as JSON; - is standard output',
  },
] as const satisfies readonly OwnOption[];

export type ExploreValues = OwnValues<typeof OPTIONS>;

const cli = buildCli({
  name: COMMAND,
  description:
    'Explores interleavings of the real sources: every scenario under a scheduler that owns every step.\n' +
    'Exit status: 0 all is as it should be, 1 something was found or survived, 2 bad input.\n' +
    'EXPLORE_PROFILE, EXPLORE_SEED, EXPLORE_REPLAY and EXPLORE_TRACE_DIR stand in for options that are not given.',
  own: OPTIONS,
  sysvars: [],
});

/** Everything that was asked for, checked. */
export interface Wanted {
  readonly values: ExploreValues;
  readonly profile: Profile;
  readonly draws: readonly Draw[];
  readonly plain: PlainPoints | null;
  readonly seed: number;
}

const ENVIRONMENT = [
  ['EXPLORE_PROFILE', 'profile'],
  ['EXPLORE_SEED', 'seed'],
  ['EXPLORE_REPLAY', 'replay'],
  ['EXPLORE_TRACE_DIR', 'trace-dir'],
] as const;

/**
 * @returns the help text, or what is wanted
 * @throws OptionError
 */
export function readOptions(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Wanted | string {
  const all = [...argv];
  const from = new Map<string, string>();
  for (const [variable, option] of ENVIRONMENT) {
    const value = env[variable];
    const isGiven = argv.some((a) => a === `--${option}` || a.startsWith(`--${option}=`));
    if (value === undefined || value === '' || isGiven) continue;
    all.push(`--${option}=${value}`);
    from.set(`--${option}`, variable);
  }
  try {
    return read(all);
  } catch (error) {
    // Whoever has not typed the option must know where it comes from.
    const variable = error instanceof OptionError ? from.get(error.option) : undefined;
    if (!(error instanceof OptionError) || variable === undefined) throw error;
    throw new OptionError(error.option, `${error.message} (from ${variable})`);
  }
}

function read(argv: readonly string[]): Wanted | string {
  const parsed = cli.parse(argv);
  if (parsed.help !== null) return parsed.help;
  const { own: values } = parsed;
  const profile = profileOf(values);
  if (values.replay !== null && (values.scenario === null || values.scenario.includes(','))) {
    throw new OptionError('--replay', '--replay: needs the name of one scenario in --scenario');
  }
  if (values.real && values.replay === null && !values.mutants) {
    throw new OptionError('--real', '--real: goes with --replay or --mutants only');
  }
  if (values.mutant !== null && !values.mutants)
    throw new OptionError('--mutant', '--mutant: goes with --mutants only');
  if (values.mutants && values.module !== null) {
    throw new OptionError(
      '--mutants',
      '--mutants: plants defects into latchlab itself, and does not go with --module',
    );
  }
  if (values.mutants && values.replay !== null)
    throw new OptionError('--mutants', '--mutants: does not go with --replay');
  return {
    values,
    profile,
    draws: values.strategy === null ? PORTFOLIO : drawsOf(values.strategy),
    plain: values.plain,
    seed: values.seed ?? 1,
  };
}

function profileOf(values: ExploreValues): Profile {
  const profile = PROFILES[values.profile ?? 'quick'];
  return {
    ...profile,
    ...(values.budget !== null && { drawMs: values.budget * 1000, schedules: Infinity }),
    ...(values.schedules !== null && {
      schedules: values.schedules,
      ...(values.budget === null && { drawMs: Infinity }),
    }),
  };
}

function drawsOf(text: string): Draw[] {
  return text.split(',').map((name) => {
    const found = /^(random|pos|surw|pct)(\d+)?$/.exec(name.trim());
    const depth = found?.[2] === undefined ? undefined : Number(found[2]);
    if (found === null || (depth !== undefined && (found[1] !== 'pct' || depth < 1 || depth > 20))) {
      throw new OptionError(
        '--strategy',
        `--strategy=${name}: must be random, pos, surw, pct or pct1 to pct20`,
      );
    }
    const strategy = found[1] as Draw['strategy'];
    return strategy === 'pct' ? { strategy, parameter: depth ?? PCT_DEPTH } : { strategy };
  });
}
