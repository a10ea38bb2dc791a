/** Progress of a measurement on a terminal: a bar with the time left. Silent where there is no terminal. */
import { SingleBar } from 'cli-progress';

export class BenchProgress {
  private bar: SingleBar | null = null;

  show(done: number, total: number, next: string): void {
    if (!process.stderr.isTTY) return;
    if (this.bar === null) {
      this.bar = new SingleBar({
        format: '{bar} {percentage} %, {eta_formatted} left, round {value} of {total}: {next}',
        clearOnComplete: true,
        stopOnComplete: false,
        hideCursor: true,
        // Signals are the run's.
        gracefulExit: false,
        stream: process.stderr,
      });
      this.bar.start(total, done, { next });
      return;
    }
    this.bar.update(done, { next });
  }

  done(): void {
    this.bar?.stop();
    this.bar = null;
  }
}
