/**
 * Worker threads, hired for one thread of one controlled run and kept for the next: to start one takes longer than most
 * schedules.
 */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Build } from '../transform/build.ts';
import type { ThreadMessage, ThreadTask } from './thread-body.ts';

/** The compiled worker: seen from dist/src/explore/controlled, or from the sources that vitest runs. */
function workerUrl(): URL {
  const beside = new URL('../../../workers/explore-controlled.js', import.meta.url);
  return existsSync(beside)
    ? beside
    : new URL('../../../dist/workers/explore-controlled.js', import.meta.url);
}

/** Most that are kept: as many as a scenario may have threads. */
const MOST_IDLE = 8;
const idle: Hand[] = [];

/** Who hears what a thread says. */
export interface Listener {
  said(message: ThreadMessage): void;
  broke(error: Error): void;
}

export class Hand {
  private readonly worker = new Worker(workerUrl());
  private listener: Listener | null = null;
  /** What it was given last, and still has. */
  private build: Build | null = null;
  /** It has a task that it has not ended. */
  private busy = false;

  private constructor() {
    this.worker.on('message', (message: ThreadMessage) => {
      if (message.ask === 'ended' || message.ask === 'failed') this.busy = false;
      this.listener?.said(message);
    });
    this.worker.on('error', (error: Error) => {
      this.busy = true;
      this.listener?.broke(error);
    });
    this.worker.on('exit', () => {
      const at = idle.indexOf(this);
      if (at !== -1) idle.splice(at, 1);
    });
  }

  /** Gives a task to an idle worker, or to a new one. */
  static hire(task: ThreadTask, listener: Listener): Hand {
    const hand = idle.pop() ?? new Hand();
    hand.worker.ref();
    hand.listener = listener;
    hand.busy = true;
    hand.worker.postMessage({ ...task, build: hand.build === task.build ? null : task.build });
    hand.build = task.build;
    return hand;
  }

  /** Ends the thread as a death does: no `finally`, no exit hook. */
  async kill(): Promise<void> {
    this.busy = true;
    await this.worker.terminate();
  }

  /** Ends it if it is still at its task; otherwise it waits for the next, and keeps no process alive. */
  async dismiss(): Promise<void> {
    this.listener = null;
    if (this.busy || idle.length >= MOST_IDLE) {
      await this.worker.terminate();
      return;
    }
    this.worker.unref();
    idle.push(this);
  }
}
