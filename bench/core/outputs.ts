/** Files of a result: JSON, CSV, and the page. */
import { writeFileSync } from 'node:fs';
import { checkWritable, unwritable } from '../../src/config/writable.ts';
import type { Family } from './case.ts';
import { renderResultHtml } from './result-html.ts';
import { type ResultFile, resultToJson, rowsToCsv } from './row.ts';

export interface Outputs {
  readonly json: string | null;
  readonly csv: string | null;
  readonly html: string | null;
}

const NAMES = ['json', 'csv', 'html'] as const;

/** @throws OptionError when one of them cannot be written; before anything is measured */
export function checkOutputs(o: Outputs): void {
  for (const name of NAMES) if (o[name] !== null) checkWritable(`--${name}`, o[name]);
}

/** @throws OptionError, after all the others have been written */
export function writeOutputs(file: ResultFile, o: Outputs, families: readonly Family[]): void {
  const texts = {
    json: () => resultToJson(file),
    csv: () => rowsToCsv(file.rows),
    html: () => renderResultHtml(file, families),
  };
  let failure: Error | null = null;
  for (const name of NAMES) {
    const path = o[name];
    if (path === null) continue;
    const text = texts[name]();
    try {
      writeFileSync(path, text);
      process.stderr.write(`wrote ${path}\n`);
    } catch (error) {
      failure ??= unwritable(`--${name}`, path, error);
    }
  }
  if (failure !== null) throw failure;
}
