/** Progress on a terminal while objects are allocated. Silent where there is no terminal. */
import { SingleBar } from 'cli-progress';

export class BillProgress {
  private bar: SingleBar | null = null;

  tell(done: number, total: number): void {
    if (!process.stderr.isTTY) return;
    if (this.bar === null) {
      this.bar = new SingleBar({
        format: '{bar} {value} of {total} objects, {speed}/s, {eta_formatted} left',
        clearOnComplete: true,
        hideCursor: true,
        gracefulExit: false,
        stream: process.stderr,
      });
      this.bar.start(total, done, { speed: '' });
      this.began = performance.now();
    }
    const seconds = Math.max(0.001, (performance.now() - this.began) / 1000);
    this.bar.update(done, { speed: Math.round(done / seconds) });
  }

  done(): void {
    this.bar?.stop();
  }

  private began = performance.now();
}
