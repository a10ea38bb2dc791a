/** Worker entry of the alloc bench: a thread that allocates and frees blocks of one size in one of the ways there are. */
import { type ContenderName, makeContender } from '../bench/alloc/contenders.ts';
import type { AllocPlan } from '../bench/alloc/plan.ts';
import { type AllocContender, fillRing, runPairs } from '../bench/alloc/run.ts';
import type { Start } from '../bench/core/crew.ts';
import { passGate } from '../bench/core/gate.ts';

export interface AllocTask {
  readonly contender: ContenderName;
  readonly plan: AllocPlan;
  readonly slot: number;
  readonly bytes: number;
  readonly pairs: number;
}

/** The contender of the last batch: what was compiled for it is of no use to another of its kind. */
let kept: { readonly key: string; readonly contender: AllocContender<unknown> } | null = null;

function contenderOf({ contender: name, plan, slot, bytes }: AllocTask): AllocContender<unknown> {
  const key = `${name} ${slot} ${bytes} ${plan.epochNs}`;
  if (kept?.key !== key) {
    // What it hands out it takes back, whatever that is.
    kept = { key, contender: makeContender(name, plan, slot, bytes) };
  }
  return kept.contender;
}

/** @returns time of the pairs, ms: from the common start, without what is made for them before */
export default function allocBench(task: AllocTask & Start): number {
  const { bytes, pairs } = task;
  const contender = contenderOf(task);
  const ring = fillRing(contender, bytes);
  passGate(task.gate, task.threads);
  const began = performance.now();
  runPairs(contender, ring, bytes, pairs);
  const ms = performance.now() - began;
  for (const block of ring) contender.free(block);
  contender.close?.();
  return ms;
}
