/** The public API: what a program that uses latchlab as a library may count on. */
export { attachEngine, createEngine, planEngine } from './engine.ts';
export type { Attached, EngineConfig, EnginePlan, EngineShare } from './engine.ts';
export { bufPageGet } from './buffer/get-page.ts';
export { mtrCommit, mtrReleaseLast, mtrSetModified } from './buffer/mtr.ts';
export { attachPool, attachPoolThread, makeSimplePool } from './buffer/simple-pool.ts';
export { FETCH, RW } from './buffer/states.ts';
export { validateInstance } from './buffer/validate.ts';
export { RealClock, VirtualClock } from './layout/clock.ts';
export { ALL_RECORDS } from './layout/records.ts';
export { renderMap } from './layout/map.ts';
export { replayTrace } from './session/program/replay.ts';
export { mutexEnter, mutexExit, mutexInit, mutexTryEnter } from './sync/mutex.ts';
export {
  sxLockInit,
  sxSLock,
  sxSTryLock,
  sxSUnlock,
  sxSxLock,
  sxSxTryLock,
  sxSxUnlock,
  sxXLock,
  sxXTryLock,
  sxXUnlock,
} from './sync/sx-lock.ts';
export { eventInit, eventReset, eventSet, eventWait } from './sync/event.ts';
export { LATCH, LATCHES } from './sync/latch-meta.ts';
export { attachThread, planRuntime, runtimeInit } from './sync/runtime.ts';
