/** The machine below, as far as it has something to say about CPUs and nodes: procfs, sysfs, taskset. Tests replace it. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Host {
  /** `process.platform` */
  readonly platform: string;
  /** The whole file; null: there is none, or it may not be read. */
  readFile(path: string): string | null;
  /** Names in a directory; empty when there is none. */
  list(path: string): readonly string[];
  /** Target of a link; null: there is none. */
  link(path: string): string | null;
  /** Runs a program to its end. @returns null: it went well; else why not, in one line */
  run(program: string, args: readonly string[]): string | null;
}

const RUN_TIMEOUT_MS = 5000;

export const REAL_HOST: Host = {
  platform: process.platform,
  readFile: (path) => orNull(() => readFileSync(path, 'utf8')),
  list: (path) => orNull(() => readdirSync(path)) ?? [],
  link: (path) => orNull(() => readlinkSync(path)),
  run(program, args) {
    const { error, status, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: RUN_TIMEOUT_MS });
    if (error !== undefined) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? `there is no ${program} on this machine`
        : error.message;
    }
    if (status === 0) return null;
    return stderr.trim().split('\n', 1)[0] || `${program} ended with ${status}`;
  },
};

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

const NODES_DIR = '/sys/devices/system/node';
const ONLINE = '/sys/devices/system/cpu/online';

export interface HostNode {
  readonly node: number;
  /** CPUs of it that this process may use. */
  readonly cpus: readonly number[];
}

/**
 * The CPUs that the process may use: those of its first thread, which nobody binds. A mask may name CPUs that are offline,
 * or that the machine could have and has not: they are left out. Null: not known.
 */
export function allowedCpus(host: Host): readonly number[] | null {
  const allowed = allowedIn(host.readFile('/proc/self/status'));
  const online = host.readFile(ONLINE);
  if (allowed === null || online === null) return allowed;
  const there = new Set(parseCpuList(online));
  return allowed.filter((cpu) => there.has(cpu));
}

/** CPUs that a /proc/.../status file allows; null when it says nothing. */
export function allowedIn(status: string | null): readonly number[] | null {
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(status ?? '')?.[1];
  return list === undefined ? null : parseCpuList(list);
}

/**
 * The host's NUMA nodes, in ascending order; one node with all CPUs when sysfs knows none, or one of which it
 * does not tell the CPUs (as in some containers).
 * @param allowed leaves out all other CPUs
 */
export function hostNodes(host: Host, allowed: readonly number[]): readonly HostNode[] {
  const numbers = host
    .list(NODES_DIR)
    .map((name) => /^node(\d+)$/.exec(name)?.[1])
    .filter((n) => n !== undefined)
    .map(Number)
    .toSorted((a, b) => a - b);
  if (numbers.length === 0) return [{ node: 0, cpus: allowed }];
  const nodes = numbers.map((node) => {
    const cpus = parseCpuList(host.readFile(`${NODES_DIR}/node${node}/cpulist`) ?? '');
    return { node, cpus: cpus.filter((cpu) => allowed.includes(cpu)) };
  });
  const [only] = nodes;
  return nodes.length === 1 && only.cpus.length === 0 ? [{ node: only.node, cpus: allowed }] : nodes;
}

/** Reads a list as the kernel writes it: `0-3,8,10-11`. What it does not understand is left out. */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const part of text.trim().split(',')) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    if (first === undefined) continue;
    for (let cpu = Number(first); cpu <= Number(last); cpu++) cpus.push(cpu);
  }
  return cpus;
}

/** The same back: ascending, runs as `first-last`. */
export function cpuListText(cpus: readonly number[]): string {
  const parts: string[] = [];
  const sorted = [...new Set(cpus)].toSorted((a, b) => a - b);
  for (let i = 0; i < sorted.length;) {
    let end = i;
    while (end + 1 < sorted.length && sorted[end + 1] === sorted[end] + 1) end++;
    parts.push(end === i ? `${sorted[i]}` : `${sorted[i]}-${sorted[end]}`);
    i = end + 1;
  }
  return parts.join(',');
}
