/** CPU profiles of a run: one of each thread, cut to the measured time. */
import type { EngineConfig } from '../../src/engine.ts';
import type { LogLine } from '../../src/layout/error-log.ts';
import { cleanerProfile, MAIN_PROFILE, ThreadProfile, threadProfile } from '../../workers/profile.ts';
import { profileClockUs, trimProfileFile } from '../flame/cpu-profile.ts';

type Threads = Pick<EngineConfig, 'nodes' | 'threads'>;

/** Names of the workers' profiles, page cleaners first. */
export function profileNames({ nodes, threads }: Threads): string[] {
  const cleaners = Array.from({ length: nodes }, (_, node) => cleanerProfile(node));
  return [...cleaners, ...Array.from({ length: threads }, (_, t) => threadProfile(t % nodes, t))];
}

export class RunProfiles {
  private readonly dir: string;
  private readonly threads: Threads;
  private readonly main: ThreadProfile;
  /** The measured time, us of the profiles' clock. */
  private from = 0;
  private to = Infinity;

  /** Starts that of the main thread; workers take theirs themselves. @throws when this Node has no inspector */
  constructor(dir: string, threads: Threads) {
    this.dir = dir;
    this.threads = threads;
    this.main = new ThreadProfile({ dir, thread: MAIN_PROFILE });
  }

  /** What is measured begins now, or is over: profiles keep what lies between. */
  measure(edge: 'begins' | 'ends'): void {
    if (edge === 'begins') this.from = profileClockUs();
    else this.to = profileClockUs();
  }

  /**
   * When all threads have ended; those that had to be terminated leave none.
   * @returns what to tell of those that are not there
   */
  keep(): LogLine[] {
    const lines: LogLine[] = [];
    for (const thread of [MAIN_PROFILE, ...profileNames(this.threads)]) {
      try {
        if (thread === MAIN_PROFILE) this.main.write();
        trimProfileFile(this.dir, thread, { from: this.from, to: this.to });
      } catch (error) {
        lines.push({ priority: 'Warning', subsystem: 'Server', text: (error as Error).message });
      }
    }
    return lines;
  }
}
