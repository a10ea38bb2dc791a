/**
 * On which node of the host the arena really lies: /proc/self/numa_maps counts the pages of each mapping by node,
 * /proc/self/maps tells how long a mapping is. JavaScript does not know its addresses, so the arena is taken to be the
 * anonymous mapping that fits its size best.
 */
import { allowedCpus, type Host, hostNodes, REAL_HOST } from './host.ts';

/** One line of numa_maps. */
export interface NumaMapping {
  /** First address, hexadecimal without leading zeros. */
  readonly start: string;
  /** Memory policy, as the kernel writes it: `default`, `bind:0`, `interleave:0-1` ... */
  readonly policy: string;
  /** Pages by node of the host. */
  readonly pages: ReadonlyMap<number, number>;
  readonly pageBytes: number;
  /** Path, with `\040` for a blank; null: anonymous. */
  readonly file: string | null;
}

const PAGE_KB = 4;

/** Reads numa_maps; what is no line of it is left out. */
export function parseNumaMaps(text: string): NumaMapping[] {
  const found: NumaMapping[] = [];
  for (const line of text.split('\n')) {
    const [start, rest] = splitOnce(line);
    // A policy may have a blank in its name: "prefer (many):0-1", "weighted interleave:0,1".
    const [, policy = '', fields = ''] =
      /^((?:prefer \(many\)|weighted interleave|\w+)(?:[:=]\S+)?)(?: (.*))?$/.exec(rest) ?? [];
    if (!/^[0-9a-f]+$/.test(start) || policy === '') continue;
    const pages = new Map<number, number>();
    let kb = PAGE_KB;
    let file: string | null = null;
    for (const field of fields.split(' ')) {
      const [key, value] = field.split('=', 2);
      if (/^N\d+$/.test(key)) pages.set(Number(key.slice(1)), Number(value));
      else if (key === 'kernelpagesize_kB') kb = Number(value);
      else if (key === 'file') file = value;
    }
    found.push({ start: start.replace(/^0+(?=.)/, ''), policy, pages, pageBytes: kb * 1024, file });
  }
  return found;
}

function splitOnce(line: string): [string, string] {
  const blank = line.indexOf(' ');
  return blank < 0 ? [line, ''] : [line.slice(0, blank), line.slice(blank + 1)];
}

interface AddressRange {
  readonly start: string;
  readonly bytes: number;
}

/** The anonymous mappings of /proc/self/maps that may be read and written. */
function anonymousRanges(maps: string): AddressRange[] {
  const found: AddressRange[] = [];
  for (const line of maps.split('\n')) {
    // A kernel that lets processes name their memory shows the name.
    const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) rw\S* \S+ \S+ 0\s*(?:\[anon:.*\])?$/.exec(line) ?? [];
    if (start === undefined) continue;
    found.push({
      start: start.replace(/^0+(?=.)/, ''),
      bytes: Number(BigInt(`0x${end}`) - BigInt(`0x${start}`)),
    });
  }
  return found;
}

/** Where the arena is; plain data. */
export interface ArenaPlacement {
  /** Bytes that have been touched, by node of the host; null: not known. */
  readonly bytes: readonly { readonly node: number; readonly bytes: number }[] | null;
  /** The same, or why not, in one line. */
  readonly line: string;
}

/** @param arenaBytes size of the arena */
export function arenaPlacement(arenaBytes: number, host: Host = REAL_HOST): ArenaPlacement {
  const nodes = hostNodes(host, allowedCpus(host) ?? []);
  if (nodes.length < 2) {
    return unknown('the host has one NUMA node: the nodes are simulated, their memory lies together');
  }
  const found = arenaMapping(arenaBytes, host);
  if (typeof found === 'string') return unknown(found);
  const bytes = nodes.map(({ node }) => ({ node, bytes: (found.pages.get(node) ?? 0) * found.pageBytes }));
  const parts = bytes.map((n) => `${(n.bytes / 2 ** 20).toFixed(1)} MiB on node ${n.node}`);
  return { bytes, line: `the host has put of the arena ${parts.join(', ')} (policy ${found.policy})` };
}

/** The mapping that the arena is taken to be, or why there is none. */
export function arenaMapping(arenaBytes: number, host: Host = REAL_HOST): NumaMapping | string {
  const maps = host.readFile('/proc/self/maps');
  const numaMaps = host.readFile('/proc/self/numa_maps');
  if (maps === null || numaMaps === null) {
    return '/proc/self/numa_maps is not there: where the arena lies is not known';
  }
  const fits = anonymousRanges(maps).filter((r) => r.bytes >= arenaBytes);
  const [range] = fits.toSorted((a, b) => a.bytes - b.bytes);
  const found = parseNumaMaps(numaMaps).find((m) => m.start === range?.start);
  return found ?? 'no mapping of /proc/self/numa_maps is as large as the arena';
}

const unknown = (line: string): ArenaPlacement => ({ bytes: null, line });
