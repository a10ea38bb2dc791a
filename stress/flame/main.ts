/** What the command line programs of this folder have in common: one line for a mistake, and the exit status. */
import { StorageError } from '../../src/storage/errors.ts';
import { UserError } from '../../src/config/errors.ts';
import { FlameError } from './clinic.ts';

export const EXIT = { done: 0, fails: 1, badInput: 2 } as const;

/** Runs a program to its exit status: 0 done, 1 something promised is missing or the run failed, 2 bad input. */
export async function runMain(program: (argv: readonly string[]) => Promise<number>): Promise<void> {
  // A run under way ends early and cleanly; it gets the signal too, and what it did is still drawn.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  try {
    process.exitCode = await program(process.argv.slice(2));
  } catch (error) {
    if (error instanceof UserError || error instanceof StorageError) process.exitCode = EXIT.badInput;
    else if (error instanceof FlameError) process.exitCode = EXIT.fails;
    else throw error;
    process.stderr.write(`${error.message}\n`);
  } finally {
    process.off('SIGINT', ignore);
  }
}

/** A line about what goes on, for whoever sits before a terminal. */
export function note(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${text}\n`);
}
