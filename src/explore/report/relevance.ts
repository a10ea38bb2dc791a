/**
 * Which steps of a schedule a reader needs to see: those on words that threads fight over, those that the finding is
 * about, and those where the processor changes hands.
 */
import type { Finding, Step } from '../types.ts';

const ASLEEP_OR_AWAKE: readonly Step['kind'][] = ['wait', 'wake', 'timeout', 'die'];

const writes = (s: Step): boolean => s.wrote !== undefined || s.kind === 'store' || s.kind === 'write';

/** Whether the finding is about each step: for each of its places the last step there. */
export function stepsOfFinding(steps: readonly Step[], finding: Pick<Finding, 'places' | 'word'>): boolean[] {
  const marked = steps.map(() => false);
  for (const { thread, site } of finding.places) {
    const here = (s: Step): boolean => s.thread === thread && s.site === site;
    const onWord = steps.findLastIndex((s) => here(s) && s.word === finding.word);
    const last = onWord >= 0 ? onWord : steps.findLastIndex(here);
    if (last >= 0) marked[last] = true;
  }
  return marked;
}

/** Whether each step is worth a line; `marked` ones are. */
export function relevantSteps(steps: readonly Step[], marked: readonly boolean[]): boolean[] {
  const contested = contestedWords(steps);
  return steps.map(
    (s, i) =>
      marked[i] ||
      s.preempts === true ||
      ASLEEP_OR_AWAKE.includes(s.kind) ||
      contested.has(s.word) ||
      steps[i - 1]?.thread !== s.thread ||
      (i + 1 < steps.length && steps[i + 1].thread !== s.thread),
  );
}

/** Words that several threads have touched, and at least one of them has written. */
function contestedWords(steps: readonly Step[]): ReadonlySet<number> {
  const users = new Map<number, Set<number>>();
  const written = new Set<number>();
  for (const s of steps) {
    if (s.word < 0) continue;
    const threads = users.get(s.word);
    if (threads === undefined) users.set(s.word, new Set([s.thread]));
    else threads.add(s.thread);
    if (writes(s)) written.add(s.word);
  }
  return new Set([...written].filter((word) => (users.get(word)?.size ?? 0) > 1));
}
