/** What the ordinary sessions of a run do, by the stronger word: --program, --trace, or the scenario. */
import type { OwnValues } from '../../src/config/cli.ts';
import { OptionError } from '../../src/config/errors.ts';
import { oneLine } from '../../src/config/values.ts';
import type { Program } from '../../src/session/program/program.ts';
import { loadProgram } from '../../src/session/program/program-file.ts';
import { flatSteps } from '../../src/session/program/program-steps.ts';
import { ALLOCATORS, group, mixed, replay } from '../../src/session/programs/pages.ts';
import type { STRESS_OPTIONS } from './option-table.ts';
import type { Scenario } from '../scenarios.ts';
import type { ProgramShare } from './workload.ts';

type Own = OwnValues<typeof STRESS_OPTIONS>;

/** @throws OptionError when there is no such program, or it cannot be run here */
export async function programsOf(own: Own, scenario: Scenario, traced: boolean): Promise<ProgramShare[]> {
  const only = (program: Program): ProgramShare[] => [{ program, share: 1 }];
  const updatePct = own['update-pct'];
  if (scenario.yard === true && own.trace !== null) {
    throw new OptionError(
      '--trace',
      `--trace=${oneLine(own.trace)}: --scenario=${scenario.name} touches no pages; allowed is another scenario`,
    );
  }
  if (own.program !== null) {
    const program = await chosen(own.program, own);
    checkNeeds(own.program, program, scenario, traced);
    return only(program);
  }
  if (scenario.yard === true) return only(ALLOCATORS);
  if (traced) return only(replay({ updatePct }));
  if (scenario.programs === undefined) return only(mixed({ updatePct }));
  const shares: ProgramShare[] = [];
  for (const [name, share] of Object.entries(scenario.programs)) {
    shares.push({ program: await loadProgram(name), share });
  }
  return shares;
}

/** Some programs have options of their own. */
async function chosen(name: string, own: Own): Promise<Program> {
  switch (name) {
    case 'mixed':
      return mixed({ updatePct: own['update-pct'] });
    case 'replay':
      return replay({ updatePct: own['update-pct'] });
    case 'group':
      return own['hog-bytes'] === 0 ? group() : group({ bytes: own['hog-bytes'] });
    default:
      return loadProgram(name);
  }
}

function checkNeeds(name: string, program: Program, scenario: Scenario, traced: boolean): void {
  const steps = program.transactions.flatMap(flatSteps);
  const refuse = (why: string): OptionError =>
    new OptionError('--program', `--program=${oneLine(name)}: ${why}`);
  if (!traced && steps.some((s) => s.where?.key === 'trace')) {
    throw refuse('it replays a trace, and there is none; give --trace');
  }
  if (traced && !steps.some((s) => s.where?.key === 'trace')) {
    throw refuse(
      'it does not replay the trace of --trace; allowed are replay, and programs with keys from a trace',
    );
  }
  const triesAllocators = steps.some((s) => s.kind === 'allocators');
  if (triesAllocators && scenario.yard !== true) {
    throw refuse('the statement allocators needs --scenario=allocators');
  }
  if (!triesAllocators && scenario.yard === true) {
    throw refuse(`--scenario=${scenario.name} says what sessions do; allowed is another scenario`);
  }
}

/** The user's own word on how rows are chosen is stronger than the program's. */
export function withoutAccess({ program, share }: ProgramShare): ProgramShare {
  const { access: _, ...rest } = program;
  return { program: rest, share };
}
