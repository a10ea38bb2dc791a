/** Entry point of an exploring worker (Piscina): one scenario or one mutant a task. */
export { default } from '../stress/explore/tasks.ts';
