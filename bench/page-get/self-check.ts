/**
 * `npm run bench -- self-check`: whether the bench and its comparison see what they should. Each try measures the hit
 * path twice, and once more with a loop in it that makes a hit a fifth longer. The comparison has to mark the second as
 * slower, and to leave two measurements of the same program alone. The three are taken in turns, a round of each, so that
 * what the machine does meanwhile it does to all.
 */
import { median } from 'simple-statistics';
import { buildCli, type OwnOption } from '../../src/config/cli.ts';
import { type CellChange, compareRows } from '../compare/rows.ts';
import { mustBeCompiled, readEnvironment } from '../core/environment.ts';
import { measure } from '../core/measure.ts';
import type { Row } from '../core/row.ts';
import { BenchProcess } from '../core/process.ts';
import { makeVariant, PLAIN, type Variant } from '../core/variant.ts';
import type { Sample, SampleRequest } from './child.ts';
import { plantedLoop } from './edits.ts';
import { CHILD, FIXTURE, pageGetCase } from './family.ts';

const OPTIONS = [
  { name: 'tries', kind: 'int', default: 10, min: 1, max: 1000, doc: 'comparisons of each sort' },
  {
    name: 'processes',
    kind: 'int',
    default: 5,
    min: 2,
    max: 100,
    doc: 'processes that each measurement is taken in',
  },
  { name: 'apart', kind: 'flag', doc: 'measure one after the other, as runs of the bench are, not in turns' },
] as const satisfies readonly OwnOption[];

const REGRESSION = 0.2;
const ROUNDS_PER_PROCESS = 2;
const SEED = 1;
/** Loop rounds that the calibration begins with. */
const FIRST_GUESS = 16;
/** As near to REGRESSION as that will do. */
const NEAR_ENOUGH = 0.02;
const CALIBRATION_STEPS = 6;

/** @returns exit status: 0 when all was marked as it should be, 1 otherwise @throws OptionError */
export async function selfCheckMain(argv: readonly string[]): Promise<number> {
  mustBeCompiled(import.meta.url);
  const parsed = buildCli({
    name: 'npm run bench -- self-check',
    description:
      'Compares the page-get hit with itself, and with a slower one: 20 % are planted in the compiled output.',
    own: OPTIONS,
    sysvars: [],
  }).parse(argv);
  if (parsed.help !== null) {
    process.stdout.write(parsed.help);
    return 0;
  }
  const { tries, processes, apart } = parsed.own;
  const { variant, rounds, slowdown } = await calibrate();
  try {
    say(`planted: a loop of ${rounds} rounds, ${percent(slowdown)} of a hit`);
    const marks = { equal: 0, planted: 0 };
    for (let i = 1; i <= tries; i++) {
      const rows: Row[] = [];
      for (const together of apart ? [[PLAIN], [PLAIN], [variant]] : [[PLAIN, PLAIN, variant]]) {
        rows.push(...(await measureHits(together, processes)));
      }
      const [first, second, planted] = rows;
      const same = changeOf(first, second);
      const slower = changeOf(first, planted);
      if (same.mark !== 'same') marks.equal++;
      if (slower.mark === 'slower') marks.planted++;
      say(`try ${i} of ${tries}: the same program ${show(same)}; the planted one ${show(slower)}`);
    }
    say(
      `marked slower with 20 % planted: ${marks.planted} of ${tries}; marked without a change: ${marks.equal}`,
    );
    return marks.planted === tries && marks.equal === 0 ? 0 : 1;
  } finally {
    variant.dispose();
  }
}

interface Planted {
  readonly variant: Variant;
  readonly rounds: number;
  /** Part of a hit that the loop takes, as measured. */
  readonly slowdown: number;
}

/**
 * Finds the loop that makes a hit longer by REGRESSION: in proportion, from a first guess. Not in one step: the
 * processor hides a short loop behind a hit's cache misses.
 */
async function calibrate(): Promise<Planted> {
  let rounds = FIRST_GUESS;
  let best = { rounds, slowdown: Infinity };
  for (let step = 0; step < CALIBRATION_STEPS; step++) {
    const slowdown = await slowdownOf(rounds);
    if (Math.abs(slowdown - REGRESSION) < Math.abs(best.slowdown - REGRESSION)) best = { rounds, slowdown };
    if (Math.abs(best.slowdown - REGRESSION) <= NEAR_ENOUGH) break;
    // A measurement on a busy machine may say nothing or too much; a step changes the loop by a factor of 3 at most.
    const factor = Math.max(1 / 3, Math.min(3, REGRESSION / Math.max(0.01, slowdown)));
    rounds = Math.max(1, Math.round(rounds * factor));
  }
  return { ...best, variant: plant(best.rounds) };
}

const plant = (rounds: number): Variant => makeVariant('planted regression', plantedLoop(rounds));

/** Time of a hit with the loop / without it − 1, both in one process, the median of three. */
async function slowdownOf(rounds: number): Promise<number> {
  const variant = plant(rounds);
  const found: number[] = [];
  try {
    for (let i = 0; i < 3; i++) {
      const child = new BenchProcess<SampleRequest, Sample>(PLAIN.url(CHILD));
      try {
        const request = { kind: 'against', quick: false, other: variant.url(FIXTURE) } as const;
        const { value, reference } = await child.ask(request);
        found.push(reference / value - 1);
      } finally {
        await child.close();
      }
    }
  } finally {
    variant.dispose();
  }
  return median(found);
}

/** A row for each program, as `npm run bench -- page-get` measures the S hit. */
async function measureHits(programs: readonly Variant[], processes: number): Promise<Row[]> {
  const placed = programs.map((program) => ({
    family: 'page-get',
    bench: pageGetCase('hit S', { quick: false, roundsPerProcess: ROUNDS_PER_PROCESS, program }),
    axes: {},
    rounds: processes * ROUNDS_PER_PROCESS,
  }));
  return measure(placed, {
    seed: SEED,
    environment: readEnvironment(),
    stopped: () => false,
    progress: () => undefined,
  });
}

function changeOf(a: Row, b: Row): CellChange {
  const [cell] = compareRows([a], [b]).cells;
  return cell;
}

const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;

const show = ({ change, mark }: CellChange): string =>
  change === null
    ? mark
    : `× ${change.ratio.toFixed(3)} (${change.low.toFixed(3)} to ${change.high.toFixed(3)}): ${mark}`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
