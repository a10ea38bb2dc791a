/** Worker entry of the curve of connection_memory_chunk_size: one session, from connect to close, for one part of a point. */
import { runPart, type PartDone, type PartTask } from '../stress/limit/part.ts';

export default function limitCurve(task: PartTask): PartDone {
  return runPart(task);
}
