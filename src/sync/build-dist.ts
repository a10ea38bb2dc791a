/** vitest's globalSetup: compiles, so that tests which start worker threads run what the sources say. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Set once it is done: each project of the tests has this setup, `npm test` builds before it, and one build is enough. */
const DONE = 'LATCHLAB_BUILT';

export default function setup(): void {
  if (process.env[DONE] !== undefined) return;
  process.env[DONE] = '1';
  const root = fileURLToPath(new URL('../..', import.meta.url));
  // What runs in Node, and what runs in the pages' browser.
  for (const project of ['tsconfig.build.json', 'src/page/client']) {
    try {
      execFileSync('npx', ['--no-install', 'tsc', '-p', project], { cwd: root, stdio: 'pipe' });
    } catch (e) {
      // tsc writes its output all the same; whether the types are right is for `npm run typecheck` to say.
      const { stdout } = e as { stdout?: Buffer };
      process.stderr.write(`the build before the tests found errors:\n${stdout?.toString() ?? String(e)}\n`);
    }
  }
}
