/**
 * Clinic flame's data folder, made from the stacks of several threads: three files, of which the samples hold one
 * stack for each tick. Clinic knows no threads: each becomes a root frame, and so a tower of its own.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import type { Frame, Stack, ThreadStacks } from './stacks.ts';

/** A tick, us, as long as all threads together have no more than MAX_TICKS. */
const TICK_US = 1000;
/** Clinic reads all stacks as one text: about 1.5 KB for each. */
const MAX_TICKS = 100_000;

/** A frame as clinic flame has it; `kind`, whether V8 had optimised it, is not in a CPU profile. */
interface ClinicFrame {
  readonly name: string;
  readonly type: 'JS' | 'CPP';
  readonly kind: '';
}

export interface ClinicData {
  /** `NAME.clinic-flame`, what `clinic flame --visualize-only` takes. */
  readonly folder: string;
  /** Length of a tick, us. */
  readonly tickUs: number;
  readonly ticks: number;
  /** Threads and latches that the picture must show. */
  readonly threads: readonly string[];
  readonly latches: readonly string[];
}

export interface ClinicSource {
  readonly threads: readonly ThreadStacks[];
  /** Which stacks are drawn. */
  readonly show: (stack: Stack) => boolean;
  /** File that a thread's root frame points to. */
  readonly entryOf: (thread: string) => string;
  /** The project's directory: clinic shows paths from there. */
  readonly root: string;
}

/** Writes the folder `NAME.clinic-flame` below `dir`. */
export function writeClinicData(dir: string, name: string, source: ClinicSource): ClinicData {
  const shown = source.threads.map((t) => ({
    thread: t.thread,
    stacks: t.stacks.map((stack, i) => ({ stack, us: t.totalUs[i] })).filter((s) => source.show(s.stack)),
  }));
  const sum = shown.flatMap((t) => t.stacks).reduce((us, s) => us + s.us, 0);
  const tickUs = TICK_US * Math.max(1, Math.ceil(sum / TICK_US / MAX_TICKS));
  const lines: string[] = [];
  const threads = new Set<string>();
  const latches = new Set<string>();
  for (const { thread, stacks } of shown) {
    const ticks = ticksOf(
      stacks.map((s) => s.us),
      tickUs,
    );
    for (const [i, { stack }] of stacks.entries()) {
      if (ticks[i] === 0) continue;
      threads.add(thread);
      if (stack.doing === 'wait') latches.add(stack.latch);
      const line = JSON.stringify([
        towerFrame(thread, source.entryOf(thread)),
        ...stack.frames.map(clinicFrame),
      ]);
      for (let k = 0; k < ticks[i]; k++) lines.push(line);
    }
  }
  const folder = join(dir, `${name}.clinic-flame`);
  const write = (file: string, text: string): void =>
    writeFileSync(join(folder, `${name}.clinic-flame-${file}`), text);
  mkdirSync(folder, { recursive: true });
  write('samples', `[${lines.join(',\n')}]\n`);
  write('inlinedfunctions', '{}\n');
  const info = {
    mainDirectory: source.root,
    pathSeparator: sep,
    nodeVersions: process.versions,
    toolVersion: '',
  };
  write('systeminfo', `${JSON.stringify(info)}\n`);
  return { folder, tickUs, ticks: lines.length, threads: [...threads], latches: [...latches] };
}

/**
 * Whole ticks for each time: their sum is the rounded sum of the times, and the largest remainders are rounded up,
 * so that many short times are not all lost.
 */
export function ticksOf(us: readonly number[], tickUs: number): number[] {
  const ticks = us.map((t) => Math.floor(t / tickUs));
  const total = Math.round(us.reduce((a, b) => a + b, 0) / tickUs);
  const missing = total - ticks.reduce((a, b) => a + b, 0);
  const rest = (i: number): number => us[i] / tickUs - ticks[i];
  const order = us.map((_, i) => i).toSorted((a, b) => rest(b) - rest(a));
  for (const i of order.slice(0, missing)) ticks[i]++;
  return ticks;
}

const towerFrame = (thread: string, entry: string): ClinicFrame => js(thread, entry, 1, 1);

function clinicFrame({ name, file, line, column }: Frame): ClinicFrame {
  if (file === '') return { name, type: 'CPP', kind: '' };
  // Clinic takes an anonymous function of Node's own for the start of the program, and hides all that called it.
  const anonymous = name === '(anonymous)' && file.startsWith('node:');
  return js(anonymous ? 'anonymous' : clean(name), file, line, column);
}

function js(name: string, file: string, line: number, column: number): ClinicFrame {
  return { name: `${name} ${file}:${line}:${column}`, type: 'JS', kind: '' };
}

/** Clinic finds the end of a name by its blank, and knows `get` and `set` before it. */
const clean = (name: string): string => name.replaceAll(/\s+/g, '_');
