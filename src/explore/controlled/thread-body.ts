/** What a worker thread of controlled mode does with a task; workers/explore-controlled.ts starts it. */
import type { MessagePort } from 'node:worker_threads';
import type { HistoryOp } from '../oracle/linearizability.ts';
import type { Build } from '../transform/build.ts';
import { instantiate } from '../transform/instantiate.ts';
import type { Ctx, Scenario } from '../types.ts';
import { Board, type BoardShare } from './board.ts';
import { scenarioNamed, setUp, type Shared } from './scenario.ts';
import { StepLog } from './step-log.ts';
import { type Ask, ControlledThread, type Rules } from './thread.ts';
import { WordMap } from './word-map.ts';

/** What a worker is given, as plain data. */
export interface ThreadTask {
  readonly thread: number;
  readonly build: Build;
  readonly file: string;
  readonly scenario: string;
  /** Sites of plain accesses that are no points. */
  readonly plainNotPoints: readonly number[];
  readonly board: BoardShare;
  readonly log: SharedArrayBuffer;
  /** What the controller's set-up has made. */
  readonly buffers: readonly SharedArrayBuffer[];
}

/** Why a worker gives the turn to the controller. */
export type ThreadMessage = { readonly thread: number } & (
  | Ask
  | { readonly ask: 'loaded' }
  | { readonly ask: 'set-up' }
  | { readonly ask: 'ended'; readonly result: unknown; readonly history: readonly HistoryOp[] }
  | { readonly ask: 'failed'; readonly error: string; readonly stack: string }
);

/** A task as it is posted: a worker has kept the build that it was given last. */
type PostedTask = Omit<ThreadTask, 'build'> & { readonly build: Build | null };

/** Runs the threads that are posted, one after the other. What goes wrong ends the worker. */
export function serveTasks(port: MessagePort): void {
  let last: Build | null = null;
  port.on('message', (posted: PostedTask) => {
    const build = posted.build ?? last;
    if (build === null) throw new Error('a task came without a build');
    last = build;
    void runThread({ ...posted, build }, port);
  });
}

async function runThread(task: ThreadTask, port: MessagePort): Promise<void> {
  const { thread } = task;
  const map = new WordMap(task.buffers);
  const board = new Board(task.board, () => map.checksum());
  const log = new StepLog(task.log);
  const give = (message: ThreadMessage): void => port.postMessage(message);
  const hooks = new ControlledThread(thread, board, log, map, (ask) => give({ thread, ...ask }));
  const instance = await instantiate(task.build, hooks);
  const scenario = scenarioNamed(instance.exports(task.file), task.scenario);
  give({ thread, ask: 'loaded' });
  board.listen(thread);
  const shared = setUp(scenario, map);
  give({ thread, ask: 'set-up' });
  board.listen(thread);
  const history: HistoryOp[] = [];
  const ctx = contextOf(thread, shared, history, () => log.length);
  try {
    const result = hooks.run(
      () => scenario.threads[thread](ctx),
      rulesOf(task, scenario, shared, thread, map),
    );
    try {
      give({ thread, ask: 'ended', result, history });
    } catch {
      // A result that cannot be cloned.
      give({ thread, ask: 'ended', result: String(result), history: [] });
    }
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? '') : '';
    give({ thread, ask: 'failed', error: String(error), stack });
  }
}

function contextOf(id: number, shared: Shared, history: HistoryOp[], step: () => number): Ctx {
  let open: HistoryOp | null = null;
  return {
    id,
    ...shared,
    call: (op, ...args) => {
      open = { thread: id, op, args, result: undefined, call: step(), ret: -1 };
      history.push(open);
    },
    ret: (result) => {
      if (open === null) throw new Error('ctx.ret without ctx.call');
      Object.assign(open, { result, ret: step() });
      open = null;
      return result;
    },
  };
}

/** The scenario's rules, as the engine looks at them. Plain writes that are no points go unseen. */
function rulesOf(
  { build, plainNotPoints }: ThreadTask,
  scenario: Scenario,
  { m, s }: Shared,
  thread: number,
  map: WordMap,
): Rules {
  const { plain } = build.options;
  const notPoints = new Set(plainNotPoints);
  const onWrite = scenario.onWrite?.bind(scenario);
  const invariant = scenario.invariant?.bind(scenario);
  const check = (word: number, words: number): void => {
    for (let w = word; w < word + words; w++) {
      if (scenario.watched?.(w, s) ?? true) onWrite?.(m, s, w, map.get(w), thread);
    }
    invariant?.(m, s);
  };
  return {
    isPoint: (word, site) =>
      word >= 0 && !notPoints.has(site) && (plain === 'all' || scenario.words?.(word, s)?.dirtyRead === true),
    check: onWrite === undefined && invariant === undefined ? null : check,
  };
}
