/**
 * `npm run flame`: runs a scenario with a CPU profile of each thread and draws them: a tower for each worker in clinic
 * flame's page, the waits in a page of their own, and a speedscope file. Exit status: 0 all is there, 1 something
 * promised is missing or an invariant did not hold, 2 bad input.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { OwnOption } from '../../src/config/cli.ts';
import { MAIN_PROFILE } from '../../workers/profile.ts';
import { profileNames } from '../runner/run-profiles.ts';
import type { StressPlan } from '../options/options.ts';
import { clinicBin, FlameError } from './clinic.ts';
import { DIR_OPTION, prepareDir, PROJECT, readCommand, STRESS_ENTRY } from './command.ts';
import { draw, FLAME, type Pictures, PROFILES, SPEEDSCOPE, WAITS } from './draw.ts';
import { EXIT, note, runMain } from './main.ts';
import { RAW, runRaw } from './raw.ts';
import { renderSummary } from './summary.ts';

const REPORT = 'run.txt';

const OPTIONS = [
  DIR_OPTION,
  { name: 'raw', kind: 'flag', doc: 'plain clinic flame of the same run: it shows one thread only' },
] as const satisfies readonly OwnOption[];

await runMain(async (argv) => {
  const command = await readCommand(
    {
      name: 'npm run flame --',
      description: 'Runs a scenario with a CPU profile of each thread and draws flame graphs of all of them.',
      own: OPTIONS,
      preset: ['--seconds=5'],
    },
    argv,
  );
  if (typeof command === 'string') {
    process.stdout.write(command);
    return EXIT.done;
  }
  clinicBin();
  const { own, plan, stressArgs } = command;
  if (own.raw) {
    process.stdout.write(`${await runRaw(prepareDir(own.dir, [RAW]), stressArgs)}\n`);
    return EXIT.done;
  }
  const dir = prepareDir(own.dir, [PROFILES, FLAME, WAITS, SPEEDSCOPE, REPORT]);
  const profiles = join(dir, PROFILES);
  const status = await runStress([...stressArgs, `--profile=${profiles}`], join(dir, REPORT));
  if (status === EXIT.badInput) return EXIT.badInput;
  const pictures = await draw({ dir, title: plan.scenario, project: PROJECT, note });
  const found = pictures.threads.map((t) => t.thread);
  const missing = threadsOf(plan).filter((t) => !found.includes(t));
  process.stdout.write(`${tell(pictures, profiles)}\n`);
  if (status !== EXIT.done)
    throw new FlameError(`the run failed (exit status ${status}): see ${join(dir, REPORT)}`);
  if (missing.length > 0)
    throw new FlameError(`there is no CPU profile of ${missing.join(', ')} in ${profiles}`);
  return EXIT.done;
});

/** Every thread that a run as planned has. */
function threadsOf({ run }: StressPlan): string[] {
  return [MAIN_PROFILE, ...profileNames(run.engine)];
}

/** Its report goes to a file; progress and mistakes to where ours go. @returns the exit status */
async function runStress(args: readonly string[], report: string): Promise<number | null> {
  const out = openSync(report, 'w');
  try {
    const child = spawn(process.execPath, [STRESS_ENTRY, ...args], { stdio: ['ignore', out, 'inherit'] });
    const forward = (): boolean => child.kill('SIGTERM');
    process.on('SIGTERM', forward);
    const status = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    process.off('SIGTERM', forward);
    return status;
  } finally {
    closeSync(out);
  }
}

function tell({ threads, flame, waits, speedscope, tickUs }: Pictures, profiles: string): string {
  const rows = [
    [flame, `work and waits, a tower for each thread (one tick is ${tickUs / 1000} ms)`],
    waits === null ? ['no wait flame', 'no thread waited for a latch'] : [waits, 'waits for latches only'],
    [speedscope, 'in order of time: npx speedscope FILE'],
    [profiles, 'a CPU profile of each thread'],
  ];
  const width = Math.max(...rows.map(([path]) => path.length));
  return [renderSummary(threads), '', ...rows.map(([path, what]) => `${path.padEnd(width)}  ${what}`)].join(
    '\n',
  );
}
