/** For tests of the family `pool`: rows made by hand, and cells of a tiny real sweep. */
import { cellArgv, cellsOf, readShard, shardOf, takeMatrix } from '../core/matrix.ts';
import type { BenchContext } from '../core/case.ts';
import type { PlacedCase } from '../core/measure.ts';
import { COMMON_OPTIONS } from '../core/options.ts';
import type { Row } from '../core/row.ts';
import { aRow } from '../core/test-kit.ts';
import { poolFamily } from './family.ts';

const LRU = 'wait/synch/mutex/innodb/buf_pool_LRU_list_mutex';
const HASH = 'wait/synch/sxlock/innodb/hash_table_locks';

interface MadeRow {
  readonly axes?: Readonly<Record<string, string>>;
  readonly settings?: Row['settings'];
  readonly samples: readonly number[];
  /** ms/s */
  readonly lru?: number;
  readonly hash?: number;
}

export function poolRow({ axes = {}, settings = {}, samples, lru = 0, hash = 0 }: MadeRow): Row {
  const latches = { lruList: 1000, pageHash: 4000 };
  return aRow({
    family: 'pool',
    contender: 'latchlab',
    case: 'bench',
    metric: 'page gets',
    unit: '1/s',
    better: 'higher',
    axes: { ...axes },
    settings: { scenario: 'bench', sessions: 8, innodb_buffer_pool_instances: 1, ...settings },
    samples: [...samples],
    reference: null,
    group: samples.map(() => 0),
    extra: {
      seconds: 1,
      gets: samples[0],
      hitRatio: 0.9,
      latencyUs: { mean: 2, p50: 1.5, p90: 3, p95: 4, p99: 9, 'p99.9': 100, max: 1000 },
      waitMsPerS: { [LRU]: lru, [HASH]: hash },
      acquired: latches,
      contended: { lruList: lru, pageHash: hash },
      waitUs: { lruList: lru * 1000, pageHash: hash * 1000 },
      spinRounds: { lruList: 5 * lru, pageHash: hash },
      parks: { lruList: lru / 2, pageHash: 0 },
    },
  });
}

export function aContext(): BenchContext & { readonly warnings: string[] } {
  const warnings: string[] = [];
  return { quick: true, seed: 1, warn: (line) => void warnings.push(line), warnings };
}

/** 5 MiB in one instance, two sessions. */
export const TINY = [
  '--innodb-buffer-pool-size=5M',
  '--data-size=8M',
  '--os-memory=8M',
  '--sessions=2',
  '--seconds=0.2',
  '--warmup=0.05',
] as const;

/** What a command line would measure. @throws OptionError */
export async function place(argv: readonly string[], context = aContext()): Promise<PlacedCase[]> {
  const { axes, rest } = takeMatrix(argv);
  const at = rest.findIndex((a) => a.startsWith('--shard='));
  const shard = readShard(at < 0 ? null : rest[at].slice('--shard='.length));
  const placed: PlacedCase[] = [];
  for (const cell of shardOf(cellsOf(axes), shard)) {
    const parsed = await poolFamily.parse([...rest, ...cellArgv(axes, cell)], COMMON_OPTIONS, context);
    if (typeof parsed === 'string') throw new Error(parsed);
    const where = Object.fromEntries(axes.map((axis, i) => [axis.name, cell[i]]));
    for (const bench of parsed.cases) placed.push({ family: 'pool', bench, axes: where, rounds: 2 });
  }
  return placed;
}
