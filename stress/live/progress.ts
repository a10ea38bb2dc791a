/** Progress on a terminal: a bar with rate and time left for each phase. Silent where there is no terminal. */
import { SingleBar } from 'cli-progress';
import type { EngineShare } from '../../src/engine.ts';
import { CONTROL } from '../../src/layout/thread.ts';
import { takeSample } from '../../src/observe/sample.ts';
import { observedOf } from '../runner/measured.ts';
import type { RunEvents } from '../runner/run-types.ts';

/** How long a run is to take. */
export interface RunLength {
  /** Measured time, s; 0: to the end of the trace. */
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Requests. */
  readonly traceLength: number;
}

/** What the user sees while a run goes on, on standard error. */
export interface Display extends RunEvents {
  /** The curve of chunk sizes: steps done, and what the next one measures. */
  chunks?(done: number, total: number, what: string): void;
  /** A line that stays. */
  note(text: string): void;
  /** Takes away what is not to stay. */
  done(): void;
}

export class Progress implements Display {
  private readonly tty = process.stderr.isTTY;
  private readonly length: RunLength;
  private bar: SingleBar | null = null;
  private phaseName = '';
  private gets = 0;
  private reads = 0;

  constructor(length: RunLength) {
    this.length = length;
  }

  preparing(done: number, total: number): void {
    this.show('filling data files', done, total, 'pages');
  }

  verifying(done: number, total: number): void {
    this.show('verifying pages', done, total, 'pages');
  }

  tick(share: EngineShare, measuredMs: number): void {
    if (!this.tty) return;
    const sum = takeSample(observedOf(share), measuredMs);
    const gets = sum.pageGets - this.gets;
    const reads = sum.pagesRead - this.reads;
    this.gets = sum.pageGets;
    this.reads = sum.pagesRead;
    const info = `${gets.toLocaleString('en-US')} gets/s, hits ${gets === 0 ? '-' : (100 - (100 * reads) / gets).toFixed(1)} %`;
    const { phase, value, total, unit } = stage(share, measuredMs, this.length);
    this.show(phase, value, total, `${unit}, ${info}`);
  }

  chunks(done: number, total: number, what: string): void {
    this.show('measuring chunk sizes', done, total, what);
  }

  phase(text: string): void {
    this.note(text);
  }

  note(text: string): void {
    this.done();
    if (this.tty) process.stderr.write(`${text}\n`);
  }

  done(): void {
    this.bar?.stop();
    this.bar = null;
  }

  private show(phase: string, value: number, total: number, info: string): void {
    if (!this.tty) return;
    if (this.bar === null || phase !== this.phaseName) {
      this.done();
      this.phaseName = phase;
      this.bar = new SingleBar({
        format: `${phase} {bar} {percentage} %, {eta_formatted} left, {value} of {total} {info}`,
        clearOnComplete: true,
        stopOnComplete: false,
        hideCursor: true,
        // Signals are the run's.
        gracefulExit: false,
        stream: process.stderr,
      });
      this.bar.start(total, value, { info });
      return;
    }
    this.bar.update(value, { info });
  }
}

export interface Stage {
  readonly phase: string;
  readonly value: number;
  readonly total: number;
  readonly unit: string;
}

/** How far a run has come. @param measuredMs negative in the warm-up */
export function stage(share: EngineShare, measuredMs: number, length: RunLength): Stage {
  const { seconds, warmupSeconds, traceLength } = length;
  const passed = Math.round(measuredMs / 1000);
  if (measuredMs < 0) {
    return { phase: 'warming up', value: warmupSeconds + passed, total: warmupSeconds, unit: 's' };
  }
  if (seconds > 0) return { phase: 'running', value: Math.min(seconds, passed), total: seconds, unit: 's' };
  const cursor = new Int32Array(share.buffer)[share.plan.runtime.control + CONTROL.at.traceCursor] >>> 0;
  return { phase: 'replaying', value: Math.min(cursor, traceLength), total: traceLength, unit: 'requests' };
}
