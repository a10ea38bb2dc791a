/** `npm run memory`. Exit status: 0 printed, 2 bad input. */
import { EXIT, memoryMain } from './main.ts';
import { UserError } from '../../src/config/errors.ts';

// Whoever reads the bill may have seen enough, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  memoryMain(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = EXIT.badInput;
}
