/** Whether a file that the user wants written can be: asked before the work, not found out after it. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { OptionError } from './errors.ts';

/**
 * @param option as the user types it, `--json`
 * @throws OptionError, one line
 */
export function checkWritable(option: string, file: string): void {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isDirectory() === true) throw new Error('it is a directory');
    if (found === undefined && statSync(dirname(file), { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new Error(`there is no directory ${dirname(file)}`);
    }
    accessSync(found === undefined ? dirname(file) : file, constants.W_OK);
  } catch (error) {
    throw unwritable(option, file, error);
  }
}

/** For the write itself, which may fail all the same. */
export function unwritable(option: string, file: string, error: unknown): OptionError {
  const why = error instanceof Error ? error.message : String(error);
  return new OptionError(option, `${option}=${file}: cannot be written: ${why}`);
}
