/**
 * The server's error log, as one thread writes it: lines are kept (a bounded number, then only counted) and handed
 * to the main thread when the thread ends or fails.
 */
export type Priority = 'Note' | 'Warning' | 'Error';

export interface LogLine {
  readonly priority: Priority;
  readonly subsystem: 'InnoDB' | 'Server';
  readonly text: string;
}

const MAX_LINES = 200;

export class ErrorLog {
  readonly lines: LogLine[] = [];
  /** Lines that were written after the log was full. */
  dropped = 0;

  write(priority: Priority, text: string, subsystem: 'InnoDB' | 'Server' = 'InnoDB'): void {
    if (this.lines.length < MAX_LINES) this.lines.push({ priority, subsystem, text });
    else this.dropped++;
  }
}
