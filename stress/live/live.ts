/**
 * The live view of a run on standard error, once a second: on a terminal a picture that is drawn over, elsewhere a
 * plain line. What it shows is read from the arena beside the working threads, without a latch.
 */
import { createLogUpdate } from 'log-update';
import type { EngineShare } from '../../src/engine.ts';
import { RealClock } from '../../src/layout/clock.ts';
import { OS_MEMORY } from '../../src/layout/os-memory.ts';
import { GLOBAL_CONN_MEM } from '../../src/layout/session.ts';
import { getU53 } from '../../src/layout/words.ts';
import { NO_LIMIT } from '../../src/memory/os/os-memory.ts';
import { type Observed, type Sample, takeSample } from '../../src/observe/sample.ts';
import { counted } from '../../src/page/format.ts';
import { waitForSnapshot } from '../../src/observe/wait-snapshot.ts';
import { whoWaits } from '../../src/observe/who-waits.ts';
import { type LiveFacts, type LiveFrame, liveLine, renderLive } from './live-text.ts';
import { observedOf } from '../runner/measured.ts';
import { type Display, type RunLength, stage } from './progress.ts';
import { type SessionTotals, sessionTotals } from '../runner/session-totals.ts';

/** Standard error, or what a test has in its place. */
export interface LiveStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** What is known of a run from its arena on. */
interface Seen {
  readonly observed: Observed;
  readonly clock: RealClock;
  readonly facts: Omit<LiveFacts, 'connectionMemoryLimit'>;
  before: Sample;
  sessionsBefore: SessionTotals;
}

const DEFAULT_ROWS = 24;

export class LiveView implements Display {
  private readonly name: string;
  private readonly length: RunLength;
  private readonly out: LiveStream;
  /** null: no terminal, or one that does not know its size. */
  private readonly picture: ReturnType<typeof createLogUpdate> | null;
  private seen: Seen | null = null;

  /** @param name of what runs, for the first line */
  constructor(name: string, length: RunLength, out: LiveStream = process.stderr) {
    this.name = name;
    this.length = length;
    this.out = out;
    this.picture = out.isTTY === true && (out.columns ?? 0) > 0 ? createLogUpdate(out) : null;
  }

  preparing(done: number, total: number): void {
    this.draw(countOf('filling data files', done, total));
  }

  verifying(done: number, total: number): void {
    this.draw(countOf('verifying pages', done, total));
  }

  started(share: EngineShare): void {
    const observed = observedOf(share);
    const { config } = share;
    const { sessions, threads, nodes } = config;
    const facts = {
      title: `${this.name}: ${counted(sessions, 'session')}, ${counted(threads, 'thread')}, ${counted(nodes, 'node')}, ${counted(config.pool.instances, 'instance')}`,
      threads,
      osMemoryLimits: observed.osMemory.map((os) => getU53(observed.mem, os + OS_MEMORY.at.limit)),
    };
    const before = takeSample(observed, performance.now());
    const sessionsBefore = sessionTotals(share);
    this.seen = { observed, clock: new RealClock(share.epochNs), facts, before, sessionsBefore };
  }

  tick(share: EngineShare, measuredMs: number): void {
    if (this.seen === null) return;
    const { observed, clock, facts, before, sessionsBefore } = this.seen;
    const now = takeSample(observed, performance.now());
    const sessionsNow = sessionTotals(share);
    const { mem, runtime } = observed;
    const look = whoWaits({ mem, plan: share.plan.arena, ...runtime, nowMs: clock.us() / 1000 });
    const { phase, value, total, unit } = stage(share, measuredMs, this.length);
    // SET GLOBAL changes it while the run goes on.
    const limit = getU53(mem, observed.globalConnMem + GLOBAL_CONN_MEM.at.limit);
    const frame: LiveFrame = {
      facts: { ...facts, connectionMemoryLimit: limit === NO_LIMIT ? null : limit },
      stage: `${phase}, ${value.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} ${unit}`,
      before,
      now,
      sessionsBefore,
      sessionsNow,
      waits: waitForSnapshot(look, now.atMs),
    };
    this.seen.before = now;
    this.seen.sessionsBefore = sessionsNow;
    const { columns = 0, rows } = this.out;
    if (this.picture !== null) this.draw(renderLive(frame, { columns, rows: rows || DEFAULT_ROWS }));
    else this.out.write(`${liveLine(frame, Math.round(measuredMs / 1000))}\n`);
  }

  /** There is nothing to watch in it. */
  chunks(done: number, total: number, what: string): void {
    this.draw(`${countOf('measuring chunk sizes', done, total)}, ${what}`);
  }

  phase(text: string): void {
    this.note(text);
  }

  note(text: string): void {
    this.done();
    if (this.picture !== null) this.out.write(`${text}\n`);
  }

  done(): void {
    this.picture?.clear();
    this.picture?.done();
  }

  private draw(text: string): void {
    this.picture?.(text);
  }
}

const countOf = (what: string, done: number, total: number): string =>
  `${what}: ${done.toLocaleString('en-US')} of ${total.toLocaleString('en-US')}`;
