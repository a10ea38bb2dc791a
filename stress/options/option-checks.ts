/** Options that only make sense together: threads and sessions, distributions, nodes. Each mistake is one line. */
import { OptionError } from '../../src/config/errors.ts';
import type { ParsedOptions } from '../../src/config/cli.ts';
import { oneLine } from '../../src/config/values.ts';
import type { NumaConfig } from '../../src/numa/config.ts';
import { interleaveAll } from '../../src/numa/config.ts';
import { placementOption } from '../../src/numa/placement.ts';
import { parseDistance, uniformDistance } from '../../src/numa/topology.ts';
import type { AccessOptions } from '../../src/session/program/program.ts';
import { MAX_THREADS, type STRESS_OPTIONS } from './option-table.ts';

type Parsed = ParsedOptions<typeof STRESS_OPTIONS>;
type Own = Parsed['own'];

/** Threads that a node has in pool-of-threads unless it is said. */
const POOL_THREADS_PER_NODE = 2;

/**
 * Threads that run sessions.
 * @param yard its statements keep JavaScript objects of their session: a thread must stay with it
 */
export function threadsOf(own: Own, yard: boolean): number {
  const { sessions, nodes } = own;
  const handling = own['thread-handling'];
  const pooled = handling === 'pool-of-threads';
  if (yard && pooled) {
    throw new OptionError(
      '--thread-handling',
      `--thread-handling=${handling}: sessions that try all allocators need a thread each; ` +
        'allowed is one-thread-per-connection',
    );
  }
  // Every node that has sessions has a thread.
  const least = Math.min(nodes, sessions);
  const most = yard || !pooled ? Math.min(sessions, MAX_THREADS) : MAX_THREADS;
  const { threads } = own;
  if (threads !== null) {
    if (yard && threads !== sessions) {
      throw new OptionError(
        '--threads',
        `--threads=${threads}: sessions that try all allocators need a thread each; allowed is --sessions (${sessions})`,
      );
    }
    if (threads >= least && threads <= most) return threads;
    const why = pooled ? `--nodes (${nodes}) to ${most}` : `${least} to ${most}`;
    throw new OptionError(
      '--threads',
      `--threads=${threads}: allowed are ${why} with --sessions=${sessions}, --nodes=${nodes}, ${handling}`,
    );
  }
  if (pooled) return POOL_THREADS_PER_NODE * nodes;
  if (sessions <= MAX_THREADS) return sessions;
  throw new OptionError(
    '--sessions',
    `--sessions=${sessions}: one-thread-per-connection would take as many threads, and ${MAX_THREADS} are allowed; ` +
      'give --threads, or --thread-handling=pool-of-threads',
  );
}

/** The demonstration of connection_memory_limit compares an administrator's session, the first, with another one. */
export function checkDemoSessions({ sessions, scanners }: Own): void {
  if (sessions - scanners >= 2) return;
  throw new OptionError(
    '--sessions',
    `--sessions=${sessions}: --scenario=connection-limit needs two that do not scan (--scanners=${scanners}), ` +
      `an administrator’s and another; allowed are ${scanners + 2} and more`,
  );
}

/** Of sysbench's default distribution: who gives one of them means that. */
const OF_SPECIAL = ['rand-spec-iter', 'rand-spec-pct', 'rand-spec-res'] as const;
const OF_ACCESS = { uniform: [], zipf: ['zipf'], hotset: ['hot-pages', 'hot-accesses'] } as const;

/** Whether the user said how rows or pages are chosen: then no program does. */
export function hasOwnAccess({ own, explicit }: Parsed): boolean {
  const names = ['access', 'rand-type', ...OF_SPECIAL, ...OF_ACCESS[own.access]];
  return names.some((name) => explicit.has(name));
}

/** How rows or pages are chosen: --rand-type as sysbench has it, or --access. */
export function accessOf({ own, explicit }: Parsed): AccessOptions {
  const special = OF_SPECIAL.some((name) => explicit.has(name));
  const type = own['rand-type'] ?? (special ? 'special' : null);
  if (type !== null && explicit.has('rand-type') && explicit.has('access')) {
    throw new OptionError(
      '--rand-type',
      `--rand-type=${type}: --access=${own.access} says the same thing; allowed is one of them`,
    );
  }
  const iterations = own['rand-spec-iter'];
  switch (explicit.has('access') ? null : type) {
    case 'uniform':
      return { kind: 'uniform' };
    case 'gaussian':
      return { kind: 'gaussian', iterations };
    case 'pareto':
      return { kind: 'pareto', h: own['rand-pareto-h'] };
    case 'zipfian':
      return { kind: 'zipfian', exponent: own['rand-zipfian-exp'] };
    case 'special':
      return { kind: 'special', iterations, pct: own['rand-spec-pct'], res: own['rand-spec-res'] };
    default:
      return accessByName(own);
  }
}

function accessByName(own: Own): AccessOptions {
  switch (own.access) {
    case 'uniform':
      return { kind: 'uniform' };
    case 'zipf':
      return { kind: 'zipfian', exponent: own.zipf, scatter: true };
    case 'hotset':
      return {
        kind: 'hotset',
        hotPages: own['hot-pages'],
        hotAccesses: own['hot-accesses'],
        scatter: true,
      };
  }
}

/** Distances and placement. @throws OptionError */
export function numaOf({ own, sysvars, explicit }: Parsed): NumaConfig {
  const { nodes } = own;
  const poolPolicy = own['numa-pool-policy'];
  const interleave = sysvars.innodb_numa_interleave;
  if (poolPolicy !== null && interleave && explicit.has('innodb_numa_interleave')) {
    throw new OptionError(
      '--numa-pool-policy',
      `--numa-pool-policy=${oneLine(poolPolicy)}: --innodb-numa-interleave=ON places the pool; allowed is one of them`,
    );
  }
  const distance = own['numa-distance'];
  return {
    distance: distance === null ? uniformDistance(nodes) : parseDistance(distance, nodes),
    sessions: placementOption('--numa-policy', own['numa-policy'], nodes),
    pool:
      poolPolicy !== null
        ? placementOption('--numa-pool-policy', poolPolicy, nodes)
        : interleave
          ? interleaveAll(nodes)
          : { policy: 'local' },
  };
}
