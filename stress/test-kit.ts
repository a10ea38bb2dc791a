/** For tests of runs: the command line as users have it, and runs inside the test with small settings. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { META_FILE } from '../src/storage/data-dir-meta.ts';
import { UNIV_PAGE_SIZE } from '../src/storage/page.ts';
import { planStress, type StressPlan } from './options/options.ts';
import { renderReport } from './report/report-text.ts';
import { buildReport, type StressReport } from './report/report.ts';
import type { RunEvents, RunOptions, RunResult } from './runner/run-types.ts';
import { StressRun } from './runner/runner.ts';

const CLI = new URL('../dist/stress/run.js', import.meta.url).pathname;

export interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
  /** From the last signal, or from the start, to the end. */
  readonly ms: number;
}

/** A directory of the test's own, and the command line with it as its place for temporary files. */
export class Scratch {
  readonly dir = mkdtempSync(join(tmpdir(), 'latchlab-test-'));
  /** Where runs put what they make when no --data is given; to be empty after each. */
  readonly temp = mkdtempSync(join(this.dir, 'tmp-'));

  file(name: string): string {
    return join(this.dir, name);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Whether the data files of a run without --data have come so far. */
  hasData(how: 'begun' | 'whole'): boolean {
    const dirs = readdirSync(this.temp);
    return dirs.some((dir) => how === 'begun' || existsSync(join(this.temp, dir, META_FILE)));
  }

  /** Words of a command that runs it. */
  argv(args: readonly string[]): readonly string[] {
    return [process.execPath, CLI, ...args];
  }

  /** Runs it to its end. `fileBlocks`: no file may grow beyond so many KiB, as if the disk refused. */
  async run(args: readonly string[], o: { fileBlocks?: number; signals?: Signals } = {}): Promise<Ended> {
    const argv = this.argv(args);
    // `ulimit -f` counts in blocks of 512 bytes in some shells, of 1024 in others.
    const limited = ['sh', '-c', `ulimit -f ${o.fileBlocks ?? 0}; exec "$0" "$@"`, ...argv];
    const [command, ...rest] = o.fileBlocks === undefined ? argv : limited;
    const child = spawn(command, rest, { env: { ...process.env, TMPDIR: this.temp } });
    return endOf(child, o.signals);
  }
}

/** When to send SIGINT: ms after a moment, so many at once; the last one begins the measured time. */
interface Signals {
  readonly from: () => boolean;
  readonly at: number;
  readonly times?: number;
}

async function endOf(child: ChildProcessWithoutNullStreams, signals: Signals | undefined): Promise<Ended> {
  const text = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (s: string) => (text.out += s));
  child.stderr.setEncoding('utf8').on('data', (s: string) => (text.err += s));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  // A run that hangs must fail its test and not outlive it.
  const killer = setTimeout(() => child.kill('SIGKILL'), 40_000);
  while (signals?.from() === false && child.exitCode === null) await sleep(5);
  if (signals !== undefined) {
    await sleep(signals.at);
    for (let i = 0; i < (signals.times ?? 1); i++) child.kill('SIGINT');
  }
  const from = performance.now();
  const status = await ended;
  clearTimeout(killer);
  return { status, ...text, ms: performance.now() - from };
}

/** 5 MiB in one instance on one node, 16 MiB of data. */
export const TINY = [
  '--innodb-buffer-pool-size=5M',
  '--innodb-buffer-pool-instances=1',
  '--nodes=1',
  '--data-size=16M',
  '--tablespaces=2',
  '--os-memory=8M',
] as const;

export async function plan(...args: string[]): Promise<StressPlan> {
  const planned = await planStress(args);
  if (typeof planned === 'string') throw new Error(planned);
  return planned;
}

export interface Ran {
  readonly result: RunResult;
  readonly report: StressReport;
  readonly text: string;
  readonly ms: number;
}

/** Runs inside the test: `events` may do harm at a chosen moment. */
export async function ran(
  args: readonly string[],
  events: (run: () => StressRun) => RunEvents = () => ({}),
  change: Partial<RunOptions> = {},
): Promise<Ran> {
  const planned = await plan(...args);
  const run: StressRun = new StressRun(
    { ...planned.run, ...change },
    events(() => run),
  );
  const began = performance.now();
  try {
    const result = await run.run();
    const ms = performance.now() - began;
    const report = buildReport(planned, result);
    return { result, report, text: renderReport(report), ms };
  } finally {
    planned.cleanUp();
  }
}

/**
 * A run of some seconds; on a machine so busy that this was too short for `enough`, the same again, and longer.
 * @returns what the last one returned: what is demanded of it no lack of time excuses
 */
export async function longEnough<T>(
  run: (seconds: number) => Promise<T>,
  enough: (result: T) => boolean,
): Promise<T> {
  let result: T | undefined;
  for (const seconds of [2, 6, 20]) {
    result = await run(seconds);
    if (enough(result)) break;
  }
  return result as T;
}

/** Waits for a state that comes unless something is broken. @throws after half a minute */
export async function until(what: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!what()) {
    if (performance.now() > deadline) throw new Error(`this never came: ${what.toString()}`);
    await sleep(1);
  }
}

/** Inverts a byte in the middle of some pages of a file. */
export function damage(file: string, pages: Iterable<number>): void {
  const fd = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  for (const page of pages) {
    const at = page * UNIV_PAGE_SIZE + 5000;
    readSync(fd, byte, 0, 1, at);
    byte[0] ^= 0xff;
    writeSync(fd, byte, 0, 1, at);
  }
  closeSync(fd);
}

export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);
