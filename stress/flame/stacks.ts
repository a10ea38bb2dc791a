/**
 * What a thread did, from its CPU profile: which stacks it was in, for how long, and whether it worked or waited. The
 * names tell: who waits does so in a function of src/sync/park-sites.ts.
 */
import { fileURLToPath } from 'node:url';
import { type CpuProfile, type ProfileNode, samplesOf } from './cpu-profile.ts';

export interface Frame {
  readonly name: string;
  /** Path; `node:…` for Node's own; empty for what V8 and C++ do. */
  readonly file: string;
  /** From 1; 0 where there is no source. */
  readonly line: number;
  readonly column: number;
}

export type Doing = 'work' | 'wait' | 'sleep' | 'idle';

export interface Stack {
  /** From the thread's task to the top. */
  readonly frames: readonly Frame[];
  readonly doing: Doing;
  /** Of a wait: the last part of the latch's instrument. */
  readonly latch: string;
}

export interface ThreadStacks {
  /** `node1-session3` */
  readonly thread: string;
  /** Each stack once. */
  readonly stacks: readonly Stack[];
  /** Time in each of them, us. */
  readonly totalUs: readonly number[];
  /** In order of time: index into `stacks`, and for how long, us. Neighbours differ. */
  readonly runs: readonly { readonly stack: number; readonly us: number }[];
  /** Length of the profile, us. */
  readonly spanUs: number;
}

const WAITING = /^(?:park|spin)_(.+)$/;
/** The last is where a worker of Piscina waits for a task. */
const IDLE = /^(?:idle_|atomicsWaitLoop$)/;
/** A sleep on the clock: a session that found no free block. */
const SLEEP = 'sleepUs';
const ROOT = '(root)';
const V8_IDLE = '(idle)';

const isWaitingPlace = (name: string): boolean => WAITING.test(name) || IDLE.test(name);

/** The stacks of a profile. Several of its nodes may be one stack. */
export function threadStacks(thread: string, profile: CpuProfile): ThreadStacks {
  const pathOf = paths(profile.nodes);
  const stacks: Stack[] = [];
  const totalUs: number[] = [];
  const byKey = new Map<string, number>();
  const byNode = new Map<number, number>();
  const stackOf = (node: number): number => {
    const known = byNode.get(node);
    if (known !== undefined) return known;
    const frames = trimmed(pathOf(node).map(frameOf));
    const key = JSON.stringify(frames);
    const index = byKey.get(key) ?? stacks.length;
    if (index === stacks.length) {
      stacks.push(describe(frames));
      totalUs.push(0);
      byKey.set(key, index);
    }
    byNode.set(node, index);
    return index;
  };
  const runs: { stack: number; us: number }[] = [];
  for (const { node, us } of samplesOf(profile)) {
    const stack = stackOf(node);
    totalUs[stack] += us;
    const last = runs.at(-1);
    if (last?.stack === stack) last.us += us;
    else runs.push({ stack, us });
  }
  return { thread, stacks, totalUs, runs, spanUs: profile.endTime - profile.startTime };
}

/** By node id: the nodes from the root to it. */
function paths(nodes: readonly ProfileNode[]): (id: number) => ProfileNode[] {
  const byId = new Map(nodes.map((n) => [n.id, n]));
  const parent = new Map(nodes.flatMap((n) => (n.children ?? []).map((child) => [child, n.id])));
  return (id) => {
    const path: ProfileNode[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parent.get(at)) {
      const node = byId.get(at);
      if (node === undefined) break;
      path.unshift(node);
    }
    return path;
  };
}

function frameOf({ callFrame: { functionName, url, lineNumber, columnNumber } }: ProfileNode): Frame {
  const file = url.startsWith('file://') ? fileURLToPath(url) : url;
  return { name: functionName || '(anonymous)', file, line: lineNumber + 1, column: columnNumber + 1 };
}

/** What Node, the thread pool and the worker's entry do before they call the thread's real work. */
const calls = ({ file }: Frame): boolean =>
  file === '' || file.startsWith('node:') || /[\\/](?:node_modules|workers)[\\/]/.test(file);
/** What stands between a latch's slow path and the place of waiting. */
const leadsToPlace = ({ file }: Frame): boolean => /[\\/]sync[\\/]park(?:-sites)?\.[jt]s$/.test(file);

/** Without what only leads to the work, or to the place of waiting, and without what that place is made of. */
function trimmed(all: Frame[]): Frame[] {
  const frames = all.filter((f, i) => i > 0 || f.name !== ROOT);
  const work = frames.findIndex((f) => !calls(f));
  const own = frames.slice(Math.max(0, work));
  const place = own.findIndex((f) => isWaitingPlace(f.name));
  return place < 0 ? own : [...own.slice(0, place).filter((f) => !leadsToPlace(f)), own[place]];
}

function describe(frames: readonly Frame[]): Stack {
  const top = frames.at(-1)?.name ?? V8_IDLE;
  const latch = WAITING.exec(top)?.[1];
  if (latch !== undefined) return { frames, doing: 'wait', latch };
  if (IDLE.test(top) || top === V8_IDLE) return { frames, doing: 'idle', latch: '' };
  return { frames, doing: top === SLEEP ? 'sleep' : 'work', latch: '' };
}
