/** Entry point of a thread that plays one actor of a litmus question. */
import { availableParallelism } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { loadQuestion } from '../stress/litmus/questions.ts';
import { type Part, runPart } from '../stress/litmus/real-batch.ts';

const part = workerData as Part;
parentPort?.postMessage(runPart(part, await loadQuestion(part.href), availableParallelism()));
