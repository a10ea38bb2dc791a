/** Results as files, and the status with which the program ends. */
import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { unwritable } from '../../src/config/writable.ts';
import { jsonReport, type ScenarioResult } from '../../src/explore/report/summary.ts';
import { COMMAND, type Wanted } from './options.ts';

export const EXIT = { good: 0, bad: 1 } as const;

/** @throws OptionError of `--json` when the file cannot be written */
export function writeJson(file: string, content: unknown): void {
  try {
    writeFileSync(file, `${JSON.stringify(content, null, 1)}\n`);
  } catch (error) {
    throw unwritable('--json', file, error);
  }
}

/** What `--json` asks for, if anything. */
export function writeReport(
  { values, profile, seed }: Wanted,
  results: readonly ScenarioResult[],
  fingerprint: string,
  argv: readonly string[],
): void {
  if (values.json === null) return;
  const about = { profile: profile.name, seed: seed.toString(16), fingerprint };
  const report = { command: [COMMAND, ...argv].join(' '), ...jsonReport(about, results) };
  if (values.json === '-') process.stdout.write(`${JSON.stringify(report)}\n`);
  else writeJson(values.json, report);
}

/**
 * Whether files can be written to a folder, which is made when there is none.
 * @throws OptionError, one line
 */
export function checkDirectory(option: string, dir: string): void {
  let there = resolve(dir);
  while (statSync(there, { throwIfNoEntry: false }) === undefined && dirname(there) !== there) {
    there = dirname(there);
  }
  try {
    if (!statSync(there).isDirectory()) throw new Error(`${there} is not a directory`);
    accessSync(there, constants.W_OK);
  } catch (error) {
    throw unwritable(option, dir, error);
  }
}
