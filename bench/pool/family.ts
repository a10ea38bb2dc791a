/** The family `pool`: how the whole buffer pool does, as sessions see it, under any of its settings. */
import { type BenchCase, type BenchContext, family, type Round } from '../core/case.ts';
import { STRESS_SYSVARS } from '../../stress/options/option-table.ts';
import { renderSweepHtml } from './sweep-html.ts';
import { concludePool } from './conclude.ts';
import { figuresOf } from './figures.ts';
import { processorsBetween, processorTimes } from './processors.ts';
import { PoolLab, PoolRunFailed } from './lab.ts';
import { planPool, POOL_OPTIONS, poolChoice, type PoolPlan } from './options.ts';
import { toSweepPage } from './sweep-page.ts';
import { poolTable } from './table.ts';

class PoolCase implements BenchCase {
  readonly contender = 'latchlab';
  readonly origin = 'ours';
  readonly metric = 'page gets';
  readonly unit = '1/s';
  readonly better = 'higher';
  readonly case: string;
  readonly settings;
  private readonly lab: PoolLab;
  private readonly plan: PoolPlan;

  constructor(lab: PoolLab, plan: PoolPlan) {
    lab.expect(plan);
    this.lab = lab;
    this.plan = plan;
    this.case = plan.scenario;
    this.settings = plan.settings;
  }

  open(): Promise<void> {
    return this.lab.open();
  }

  close(): Promise<void> {
    return this.lab.close();
  }

  async round(): Promise<Round> {
    const began = processorTimes();
    const report = await this.lab.run(this.plan);
    const extra = { ...figuresOf(report), ...processorsBetween(began, processorTimes()) };
    if (report.seconds === 0 || extra['gets'] === 0) {
      throw new PoolRunFailed(`a round measured nothing: it ended before its warm-up did\n${report.command}`);
    }
    return { value: Number(extra['gets']) / report.seconds, extra };
  }
}

/** One for all cells of a command line. */
const labs = new WeakMap<BenchContext, PoolLab>();

function labOf(context: BenchContext): PoolLab {
  const found = labs.get(context) ?? new PoolLab(context.quick);
  labs.set(context, found);
  return found;
}

export const poolFamily = family({
  name: 'pool',
  doc:
    'Sessions over a whole buffer pool: throughput, latency and waits under any settings.\n\n' +
    'A round is a stress run (npm run stress -- --help lists what the scenarios set) of a second or so, on workers ' +
    'that stay, with every invariant checked. To sweep: --matrix innodb-buffer-pool-instances=1,2,4,8',
  options: POOL_OPTIONS,
  sysvars: STRESS_SYSVARS,
  rounds: { full: 7, quick: 3 },
  async cases({ own }, context, argv) {
    const choice = poolChoice(own, context.quick);
    const plan = (more: readonly string[]): Promise<PoolPlan> =>
      planPool([...argv, ...more], choice, context.seed);
    const asked = await plan([]);
    for (const line of asked.stress.warnings) context.warn(line);
    const lab = labOf(context);
    if (!choice.predict) return [new PoolCase(lab, asked)];
    const plans: PoolPlan[] = [];
    const most = asked.run.sessions.length;
    for (let n = 1; n < most; n *= 2) plans.push(await plan([`--sessions=${n}`]));
    return [...plans, asked].map((p) => new PoolCase(lab, p));
  },
  conclude: concludePool,
  table: poolTable,
  html: (file) => renderSweepHtml(toSweepPage(file)),
});
