/** What the pictures show, as text: how each thread spent its time, and the functions that took most of it. */
import { plainTable } from '../../src/page/plain-table.ts';
import type { Stack, ThreadStacks } from './stacks.ts';

const TOP = 12;
/** Latch classes with a column of their own; the rest is one sum. */
const LATCH_COLUMNS = 3;
export interface Spent {
  readonly thread: string;
  readonly spanUs: number;
  readonly workUs: number;
  readonly sleepUs: number;
  readonly idleUs: number;
  readonly waitUs: ReadonlyMap<string, number>;
}

/** How a thread spent the measured time. */
export function spent({ thread, stacks, totalUs, spanUs }: ThreadStacks): Spent {
  const us = { work: 0, wait: 0, sleep: 0, idle: 0 };
  const waitUs = new Map<string, number>();
  for (const [i, { doing, latch }] of stacks.entries()) {
    us[doing] += totalUs[i];
    if (doing === 'wait') waitUs.set(latch, (waitUs.get(latch) ?? 0) + totalUs[i]);
  }
  return { thread, spanUs, workUs: us.work, sleepUs: us.sleep, idleUs: us.idle, waitUs };
}

/** Time in functions themselves, of all threads together, working or waiting: the most expensive first. */
export function topFunctions(threads: readonly ThreadStacks[]): { name: string; us: number }[] {
  const sum = new Map<string, number>();
  for (const { stacks, totalUs } of threads) {
    for (const [i, stack] of stacks.entries()) {
      const name = stack.doing === 'idle' ? null : nameOf(stack);
      if (name !== null) sum.set(name, (sum.get(name) ?? 0) + totalUs[i]);
    }
  }
  return [...sum].map(([name, us]) => ({ name, us })).toSorted((a, b) => b.us - a.us);
}

/** `lruRemove  lru.js`; what V8 and C++ do is named after its caller too. */
function nameOf({ frames }: Stack): string | null {
  const top = frames.at(-1);
  if (top === undefined) return null;
  if (top.file !== '') return `${top.name}  ${baseName(top.file)}`;
  const caller = frames.findLast((f) => f.file !== '');
  return caller === undefined || top.name.startsWith('(') ? top.name : `${top.name}  from ${caller.name}`;
}

const baseName = (file: string): string => file.split(/[\\/]/).at(-1) ?? file;

export function renderSummary(threads: readonly ThreadStacks[]): string {
  const rows = threads.map(spent);
  const latches = byTime(rows.flatMap((r) => [...r.waitUs]));
  const named = latches.slice(0, LATCH_COLUMNS);
  const lines = rows.map((r) => {
    const share = (us: number): string => (us === 0 ? '' : `${((100 * us) / r.spanUs).toFixed(1)} %`);
    const other = latches.slice(LATCH_COLUMNS).reduce((us, latch) => us + (r.waitUs.get(latch) ?? 0), 0);
    const waits = named.map((latch) => share(r.waitUs.get(latch) ?? 0));
    return [r.thread, share(r.workUs), ...waits, share(other), share(r.sleepUs), share(r.idleUs)];
  });
  const top = topFunctions(threads).slice(0, TOP);
  return [
    'Share of the measured time: at work, waiting by latch class (spinning and parked), asleep until a block may be free, idle',
    plainTable(['thread', 'working', ...named, 'other latches', 'asleep', 'idle'], lines),
    '',
    'Where the time went, all threads together',
    plainTable(
      ['self ms', 'function'],
      top.map(({ name, us }) => [us / 1000, name]),
      [1],
    ),
  ].join('\n');
}

function byTime(waits: readonly (readonly [string, number])[]): string[] {
  const sum = new Map<string, number>();
  for (const [latch, us] of waits) sum.set(latch, (sum.get(latch) ?? 0) + us);
  return [...sum].toSorted((a, b) => b[1] - a[1]).map(([latch]) => latch);
}
