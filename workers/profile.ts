/**
 * A CPU profile of the calling thread, taken by its own inspector: V8's sampler, bracketed by start and write. Where no
 * profile is asked for, the inspector is not even loaded.
 */
import { writeFileSync } from 'node:fs';
import type { Profiler, Session } from 'node:inspector';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { LogLine } from '../src/layout/error-log.ts';

type Inspector = typeof import('node:inspector');

/** Time between two samples, us. Pictures are drawn in ticks of 1 ms: half of it, so that none is a guess. */
const SAMPLING_US = 500;

/** File of a thread's profile in the directory of a run's profiles. */
export const profileFile = (thread: string): string => `${thread}.cpuprofile`;
/** Names of the threads in profiles and pictures. */
export const MAIN_PROFILE = 'main';
export const threadProfile = (node: number, thread: number): string => `node${node}-thread${thread}`;
export const cleanerProfile = (node: number): string => `node${node}-page-cleaner`;

/** Where a worker's profile goes, as plain data. */
export interface ProfileTarget {
  readonly dir: string;
  readonly thread: string;
}

/** @param dir of the run's profiles; null: none are taken */
export const profileTarget = (dir: string | null, thread: string): ProfileTarget | null =>
  dir === null ? null : { dir, thread };

export class ThreadProfile {
  private readonly target: ProfileTarget;
  private readonly session: Session;

  /** Starts at once. @throws when this Node has no inspector */
  constructor(target: ProfileTarget) {
    this.target = target;
    // Synchronous, as a worker's task is; and only here, as it costs every thread's start otherwise.
    const { Session } = createRequire(import.meta.url)('node:inspector') as Inspector;
    this.session = new Session();
    this.session.connect();
    this.session.post('Profiler.enable');
    this.session.post('Profiler.setSamplingInterval', { interval: SAMPLING_US });
    this.session.post('Profiler.start');
  }

  /**
   * Stops and writes the file. A session with the own thread answers before `post` returns.
   * @throws when the profile cannot be had or written
   */
  write(): void {
    let found: Profiler.Profile | null = null;
    let failed: Error | null = null;
    this.session.post('Profiler.stop', (error, result) => {
      failed = error;
      found = error === null ? result.profile : null;
    });
    this.session.disconnect();
    if (found === null) throw failed ?? new Error('the inspector gave no profile');
    writeFileSync(join(this.target.dir, profileFile(this.target.thread)), JSON.stringify(found));
  }
}

/** @returns what to tell when there is none: a run does not fail for want of its profile */
export function writeProfile(profiling: ThreadProfile): LogLine | null {
  try {
    profiling.write();
    return null;
  } catch (error) {
    const text = `no CPU profile of this thread: ${(error as Error).message}`;
    return { priority: 'Warning', subsystem: 'Server', text };
  }
}
