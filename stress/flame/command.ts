/** The command lines of `npm run flame` and `npm run doctor`: a few options of their own, all else is the run's. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildCli, type OwnOption, type OwnValues } from '../../src/config/cli.ts';
import { OptionError, UserError } from '../../src/config/errors.ts';
import { STRESS_OPTIONS } from '../options/option-table.ts';
import { planStress, type StressPlan } from '../options/options.ts';

/** The compiled entry of `npm run stress`, the same for clinic doctor, and the project's directory. */
export const STRESS_ENTRY = fileURLToPath(new URL('../run.js', import.meta.url));
export const DOCTOR_ENTRY = fileURLToPath(new URL('./under-doctor.js', import.meta.url));
export const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));

export const DIR_OPTION = {
  name: 'dir',
  kind: 'path',
  default: './flame',
  doc: 'directory for everything that is written',
} as const satisfies OwnOption;

export interface CommandSpec<O extends readonly OwnOption[]> {
  /** `npm run flame --` */
  readonly name: string;
  readonly description: string;
  readonly own: O;
  /** Settings of the run that the user's own are stronger than. */
  readonly preset: readonly string[];
}

export interface Command<O extends readonly OwnOption[]> {
  readonly own: OwnValues<O>;
  readonly plan: StressPlan;
  /** Arguments for STRESS_ENTRY, good in any working directory. */
  readonly stressArgs: readonly string[];
}

/** @throws OptionError and its kin, before anything is written. @returns the help text, or what to do */
export async function readCommand<const O extends readonly OwnOption[]>(
  spec: CommandSpec<O>,
  argv: readonly string[],
): Promise<string | Command<O>> {
  if (import.meta.url.endsWith('.ts')) {
    throw new UserError(`profiles are of compiled output only: ${spec.name.replace(/ --$/, '')}`);
  }
  const { mine, rest } = split(argv, spec.own);
  const parsed = buildCli({ ...spec, sysvars: [] }).parse(mine);
  if (parsed.help !== null) {
    return `${parsed.help}\nAnd any option of npm run stress -- --help; preset here: ${spec.preset.join(' ')}\n`;
  }
  const plan = await planStress([...spec.preset, ...rest]);
  if (typeof plan === 'string') return plan;
  if (plan.profile !== null) {
    throw new OptionError('--profile', `--profile=${plan.profile}: allowed is --dir, profiles go there`);
  }
  const paths = STRESS_OPTIONS.filter((o) => o.kind === 'path').flatMap(({ name }) => {
    const value = plan.settings[name];
    return typeof value === 'string' && value !== '-' ? [`--${name}=${resolve(value)}`] : [];
  });
  return { own: parsed.own, plan, stressArgs: [...spec.preset, ...rest, ...paths] };
}

/** Which arguments are a program's own: names as MySQL's programs take them, values with `=` or as the next word. */
function split(argv: readonly string[], own: readonly OwnOption[]): { mine: string[]; rest: string[] } {
  const mine: string[] = [];
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i];
    const name = (/^--[^=]+/.exec(word)?.[0] ?? word).replaceAll('_', '-').toLowerCase();
    const option = own.find((o) => `--${o.name}` === name);
    const target = option === undefined && name !== '-h' && name !== '--help' ? rest : mine;
    target.push(word);
    if (option !== undefined && option.kind !== 'flag' && !word.includes('=') && i + 1 < argv.length) {
      mine.push(argv[++i]);
    }
  }
  return { mine, rest };
}

/**
 * Makes the directory and takes away what an earlier run left there of the same things.
 * @throws OptionError when it cannot be written to
 */
export function prepareDir(dir: string, things: readonly string[]): string {
  const path = resolve(dir);
  try {
    if (!existsSync(path)) mkdirSync(path);
    for (const thing of things) rmSync(join(path, thing), { recursive: true, force: true });
    const probe = join(path, 'probe');
    mkdirSync(probe);
    rmSync(probe, { recursive: true });
  } catch (error) {
    throw new OptionError('--dir', `--dir=${dir}: cannot be written: ${(error as Error).message}`);
  }
  return path;
}
