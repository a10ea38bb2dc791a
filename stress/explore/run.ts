#!/usr/bin/env node
/** `npm run explore`. Exit status: 0 all is as it should be, 1 something was found or survived, 2 bad input. */
import { UserError } from '../../src/config/errors.ts';
import { exploreMain } from './main.ts';

// Whoever reads the results may have seen enough, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  process.exitCode = await exploreMain(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
