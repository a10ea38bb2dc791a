/** `npm run litmus`. Exit status: 0 nothing forbidden was seen, 1 something was, 2 bad input. */
import { litmusMain, tellMistake } from './main.ts';

// Whoever reads the answers may have seen enough, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  process.exitCode = await litmusMain(process.argv.slice(2));
} catch (error) {
  tellMistake(error);
}
