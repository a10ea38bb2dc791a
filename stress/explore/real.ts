/** A replayed schedule once more, on real worker threads of which one runs at a time. */
import { firstDifference } from '../../src/explore/controlled/compare.ts';
import { type ControlledResult, runControlled } from '../../src/explore/controlled/run-controlled.ts';
import type { FindingKind, PlainPoints, Step, Switch } from '../../src/explore/types.ts';
import type { CatalogEntry } from './catalog.ts';
import { theHost } from './labs.ts';

/** A schedule, and what the simulator made of it. */
export interface Simulated {
  readonly plain: PlainPoints;
  readonly switches: readonly Switch[];
  readonly steps: readonly Step[];
  /** null: nothing was found. */
  readonly kind: FindingKind | null;
}

export interface Confirmed {
  readonly result: ControlledResult;
  /** The first difference from the simulator, as one sentence; null: none. */
  readonly difference: string | null;
}

/** @param overlay sources in place of those on disk */
export async function confirmOnRealThreads(
  entry: Pick<CatalogEntry, 'file' | 'name'>,
  simulated: Simulated,
  overlay?: ReadonlyMap<string, string>,
): Promise<Confirmed> {
  const options = {
    entry: [entry.file],
    plain: simulated.plain,
    state: false,
    ...(overlay !== undefined && { overlay }),
  } as const;
  const build = theHost().build({ ...options, dialect: 'controlled' });
  // Which plain accesses can be no points is known to the explored build only: functions stay functions here.
  const { plainNotPoints } = theHost().build({ ...options, dialect: 'explore' });
  const result = await runControlled({
    build,
    plainNotPoints,
    file: entry.file,
    scenario: entry.name,
    switches: simulated.switches,
  });
  return { result, difference: firstDifference(simulated.kind, simulated.steps, result) };
}

/** What is printed about it. */
export function realText({ result, difference }: Confirmed): string {
  const points = result.steps.length;
  const error = result.error === null ? '' : `: ${result.error}`;
  const lines = [
    `On real threads: ${result.outcome} after ${points} points${error}`,
    difference === null ? '  step for step as simulated' : `  DIFFERS: ${difference}`,
    ...result.where.map((w) => `  ${w}`),
  ];
  return `${lines.join('\n')}\n`;
}
