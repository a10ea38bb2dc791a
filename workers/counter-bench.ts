/** Worker entry of the counter bench: a session that counts what it allocates, in one of the ways there are. */
import {
  type ContenderName,
  type CounterPlan,
  makeContender,
  replay,
  replayWithLooks,
} from '../bench/counter/contenders.ts';
import type { Start } from '../bench/core/crew.ts';
import { leaveGate, passGate, someLeft } from '../bench/core/gate.ts';
import type { Ahead } from '../src/observe/connection-memory.ts';

export interface CounterTask {
  readonly contender: ContenderName;
  readonly plan: CounterPlan;
  readonly slot: number;
  readonly ops: Int32Array;
  readonly passes: number;
  /** Look at the counters on the way: not to be timed. */
  readonly look: boolean;
}

export default function counterBench(task: CounterTask & Start): Ahead | null {
  const contender = makeContender(task.contender, task.plan, task.slot);
  passGate(task.gate, task.threads);
  const { ops, passes } = task;
  if (!task.look) {
    replay(contender, ops, passes);
    return null;
  }
  const seen = replayWithLooks(contender, ops, passes, task.plan, () => someLeft(task.gate));
  leaveGate(task.gate);
  return seen;
}
