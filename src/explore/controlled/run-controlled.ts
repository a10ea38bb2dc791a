/**
 * Controlled mode: a schedule of the simulator, driven on real worker threads of which one runs at a time, with the
 * real Atomics on real shared memory. It confirms a finding, and tests the simulator against V8.
 *
 * What is not seen: plain accesses, where they are no points of the schedule; JavaScript objects that set-up makes are
 * each thread's own (threads share nothing but memory).
 */
import { checkLinearizable, type HistoryOp } from '../oracle/linearizability.ts';
import type { Build } from '../transform/build.ts';
import { instantiate } from '../transform/instantiate.ts';
import type { Scenario, Step, Switch } from '../types.ts';
import { Board, STATE } from './board.ts';
import { Controller, type End } from './controller.ts';
import { Crew } from './crew.ts';
import { DirectHooks } from './direct-hooks.ts';
import { scenarioNamed, setUp, type Shared } from './scenario.ts';
import { StepLog } from './step-log.ts';
import { WordMap } from './word-map.ts';

const MAX_STEPS = 20_000;
const LIMIT_MS = 10_000;

export interface ControlledOptions {
  /** Of dialect `controlled`. */
  readonly build: Build;
  /** Absolute path of the module that the scenario is in. */
  readonly file: string;
  /** Its name. */
  readonly scenario: string;
  readonly switches: readonly Switch[];
  /**
   * Sites of plain accesses that are no points because of the function that they are in: those of the explored build of
   * the same form, whose sites have the same numbers. Default: those of `build`.
   */
  readonly plainNotPoints?: readonly number[];
  /** The workers are ended after that many ms. Default 10,000. */
  readonly limitMs?: number;
}

export interface ControlledResult {
  /** `check`: all threads ended, and the end was wrong. `hung`: the time limit came first. */
  readonly outcome: End['outcome'] | 'check' | 'linearizability';
  /** What was thrown, by a thread, a rule or the check; null: nothing. */
  readonly error: string | null;
  /** Its thread; −1: none. */
  readonly thread: number;
  /** Points only. */
  readonly steps: readonly Step[];
  /** What each thread returned; undefined for those that did not. */
  readonly results: readonly unknown[];
  /** The scenario's outcome, for its table; empty unless the run completed. */
  readonly text: string;
  /** Operations of the sequential model by threads that ended; steps are those of `steps`. */
  readonly history: readonly HistoryOp[];
  /** A choice of the schedule that could not be made, or never came; null: none. */
  readonly divergence: string | null;
  /** One sentence for each thread that has not ended. */
  readonly where: readonly string[];
}

/**
 * Runs one schedule.
 * @throws Error when there is no such scenario, when set-up throws, or when a worker breaks down
 */
export async function runControlled(o: ControlledOptions): Promise<ControlledResult> {
  const map = new WordMap();
  const instance = await instantiate(o.build, new DirectHooks((bytes) => map.next(bytes)));
  const scenario = scenarioNamed(instance.exports(o.file), o.scenario);
  const shared = setUp(scenario, map);
  const n = scenario.threads.length;
  const maxPoints = scenario.maxSteps ?? MAX_STEPS;
  const share = Board.share(n, o.switches, scenario.mayDie ?? [], maxPoints);
  const board = new Board(share, () => map.checksum());
  // A point in which a thread sleeps makes two steps.
  const memory = StepLog.memory(2 * (maxPoints + n));
  const log = new StepLog(memory);
  const tasks = Array.from({ length: n }, (_, thread) => ({
    thread,
    build: o.build,
    file: o.file,
    scenario: o.scenario,
    plainNotPoints: o.plainNotPoints ?? o.build.plainNotPoints,
    board: share,
    log: memory,
    buffers: map.buffers,
  }));
  const crew = new Crew(tasks, o.limitMs ?? LIMIT_MS);
  try {
    const controller = new Controller(board, crew, log, map);
    const end = await controller.run();
    const { results, history } = controller;
    const verdict = judge(scenario, shared, controller, end);
    return {
      ...verdict,
      steps: log.read(),
      results,
      history,
      divergence: controller.divergence,
      where: whereAll(board, o.build),
    };
  } finally {
    await crew.dismiss();
  }
}

type Verdict = Pick<ControlledResult, 'outcome' | 'error' | 'thread' | 'text'>;

/** Looks at the end as the engine does (engine/engine.ts). */
function judge(scenario: Scenario, { m, s }: Shared, c: Controller, end: End): Verdict {
  if ('error' in end) return { ...end, text: '' };
  const clean: Verdict = { outcome: end.outcome, error: null, thread: -1, text: '' };
  const [dead = -1] = c.inState(STATE.dead);
  if (end.outcome !== 'completed' && (end.outcome !== 'deadlock' || dead < 0)) return clean;
  if (scenario.model !== undefined && dead < 0 && c.history.length > 0) {
    const verdict = checkLinearizable(c.history, scenario.model);
    if (!verdict.ok) return { ...clean, outcome: 'linearizability', error: verdict.lines.join('\n') };
  }
  const { results } = c;
  try {
    if (dead >= 0 && scenario.checkAfterDeath !== undefined) scenario.checkAfterDeath(m, s, results, dead);
    else if (end.outcome === 'completed') scenario.check?.(m, s, results);
  } catch (error) {
    return { ...clean, outcome: 'check', error: error instanceof Error ? error.message : String(error) };
  }
  if (dead >= 0) return { ...clean, outcome: 'completed', text: `thread ${dead} died` };
  return { ...clean, text: scenario.outcome?.(m, s, results) ?? results.map((r) => String(r)).join(', ') };
}

function whereAll(board: Board, build: Build): string[] {
  const out: string[] = [];
  for (let t = 0; t < board.n; t++) {
    const state = board.state(t);
    if (state === STATE.done) continue;
    const site = build.sites[board.site(t)];
    const place = site === undefined ? '' : `: ${site.file}:${site.line} ${site.text}`;
    out.push(`thread ${t} is ${board.stateName(t)} at point ${board.op(t)}${place}`);
  }
  return out;
}
