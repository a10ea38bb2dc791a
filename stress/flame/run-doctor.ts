/**
 * `npm run doctor`: clinic doctor over a run that is long enough for it. Exit status: 0 done, 1 its page did not come,
 * 2 bad input.
 */
import { join } from 'node:path';
import { OptionError } from '../../src/config/errors.ts';
import { clinicBin } from './clinic.ts';
import { DIR_OPTION, prepareDir, readCommand } from './command.ts';
import { EXIT, runMain } from './main.ts';
import { collect } from './raw.ts';

const DOCTOR = 'doctor.html';
/** Below, clinic doctor finds too little to say anything. */
const MIN_SECONDS = 15;

await runMain(async (argv) => {
  const command = await readCommand(
    {
      name: 'npm run doctor --',
      description:
        "Runs a scenario under clinic doctor: the process's CPU, the main thread's loop, heap and handles.",
      own: [DIR_OPTION],
      preset: [`--seconds=${MIN_SECONDS}`],
    },
    argv,
  );
  if (typeof command === 'string') {
    process.stdout.write(command);
    return EXIT.done;
  }
  const { own, plan, stressArgs } = command;
  const { seconds } = plan.run;
  if (seconds > 0 && seconds < MIN_SECONDS) {
    const least = `clinic doctor needs ${MIN_SECONDS} at least`;
    throw new OptionError(
      '--seconds',
      `--seconds=${seconds}: ${least} (allowed are ${MIN_SECONDS} to 86400)`,
    );
  }
  clinicBin();
  const dir = prepareDir(own.dir, [DOCTOR]);
  await collect('doctor', dir, join(dir, DOCTOR), stressArgs);
  process.stdout.write(
    `${join(dir, DOCTOR)}  clinic doctor\n` +
      "CPU is the whole process's (200 % are two cores); event loop, heap and handles are the main thread's,\n" +
      'which only watches. What workers do is in npm run flame.\n',
  );
  return EXIT.done;
});
