/**
 * Runs clinic from node_modules. It exits with 0 and writes nothing where it was never asked for telemetry
 * (facts/platform.md 1, trap 1), so what counts is the file.
 */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { UserError } from '../../src/config/errors.ts';

/** The one thing that clinic's pages fetch from the network; without it they take the browser's own fonts. */
const FONTS = 'https://clinicjs.org/assets/css/fonts.css';

/** What clinic says of data that it did not collect itself. */
const NO_TIME = /(Elapsed Time: <strong>)0s/;

/** Something that was promised has not come. */
export class FlameError extends Error {
  override readonly name = 'FlameError';
}

export interface ClinicCall {
  readonly tool: 'flame' | 'doctor';
  readonly args: readonly string[];
  /** Data folder; clinic puts the page beside it. It is removed in the end. */
  readonly folder: string;
  /** Where the page goes. */
  readonly html: string;
  /** Measured time, where clinic did not see it, s. */
  readonly seconds?: number;
  readonly cwd?: string;
  /** Whether the program that clinic starts may write to standard error: its progress. */
  readonly progress?: boolean;
}

/** @throws UserError when clinic is not installed */
export function clinicBin(): string {
  try {
    return createRequire(import.meta.url).resolve('clinic/bin.js');
  } catch (error) {
    throw new UserError('clinic is not installed: npm install brings it', { cause: error });
  }
}

/** @throws FlameError, one line, when the page did not come */
export async function runClinic(call: ClinicCall): Promise<void> {
  const made = `${call.folder}.html`;
  const { status, said } = await spawned(call);
  const size = statSync(made, { throwIfNoEntry: false })?.size ?? 0;
  if (status !== 0 || size === 0) {
    const lines = said.trim().split('\n');
    const why = lines.find((line) => line.includes('Error')) ?? (lines.at(-1) || 'it said nothing');
    throw new FlameError(`clinic ${call.tool} did not write ${call.html} (exit status ${status}): ${why}`);
  }
  const page = readFileSync(made, 'utf8').replaceAll(FONTS, 'data:text/css,');
  const timed = call.seconds === undefined ? page : page.replace(NO_TIME, `$1${call.seconds.toFixed(1)}s`);
  writeFileSync(call.html, timed);
  for (const path of [made, call.folder]) rmSync(path, { recursive: true, force: true });
}

function spawned(call: ClinicCall): Promise<{ status: number | null; said: string }> {
  const child = spawn(process.execPath, [clinicBin(), call.tool, '--open=false', ...call.args], {
    env: { ...process.env, NO_INSIGHT: '1', NO_UPDATE_NOTIFIER: '1' },
    stdio: ['ignore', 'pipe', call.progress === true && process.stderr.isTTY ? 'inherit' : 'pipe'],
    ...(call.cwd !== undefined && { cwd: call.cwd }),
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-10_000)));
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, said }));
  });
}
