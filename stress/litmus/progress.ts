/** Progress on a terminal while questions are asked. Silent where there is no terminal. */
import { SingleBar } from 'cli-progress';

const REDRAW_MS = 250;

export class LitmusProgress {
  private readonly total: number;
  /** How long a question takes on real threads, s; 0 when it is not known. */
  private readonly seconds: number;
  private readonly began = performance.now();
  private bar: SingleBar | null = null;
  private redraw: NodeJS.Timeout | undefined;

  /** @param total number of questions */
  constructor(total: number, seconds: number) {
    this.total = total;
    this.seconds = seconds;
  }

  /** The next question begins. @param done how many have been answered */
  asks(done: number, what: string): void {
    if (!process.stderr.isTTY) return;
    const { total, seconds } = this;
    this.bar = new SingleBar({
      format: '{bar} {percentage} %{left}: {what}',
      clearOnComplete: true,
      stopOnComplete: false,
      hideCursor: true,
      // Signals are the run's.
      gracefulExit: false,
      stream: process.stderr,
    });
    this.bar.start(total, done, { what, left: this.left(done) });
    const since = performance.now();
    this.redraw = setInterval(() => {
      const part = seconds === 0 ? 0 : Math.min(1, (performance.now() - since) / 1000 / seconds);
      this.bar?.update(done + part, { what, left: this.left(done + part) });
    }, REDRAW_MS);
  }

  /** Takes the bar away. */
  done(): void {
    clearInterval(this.redraw);
    this.bar?.stop();
    this.bar = null;
  }

  private left(done: number): string {
    if (done < 1) return '';
    const each = (performance.now() - this.began) / 1000 / done;
    return `, ${Math.ceil(each * (this.total - done))} s left`;
  }
}
