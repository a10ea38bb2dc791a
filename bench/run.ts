/**
 * `npm run bench -- [FAMILY] [options]`, and what is made of results: `compare`, `merge`. Exit status: 0 done, 1 slower
 * than before (compare) or a run failed, 2 bad input, 130 interrupted.
 */
import { UserError } from '../src/config/errors.ts';
import { compareMain } from './compare/cli.ts';
import { mustBeCompiled } from './core/environment.ts';
import { FAMILIES } from './families.ts';
import { benchMain } from './main.ts';
import { mergeMain } from './merge.ts';
import { selfCheckMain } from './page-get/self-check.ts';
import { PoolRunFailed } from './pool/lab.ts';

const EXIT = { fails: 1, badInput: 2 } as const;

const COMMANDS: Readonly<Record<string, (argv: readonly string[]) => Promise<number>>> = {
  compare: compareMain,
  merge: mergeMain,
  'self-check': selfCheckMain,
};

async function main(argv: readonly string[]): Promise<number> {
  mustBeCompiled(import.meta.url);
  const [first = ''] = argv;
  const command = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : null;
  return command === null ? benchMain(argv, FAMILIES, Object.keys(COMMANDS)) : command(argv.slice(1));
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UserError) process.exitCode = EXIT.badInput;
  else if (error instanceof PoolRunFailed) process.exitCode = EXIT.fails;
  else throw error;
  process.stderr.write(`${error.message}\n`);
}
