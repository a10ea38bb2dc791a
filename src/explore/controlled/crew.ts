/** The worker threads of a controlled run, and what they say, in the order in which they say it. */
import { Hand } from './hand.ts';
import type { ThreadMessage, ThreadTask } from './thread-body.ts';

/** What the controller hears: a thread's message, a worker that broke down, or that time is up. */
export type Heard =
  | ThreadMessage
  | { readonly ask: 'broken'; readonly thread: number; readonly error: Error }
  | { readonly ask: 'time-is-up' };

export class Crew {
  private readonly hands: Hand[];
  private readonly heard: Heard[] = [];
  private waiting: ((heard: Heard) => void) | null = null;
  private readonly timer: NodeJS.Timeout;
  timeIsUp = false;

  /** @param limitMs from now on */
  constructor(tasks: readonly ThreadTask[], limitMs: number) {
    this.timer = setTimeout(() => {
      this.timeIsUp = true;
      this.hear({ ask: 'time-is-up' });
    }, limitMs);
    this.hands = tasks.map((task) =>
      Hand.hire(task, {
        said: (message) => this.hear(message),
        broke: (error) => this.hear({ ask: 'broken', thread: task.thread, error }),
      }),
    );
  }

  private hear(heard: Heard): void {
    const { waiting } = this;
    this.waiting = null;
    if (waiting === null) this.heard.push(heard);
    else waiting(heard);
  }

  /** The next message. Once time is up, nothing else is heard. */
  async next(): Promise<Heard> {
    if (this.timeIsUp) return { ask: 'time-is-up' };
    return this.heard.shift() ?? new Promise((resolve) => (this.waiting = resolve));
  }

  /** Ends one thread as a death does. */
  kill(thread: number): Promise<void> {
    return this.hands[thread].kill();
  }

  async dismiss(): Promise<void> {
    clearTimeout(this.timer);
    await Promise.all(this.hands.map((hand) => hand.dismiss()));
  }
}
