/**
 * Binding threads to CPUs for real, so that simulated nodes run on CPUs of their own: on a host with several NUMA nodes
 * a simulated node gets the CPUs of one of them, else the CPUs are dealt out. Node.js cannot do it; a worker learns its
 * kernel thread id from /proc/thread-self and has taskset (util-linux) do it. Where that does not work, one line says
 * so, and the threads run wherever the kernel puts them.
 */
import {
  allowedCpus,
  allowedIn,
  cpuListText,
  type Host,
  type HostNode,
  hostNodes,
  REAL_HOST,
} from './host.ts';

/** What came of binding one thread; plain data. */
export interface AffinityResult {
  /** The simulated node that it is of. */
  readonly node: number;
  /** Kernel thread id; 0: not known. */
  readonly tid: number;
  /** CPUs that it may run on now, as the kernel tells them (`0-1,4`); empty: not known. */
  readonly cpus: string;
  /** Why it is not bound; null: it is. */
  readonly note: string | null;
}

/** CPUs of each simulated node, or why there are none. */
export type CpuSets = { readonly sets: readonly (readonly number[])[] } | { readonly note: string };

/**
 * Deals the CPUs out. With several host nodes, simulated node n belongs to host node n % count, and shares its CPUs with
 * the others of that node; neighbours stay together, as CPUs with near numbers share caches on most machines.
 */
export function dealCpus(nodes: number, hosts: readonly HostNode[]): CpuSets {
  const usable = hosts.filter((h) => h.cpus.length > 0);
  const sets: (readonly number[])[] = [];
  for (const [i, { node, cpus }] of usable.entries()) {
    const guests = Array.from({ length: nodes }, (_, n) => n).filter((n) => n % usable.length === i);
    if (guests.length > cpus.length) {
      const one = cpus.length === 1;
      const where = usable.length > 1 ? `node ${node} of the host has` : one ? 'there is' : 'there are';
      return { note: `${where} ${cpus.length} CPU${one ? '' : 's'} for ${guests.length} simulated nodes` };
    }
    for (const [k, guest] of guests.entries()) {
      const first = Math.floor((k * cpus.length) / guests.length);
      sets[guest] = cpus.slice(first, Math.floor(((k + 1) * cpus.length) / guests.length));
    }
  }
  return usable.length === 0 ? { note: 'no CPU is known' } : { sets };
}

/** The CPUs of each of `nodes` simulated nodes on this machine. */
export function cpuSets(nodes: number, host: Host = REAL_HOST): CpuSets {
  if (host.platform !== 'linux') return { note: `CPU binding needs Linux; this is ${host.platform}` };
  const allowed = allowedCpus(host);
  if (allowed === null) return { note: '/proc/self/status does not tell which CPUs may be used' };
  return dealCpus(nodes, hostNodes(host, allowed));
}

/**
 * Binds the calling thread to the CPUs of a simulated node. It starts a process and waits for it: once, when a worker
 * begins. Never fails: the result says what came of it.
 */
export function bindThread(node: number, nodes: number, host: Host = REAL_HOST): AffinityResult {
  const sets = cpuSets(nodes, host);
  if ('note' in sets) return { node, ...threadNow(host), note: sets.note };
  return { node, ...bindTo(sets.sets[node], host) };
}

/** Binds the calling thread to some CPUs, and looks whether it is. */
export function bindTo(cpus: readonly number[], host: Host = REAL_HOST): Omit<AffinityResult, 'node'> {
  const { tid } = threadNow(host);
  if (tid === 0) return { tid, cpus: '', note: '/proc/thread-self does not tell the thread id' };
  const wanted = cpuListText(cpus);
  const refused = host.run('taskset', ['-pc', wanted, `${tid}`]);
  const now = threadNow(host);
  if (refused !== null) return { ...now, note: refused };
  const note =
    now.cpus === wanted ? null : `taskset set CPUs ${wanted}, the kernel allows ${now.cpus || 'none'}`;
  return { ...now, note };
}

/** The calling thread as the kernel sees it. */
function threadNow(host: Host): Pick<AffinityResult, 'tid' | 'cpus'> {
  const own = host.link('/proc/thread-self');
  const [, pid, tid] = /(?:^|\/)(\d+)\/task\/(\d+)$/.exec(own ?? '') ?? [];
  if (tid === undefined) return { tid: 0, cpus: '' };
  const allowed = allowedIn(host.readFile(`/proc/${pid}/task/${tid}/status`));
  return { tid: Number(tid), cpus: allowed === null ? '' : cpuListText(allowed) };
}

/** One line for each node that has bound threads, and one for each reason why others are not. */
export function affinityLines(results: readonly AffinityResult[]): string[] {
  const lines: string[] = [];
  const nodes = [...new Set(results.map((r) => r.node))].toSorted((a, b) => a - b);
  for (const node of nodes) {
    const bound = results.filter((r) => r.node === node && r.note === null);
    const cpus = [...new Set(bound.map((r) => r.cpus))];
    if (bound.length > 0) lines.push(`node ${node}: ${threads(bound.length)} on CPUs ${cpus.join(' or ')}`);
  }
  for (const note of new Set(results.map((r) => r.note))) {
    if (note === null) continue;
    const { length } = results.filter((r) => r.note === note);
    lines.push(`${threads(length)} not bound to CPUs: ${note}`);
  }
  return lines;
}

const threads = (n: number): string => `${n} ${n === 1 ? 'thread' : 'threads'}`;
