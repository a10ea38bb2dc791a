/** Progress of an exploration on a terminal: what is done of how much, rate, time left. Silent elsewhere. */
import { SingleBar } from 'cli-progress';
import { num } from '../../src/page/format.ts';

const TICK_MS = 200;

export class ExploreProgress {
  private bar: SingleBar | null = null;
  private timer: NodeJS.Timeout | null = null;
  private done = 0;
  private last = { schedules: 0, at: 0 };
  private readonly total: number;
  private readonly unit: string;
  private readonly schedules: () => number;

  /** @param schedules how many have been run so far, for the rate */
  constructor(total: number, unit: string, schedules: () => number) {
    this.total = total;
    this.unit = unit;
    this.schedules = schedules;
    if (!process.stderr.isTTY) return;
    this.start();
    this.timer = setInterval(() => this.draw(), TICK_MS);
  }

  private start(): void {
    this.bar = new SingleBar({
      format: `{bar} {value} of {total} ${this.unit}, {info}, {eta_formatted} left`,
      clearOnComplete: true,
      stopOnComplete: false,
      hideCursor: true,
      // Signals are the run's.
      gracefulExit: false,
      stream: process.stderr,
    });
    this.bar.start(this.total, this.done, { info: '' });
  }

  private draw(): void {
    const schedules = this.schedules();
    const at = performance.now();
    const rate = ((schedules - this.last.schedules) / Math.max(1, at - this.last.at)) * 1000;
    this.last = { schedules, at };
    this.bar?.update(this.done, { info: `${num(schedules)} schedules, ${num(Math.max(0, rate))}/s` });
  }

  step(): void {
    this.done++;
    this.bar?.update(this.done);
  }

  /** Writes a text below what has been written, above the bar. */
  note(text: string): void {
    this.bar?.stop();
    process.stdout.write(text);
    if (this.bar !== null) this.start();
  }

  end(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.bar?.stop();
    this.bar = null;
  }
}
