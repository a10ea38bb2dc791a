/** Entry point of real threads that run under a schedule, one task after the other: see src/explore/controlled. */
import { parentPort } from 'node:worker_threads';
import { serveTasks } from '../src/explore/controlled/thread-body.ts';

if (parentPort === null) throw new Error('this is the entry of a worker thread');
serveTasks(parentPort);
