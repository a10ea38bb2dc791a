/** Worker entry: replays one row of a trace. The trace lies in shared memory, so tasks are small. */
import { type ReplayOptions, type ReplayResult, replayTrace } from '../src/session/program/replay.ts';

export interface ReplayTask {
  readonly pages: Uint32Array;
  readonly options: ReplayOptions;
}

export default function replay(task: ReplayTask): ReplayResult {
  return replayTrace(task.pages, task.options);
}
