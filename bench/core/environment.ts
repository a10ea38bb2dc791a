/** What the machine is, and whether it has time for us. */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../src/config/errors.ts';
import type { Environment } from './row.ts';

/** One-minute load above which somebody else's work shows in the figures. */
const BUSY_LOAD = 0.5;

export function readEnvironment(): Environment {
  return {
    node: process.version,
    v8: process.versions.v8,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    os: `${type()} ${release()}`,
    commit: readCommit(),
  };
}

function readCommit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
    }).trim();
  try {
    const dirty = git('status', '--porcelain', '--untracked-files=no') !== '';
    return git('rev-parse', '--short=12', 'HEAD') + (dirty ? '+' : '');
  } catch {
    return 'unknown';
  }
}

/** A sentence when the machine is busy, else null. To be asked before anything is measured. */
export function busyWarning(): string | null {
  const [load] = loadavg();
  if (load <= BUSY_LOAD) return null;
  return `the machine is busy (load ${load.toFixed(2)}): compare ratios, not times`;
}

/** @throws UserError when the module at this address is a source: loaders make code slow in ways of their own */
export function mustBeCompiled(moduleUrl: string): void {
  if (!moduleUrl.endsWith('.ts')) return;
  throw new UserError('benchmarks run from compiled output only, not from TypeScript sources: npm run bench');
}
