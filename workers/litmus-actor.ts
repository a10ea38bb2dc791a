/** Entry point of a litmus thread: sits down, waits for the start signal, runs its actor, answers with a number. */
import { parentPort, workerData } from 'node:worker_threads';
import { CONTROL } from '../src/layout/thread.ts';
import { seatThread } from '../src/sync/test-kit.ts';
import { ACTORS, type ActorTask } from '../stress/litmus/latches/actors.ts';

const task = workerData as ActorTask;
const thr = seatThread(task.seats, task.id);
// No slices: a lost wake-up must hang, and be found, not be healed half a second later.
(thr as { waitSliceMs: number }).waitSliceMs = Infinity;

const { control } = task.seats;
Atomics.add(thr.mem, control + CONTROL.at.started, 1);
Atomics.notify(thr.mem, control + CONTROL.at.started);
Atomics.wait(thr.mem, control + CONTROL.at.go, 0);
parentPort?.postMessage(ACTORS[task.actor](thr, task.where));
