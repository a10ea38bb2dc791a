/** The section about nodes in the report of a run: who reached what on which node, at which price, and what is real. */
import type { InstancePlan } from '../../src/buffer/instance.ts';
import type { EngineShare } from '../../src/engine.ts';
import { OS_MEMORY } from '../../src/layout/os-memory.ts';
import { WORD_BYTES } from '../../src/layout/schema.ts';
import { SYSVARS } from '../../src/layout/thread.ts';
import { type NumaStat, numaStat } from '../../src/memory/os/placement.ts';
import { type AffinityResult, affinityLines } from '../../src/numa/affinity.ts';
import { isInterleavedOverAll } from '../../src/numa/config.ts';
import type { Host } from '../../src/numa/host.ts';
import { type ArenaPlacement, arenaPlacement } from '../../src/numa/numa-maps.ts';
import { placementText } from '../../src/numa/placement.ts';
import { accessCostNs, asymmetries } from '../../src/numa/topology.ts';
import { int, num, percent } from '../../src/page/format.ts';
import { plainTable } from '../../src/page/plain-table.ts';

/** By row the node that asks, by column the node that is asked. */
type ByNode = readonly (readonly number[])[];

/** Plain data, for the JSON report. Matrices and shares are of the measured time, numastat of the whole run. */
export interface NumaReport {
  readonly nodes: number;
  readonly distance: ByNode;
  /** Price of an access at distance 21, ns. */
  readonly remoteCostNs: number;
  /** Page gets by node of the thread and node of the page. Null in remoteShare: no access from the node. */
  readonly accesses: ByNode;
  /** Share of accesses to other nodes, by node; null: the node made none. */
  readonly remoteShare: readonly (number | null)[];
  /** Price of one access, ns, and of all, ms. */
  readonly priceNs: ByNode;
  readonly spentMs: ByNode;
  /** The same of memory from heaps, in 4 KiB begun; null: sessions try all allocators, and most have no policy. */
  readonly memory: Pick<NumaReport, 'accesses' | 'remoteShare' | 'spentMs'> | null;
  readonly policy: { readonly sessions: string; readonly pool: string };
  /** Pages of the buffer pool by the node that they lie on. */
  readonly poolPages: readonly number[];
  /** Whether each instance has about as much on every node. */
  readonly poolIsEven: boolean;
  readonly innodbNumaInterleave: boolean;
  readonly numastat: readonly NumaStat[];
  /** What came of binding threads to CPUs, in lines. */
  readonly affinity: readonly string[];
  readonly arena: ArenaPlacement;
}

export interface NumaInput {
  readonly share: EngineShare;
  /** Totals.nodeMatrix of the measured time. */
  readonly nodeMatrix: ByNode;
  readonly memoryMatrix: ByNode;
  /** Of all threads that were to be bound; null: `--cpu-bind off`. */
  readonly affinity: readonly AffinityResult[] | null;
  /** Tests replace it. */
  readonly host?: Host;
}

export function numaReport({ share, nodeMatrix, memoryMatrix, affinity, host }: NumaInput): NumaReport {
  const { config, plan } = share;
  const { distance, sessions, pool } = config.numa;
  const mem = new Int32Array(share.buffer);
  const remoteCostNs = mem[plan.runtime.sysvars + SYSVARS.at.remoteCostNs];
  const priceNs = distance.map((row, from) =>
    row.map((d, to) => (from === to ? 0 : accessCostNs(remoteCostNs, d))),
  );
  return {
    nodes: config.nodes,
    distance,
    remoteCostNs,
    priceNs,
    ...accessReport(nodeMatrix, priceNs),
    memory: config.yard ? null : accessReport(memoryMatrix, priceNs),
    policy: { sessions: placementText(sessions), pool: placementText(pool) },
    poolPages: distance.map((_, node) => sum(plan.pool.instances.map((i) => pagesOn(i, node)))),
    poolIsEven: plan.pool.instances.every((i) => {
      const pages = distance.map((_, node) => pagesOn(i, node));
      return Math.max(...pages) <= UNEVEN * Math.min(...pages);
    }),
    innodbNumaInterleave: isInterleavedOverAll(config.numa),
    numastat: plan.osMemory.map((os) => numaStat(mem, os.at)),
    affinity:
      affinity === null ? ['threads are not bound to CPUs (--cpu-bind off)'] : affinityLines(affinity),
    arena: arenaPlacement(plan.arena.words * WORD_BYTES, host),
  };
}

/** From so much more on one node than on another on, an instance is not evenly spread. */
const UNEVEN = 1.25;

function pagesOn({ chunks }: InstancePlan, node: number): number {
  return sum(chunks.map((c) => (c.node === node ? c.size : 0)));
}

function accessReport(
  accesses: ByNode,
  priceNs: ByNode,
): Pick<NumaReport, 'accesses' | 'remoteShare' | 'spentMs'> {
  return {
    accesses,
    remoteShare: accesses.map((row, from) => {
      const all = sum(row);
      return all === 0 ? null : (all - row[from]) / all;
    }),
    spentMs: accesses.map((row, from) => row.map((n, to) => (n * priceNs[from][to]) / 1e6)),
  };
}

export interface TextSection {
  readonly title: string;
  readonly text: string;
}

/** numastat's names, in its order. */
const NUMASTAT: readonly [keyof NumaStat & keyof typeof OS_MEMORY.at, string][] = [
  ['numaHit', 'numa_hit'],
  ['numaMiss', 'numa_miss'],
  ['numaForeign', 'numa_foreign'],
  ['interleaveHit', 'interleave_hit'],
  ['localNode', 'local_node'],
  ['otherNode', 'other_node'],
];

export function numaSection(r: NumaReport): TextSection {
  const nodes = r.distance.map((_, n) => `node ${n}`);
  const all = sum(r.accesses.flat());
  const local = sum(r.accesses.map((row, n) => row[n]));
  const blocks = [
    accessTable('page gets', r, nodes),
    ...(r.memory === null || r.nodes === 1 ? [] : [accessTable('memory, 4 KiB', r.memory, nodes)]),
    policyText(r, all === 0 ? null : (all - local) / all),
  ];
  if (r.nodes > 1) blocks[blocks.length - 1] += `\n  ${poolPagesLine(r)}`;
  if (r.nodes > 1) blocks.push(...distanceTexts(r, nodes));
  blocks.push(
    plainTable(
      ['pages of 4 KiB', ...nodes],
      NUMASTAT.map(([field, name]) => [name, ...r.numastat.map((s) => s[field])]),
    ),
    [...r.affinity, r.arena.line].map((line) => `  ${line}`).join('\n'),
  );
  return { title: 'NUMA (row: node of the thread, column: node of the page)', text: blocks.join('\n\n') };
}

function accessTable(
  title: string,
  { accesses, remoteShare }: Pick<NumaReport, 'accesses' | 'remoteShare'>,
  nodes: readonly string[],
): string {
  const rows = accesses.map((row, n) => [nodes[n], ...row, share(remoteShare[n])]);
  return plainTable([title, ...nodes, 'remote'], rows);
}

function policyText(r: NumaReport, remote: number | null): string {
  const pool = r.innodbNumaInterleave ? ' (innodb_numa_interleave)' : '';
  return (
    `  ${share(remote)} of all page gets were remote; policies: memory of sessions ${r.policy.sessions}, ` +
    `buffer pool ${r.policy.pool}${pool}`
  );
}

/** Where the buffer pool lies; and how it could be spread, where whole chunks cannot be shared out. */
export function poolPagesLine({ poolPages, poolIsEven, innodbNumaInterleave }: NumaReport): string {
  const where = poolPages.map((pages, node) => `${int(pages)} on node ${node}`).join(', ');
  const hint =
    ' (chunks lie on one node: smaller ones, --innodb-buffer-pool-chunk-size, spread each instance)';
  return `pages of the buffer pool: ${where}${innodbNumaInterleave && !poolIsEven ? hint : ''}`;
}

/** Pairs of nodes whose distance depends on the direction, a line each. */
export function unevenLines({ distance }: NumaReport): string[] {
  return asymmetries(distance).map((line) => `distances are not symmetric: ${line}`);
}

function distanceTexts(r: NumaReport, nodes: readonly string[]): string[] {
  const distances = plainTable(
    ['distance', ...nodes],
    r.distance.map((row, n) => [nodes[n], ...row]),
  );
  const said = unevenLines(r).map((line) => `  ${line}`);
  const blocks = [[distances, ...said].join('\n')];
  if (r.remoteCostNs === 0) return [...blocks, '  a remote access has no price (--remote-cost 0)'];
  const spent = (title: string, ms: ByNode): string =>
    plainTable(
      [title, ...nodes],
      ms.map((row, n) => [nodes[n], ...row.map(num)]),
    );
  const tables = [spent('ms spent', r.spentMs)];
  if (r.memory !== null) tables.push(spent('ms, memory', r.memory.spentMs));
  const price =
    `  an access at distance 21 costs ${r.remoteCostNs} ns, at 10 + x it costs x / 11 of that; ` +
    'spent is accesses x price: less than two looks at the clock cannot be spent';
  return [...blocks, `${tables.join('\n\n')}\n${price}`];
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const share = (part: number | null): string => (part === null ? '-' : percent(part));
