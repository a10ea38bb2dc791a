/** `npm run flame -- --raw`: clinic flame as it is, and `clinic doctor`, over a run of `npm run stress`. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runClinic } from './clinic.ts';
import { DOCTOR_ENTRY, STRESS_ENTRY } from './command.ts';

export const RAW = 'raw.html';

/** @throws FlameError when the page did not come. @returns what to tell */
export async function runRaw(dir: string, stressArgs: readonly string[]): Promise<string> {
  const html = join(dir, RAW);
  await collect('flame', dir, html, stressArgs);
  const page = readFileSync(html, 'utf8');
  const shown = page.includes('"runSession ')
    ? 'one of the sessions'
    : page.includes('"pageCleanerRun ')
      ? 'a page cleaner'
      : 'the main thread';
  return [
    `${html}  clinic flame as it is`,
    `It shows one thread only, this time ${shown}: of the logs that V8 writes, one for each thread, clinic takes the`,
    'first by name, which is a matter of chance. npm run flame shows them all.',
  ].join('\n');
}

/** Lets clinic start the run and watch it. The page goes to `html`. */
export async function collect(
  tool: 'flame' | 'doctor',
  dir: string,
  html: string,
  stressArgs: readonly string[],
): Promise<void> {
  const name = basename(html, '.html');
  // V8's logs are written to the working directory, and clinic takes what it finds there.
  const cwd = join(dir, `${name}.tmp`);
  rmSync(cwd, { recursive: true, force: true });
  mkdirSync(cwd);
  try {
    // Clinic insists on the name.
    const node = /^node(\.exe)?$/.test(basename(process.execPath)) ? process.execPath : 'node';
    const entry = tool === 'doctor' ? DOCTOR_ENTRY : STRESS_ENTRY;
    const program = [node, entry, ...stressArgs];
    const args = ['--dest', cwd, '--name', name, '--', ...program];
    await runClinic({ tool, args, folder: join(cwd, `${name}.clinic-${tool}`), html, cwd, progress: true });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}
