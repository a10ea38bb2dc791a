/** `latchlab/explore`: every interleaving of code on a SharedArrayBuffer. docs/exploring.md is the way in. */
export { explore, exploreModule, type TestOptions } from './api.ts';
export { Engine, type RunResult } from './engine/engine.ts';
export { CUT, type Strategy } from './engine/strategy.ts';
export {
  exploreScenario,
  type Explored,
  type ExploreOptions,
  type Profile,
  PROFILES,
  replayString,
} from './explorer.ts';
export type { Failure } from './investigate.ts';
export { type BuildSource, type Form, Lab, scenariosOf } from './lab.ts';
export { checkLinearizable, type HistoryOp } from './oracle/linearizability.ts';
export { failureText } from './report/failure-text.ts';
export { parseReplay, printSchedule, printSeed } from './report/schedule-string.ts';
export { type Draw, PORTFOLIO, sample } from './search/portfolio.ts';
export { ReplayStrategy } from './search/replay.ts';
export { deepen, exhaust } from './search/search.ts';
export { type Build, type BuildOptions, TransformError } from './transform/build.ts';
export { Host } from './transform/host.ts';
export { instantiate } from './transform/instantiate.ts';
export type {
  Coverage,
  Ctx,
  Finding,
  FindingKind,
  LatchTaken,
  Model,
  PlainPoints,
  Scenario,
  Site,
  Step,
  StrategyName,
  Switch,
  ThreadBody,
  WordInfo,
} from './types.ts';
