/** `npm run bench -- latch`: our latches beside textbook versions, the engine's own and those of packages. */
import Table from 'cli-table3';
import type { OwnOption } from '../../src/config/cli.ts';
import { OptionError } from '../../src/config/errors.ts';
import { type BenchCase, type BenchContext, family, type Round } from '../core/case.ts';
import type { Row, Settings } from '../core/row.ts';
import { BenchProcess } from '../core/process.ts';
import { PLAIN } from '../core/variant.ts';
import type { LatchRequest, LatchSample } from './child.ts';
import type { LatchContender } from './contender.ts';
import { CONTENDERS } from './contenders.ts';

/** Rounds that one process measures before another takes over. */
const ROUNDS_PER_PROCESS = 2;
const ROUNDS = { full: 7, quick: 3 } as const;
const MAX_THREADS = 64;
const THREADS = '1,2,4';
const QUICK_THREADS = '2';

const OPTIONS = [
  {
    name: 'threads',
    kind: 'string',
    default: null,
    doc: `threads on one latch, several with commas; ${THREADS} unless given, ${QUICK_THREADS} in a quick run`,
  },
  {
    name: 'section',
    kind: 'int',
    default: 50,
    min: 0,
    max: 1_000_000,
    doc: 'rounds of plain arithmetic inside the latch, about 1 ns each',
  },
  {
    name: 'think',
    kind: 'int',
    default: 200,
    min: 0,
    max: 1_000_000,
    doc: 'rounds of plain arithmetic between two sections',
  },
  {
    name: 'contender',
    kind: 'string',
    default: null,
    doc: `only contenders whose name holds this text; all are ${CONTENDERS.map((c) => c.name).join('; ')}`,
  },
] as const satisfies readonly OwnOption[];

/** Processes by contender: its cases share one, and those of other contenders have none of it. */
class Hosts {
  private readonly running = new Map<
    string,
    { readonly group: number; readonly process: BenchProcess<LatchRequest, LatchSample> }
  >();

  async ask(
    { name, execArgv = [] }: LatchContender,
    group: number,
    request: LatchRequest,
  ): Promise<LatchSample> {
    let host = this.running.get(name);
    if (host?.group !== group) {
      await host?.process.close();
      host = { group, process: new BenchProcess(PLAIN.url('bench/latch/child.js'), execArgv) };
      this.running.set(name, host);
    }
    return host.process.ask(request);
  }

  /** All cases are closed after the last round of any. */
  async close({ name }: LatchContender): Promise<void> {
    const host = this.running.get(name);
    this.running.delete(name);
    await host?.process.close();
  }
}

const hosts = new Hosts();

function latchCase(
  contender: LatchContender,
  name: string,
  what: { settings: Settings; metric: string; unit: string; better: BenchCase['better'] },
  request: LatchRequest,
): BenchCase {
  const wait = contender.waits === 'async' ? ', awaited' : '';
  return {
    contender: contender.name,
    origin: contender.origin,
    case: `${name}${wait}`,
    settings: { ...what.settings, kind: contender.kind, waits: contender.waits },
    metric: what.metric,
    unit: what.unit,
    better: what.better,
    close: () => hosts.close(contender),
    round: async (no): Promise<Round> => {
      const group = Math.floor(no / ROUNDS_PER_PROCESS);
      return { ...(await hosts.ask(contender, group, request)), group };
    },
  };
}

const PAIR = { metric: 'lock and unlock', unit: 'ns', better: 'lower' } as const;
const TOGETHER = { metric: 'sections', unit: '1/s', better: 'higher' } as const;

interface Plan {
  readonly quick: boolean;
  readonly threads: readonly number[];
  readonly section: number;
  readonly think: number;
}

/** All cases of one contender. */
export function casesOf(contender: LatchContender, { quick, threads, section, think }: Plan): BenchCase[] {
  const common = { contender: contender.name, quick };
  const rw = contender.kind === 'rw';
  const pair = (shared: boolean): BenchCase =>
    latchCase(
      contender,
      `alone, ${shared ? 'shared' : 'exclusive'}`,
      { settings: { threads: 1, reference: 'compare-exchange and exchange' }, ...PAIR },
      { ...common, kind: 'pair', shared },
    );
  const together = (name: string, n: number, latches: number, readers: boolean): BenchCase => {
    const how = { section, think, readers };
    const reference = latches > 1 ? '1 thread' : null;
    return latchCase(
      contender,
      name,
      { settings: { threads: n, latches, ...how, reference }, ...TOGETHER },
      { ...common, kind: 'together', threads: n, latches, ...how },
    );
  };
  const alone = [pair(false), ...(rw ? [pair(true)] : [])];
  if (contender.flaw !== undefined) return alone;
  const some = threads.filter((n) => n > 1);
  return [
    ...alone,
    ...(contender.single === true ? [] : [together('2 threads, 2 latches', 2, 2, false)]),
    ...threads.map((n) => together(`${n} thread${n === 1 ? '' : 's'}, 1 latch`, n, 1, false)),
    ...(rw ? some.map((n) => together(`${n} threads, 1 latch, 90 % shared`, n, 1, true)) : []),
  ];
}

/** @throws OptionError */
export function readThreads(text: string): number[] {
  const parts = text.split(',').map((p) => p.trim());
  const counts = parts.map(Number);
  const fine = (n: number, i: number): boolean => /^\d+$/.test(parts[i]) && n >= 1 && n <= MAX_THREADS;
  if (counts.every(fine) && new Set(counts).size === counts.length) return counts;
  throw new OptionError(
    '--threads',
    `--threads: '${text}' is not a list of different numbers of threads from 1 to ${MAX_THREADS}, as in ${THREADS}`,
  );
}

/** @throws OptionError when the text fits none */
function chooseContenders(text: string | null): readonly LatchContender[] {
  if (text === null) return CONTENDERS;
  const chosen = CONTENDERS.filter((c) => c.name.toLowerCase().includes(text.toLowerCase()));
  if (chosen.length > 0) return chosen;
  const known = CONTENDERS.map((c) => c.name).join(', ');
  throw new OptionError('--contender', `--contender: '${text}' is in no name of ${known}`);
}

export const latchFamily = family({
  name: 'latch',
  doc: 'Latches of several makes: alone, on lines of their own, contended, and with readers.',
  options: OPTIONS,
  sysvars: [],
  rounds: ROUNDS,
  cases: ({ own }, context: BenchContext) => {
    const { quick } = context;
    const threads = readThreads(own.threads ?? (quick ? QUICK_THREADS : THREADS));
    const plan: Plan = { quick, threads, section: own.section, think: own.think };
    return chooseContenders(own.contender).flatMap((contender) => {
      const why = contender.missing?.() ?? null;
      if (why === null) {
        if (contender.flaw !== undefined) {
          context.warn(`latch: ${contender.name} is left out with several threads: ${contender.flaw}`);
        }
        return casesOf(contender, plan);
      }
      context.warn(`latch: ${contender.name} is left out: ${why}`);
      return [];
    });
  },
  conclude: concludeLatch,
});

/** What the common table leaves out: who got the latch, and how long the others waited. */
export function concludeLatch(rows: readonly Row[]): string | null {
  const contended = rows.filter((row) => row.extra['handoffsPerSecond'] !== undefined);
  return contended.length === 0 ? null : contendedTable(contended);
}

function contendedTable(rows: readonly Row[]): string {
  const table = new Table({
    head: ['contender', 'case', 'handoffs/s', 'most / least sections of a thread', 'longest wait, us'],
    colAligns: ['left', 'left', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const figure = (row: Row, name: string, digits: number): string => {
    const value = row.extra[name];
    return typeof value === 'number' ? value.toFixed(digits) : '-';
  };
  for (const row of rows) {
    const { contender, case: name } = row;
    const fairness = figure(row, 'maxToMinSections', 1);
    table.push([
      contender,
      name,
      figure(row, 'handoffsPerSecond', 0),
      fairness,
      figure(row, 'longestWaitUs', 0),
    ]);
  }
  return table.toString();
}
