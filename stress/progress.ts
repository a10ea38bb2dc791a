/** Progress on a terminal: a bar with rate and time left for each phase. Silent where there is no terminal. */
import { SingleBar } from 'cli-progress';
import type { EngineShare } from '../src/engine.ts';
import { CONTROL } from '../src/layout/thread.ts';
import { addPoolStats } from '../src/observe/pool-stats.ts';
import { instanceReports } from './report.ts';
import type { RunEvents } from './run-types.ts';

export class Progress implements RunEvents {
  private readonly tty = process.stderr.isTTY;
  private readonly seconds: number;
  private readonly traceLength: number;
  private bar: SingleBar | null = null;
  private phaseName = '';
  private gets = 0;
  private reads = 0;

  constructor(seconds: number, traceLength: number) {
    this.seconds = seconds;
    this.traceLength = traceLength;
  }

  preparing(done: number, total: number): void {
    this.show('filling data files', done, total, 'pages');
  }

  verifying(done: number, total: number): void {
    this.show('verifying pages', done, total, 'pages');
  }

  tick(share: EngineShare, elapsedMs: number): void {
    if (!this.tty) return;
    const sum = addPoolStats(instanceReports(share).map((i) => i.counters));
    const gets = sum.pageGets - this.gets;
    const reads = sum.pagesRead - this.reads;
    this.gets = sum.pageGets;
    this.reads = sum.pagesRead;
    const info = `${gets.toLocaleString('en-US')} gets/s, hits ${gets === 0 ? '-' : (100 - (100 * reads) / gets).toFixed(1)} %`;
    if (this.seconds > 0) {
      this.show('running', Math.min(this.seconds, Math.round(elapsedMs / 1000)), this.seconds, `s, ${info}`);
      return;
    }
    const cursor = new Int32Array(share.buffer)[share.plan.runtime.control + CONTROL.at.traceCursor] >>> 0;
    this.show('replaying', Math.min(cursor, this.traceLength), this.traceLength, `requests, ${info}`);
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
