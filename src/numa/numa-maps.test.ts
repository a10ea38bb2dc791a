import { describe, expect, it } from 'vitest';
import { REAL_HOST } from './host.ts';
import { arenaMapping, arenaPlacement, parseNumaMaps } from './numa-maps.ts';
import { FakeHost } from './test-kit.ts';

const MIB = 2 ** 20;

/** As a host with two nodes writes it. */
const NUMA_MAPS = `\
00400000 default file=/usr/bin/node\\0401 mapped=812 mapmax=2 active=0 N0=800 N1=12 kernelpagesize_kB=4
01a2b000 bind=static:1 heap anon=33 dirty=33 N1=33 kernelpagesize_kB=4
7f0000000000 interleave:0-1 anon=16384 dirty=16384 swapcache=4 active=0 N0=8192 N1=8188 kernelpagesize_kB=4
7f1000000000 prefer (many):0-1 anon=8 dirty=8 N0=8 kernelpagesize_kB=4
7f2000000000 default file=/dev/hugepages/x huge anon=2 dirty=2 N1=2 kernelpagesize_kB=2048
7f3000000000 default
7ffc00000000 default stack anon=4 dirty=4 N0=4 kernelpagesize_kB=4
this is no line of it
`;

const MAPS = `\
00400000-01a00000 r-xp 00000000 08:01 1234                               /usr/bin/node 1
01a2b000-01b2b000 rw-p 00000000 00:00 0                                  [heap]
7f0000000000-7f0004001000 rw-p 00000000 00:00 0 
7f1000000000-7f1010000000 rw-p 00000000 00:00 0 
7f2000000000-7f2000400000 rw-s 00000000 00:0f 77                         /dev/hugepages/x
7f3000000000-7f3080000000 ---p 00000000 00:00 0 
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
`;

const twoNodes = (files: Record<string, string>): FakeHost =>
  new FakeHost({ nodes: { 0: '0-1', 1: '2-3' }, files });
const PROC = { '/proc/self/maps': MAPS, '/proc/self/numa_maps': NUMA_MAPS };

describe('numa_maps', () => {
  const maps = parseNumaMaps(NUMA_MAPS);

  it('is read line by line: policy, pages by node, size of a page, file', () => {
    expect(maps.map((m) => [m.start, m.policy])).toEqual([
      ['400000', 'default'],
      ['1a2b000', 'bind=static:1'],
      ['7f0000000000', 'interleave:0-1'],
      ['7f1000000000', 'prefer (many):0-1'],
      ['7f2000000000', 'default'],
      ['7f3000000000', 'default'],
      ['7ffc00000000', 'default'],
    ]);
    expect([...maps[0].pages]).toEqual([
      [0, 800],
      [1, 12],
    ]);
    expect([maps[0].file, maps[1].file]).toEqual(['/usr/bin/node\\0401', null]);
    expect([maps[4].pageBytes, [...maps[4].pages]]).toEqual([2 * MIB, [[1, 2]]]);
    expect(maps[5].pages.size).toBe(0);
  });
});

describe('where the arena lies', () => {
  it('is told of the anonymous mapping that fits its size best, by node of the host', () => {
    const { bytes, line } = arenaPlacement(64 * MIB, twoNodes(PROC));
    expect(bytes).toEqual([
      { node: 0, bytes: 8192 * 4096 },
      { node: 1, bytes: 8188 * 4096 },
    ]);
    expect(line).toBe(
      'the host has put of the arena 32.0 MiB on node 0, 32.0 MiB on node 1 (policy interleave:0-1)',
    );
    expect(arenaPlacement(65 * MIB, twoNodes(PROC)).bytes?.[0].bytes).toBe(8 * 4096);
  });

  it('may have a name in maps, as newer kernels show it', () => {
    const named = MAPS.replace(
      '7f0004001000 rw-p 00000000 00:00 0 ',
      '$&                    [anon:array buffer]',
    );
    const { bytes } = arenaPlacement(64 * MIB, twoNodes({ ...PROC, '/proc/self/maps': named }));
    expect(bytes?.[0].bytes).toBe(8192 * 4096);
    const stack = MAPS.replace('7f0004001000 rw-p 00000000 00:00 0 ', '$& [stack]');
    expect(arenaPlacement(64 * MIB, twoNodes({ ...PROC, '/proc/self/maps': stack })).bytes?.[0].bytes).toBe(
      8 * 4096,
    );
  });

  it('is one line where it is not known', () => {
    expect(arenaPlacement(512 * MIB, twoNodes(PROC))).toEqual({
      bytes: null,
      line: 'no mapping of /proc/self/numa_maps is as large as the arena',
    });
    expect(arenaPlacement(1, twoNodes({})).line).toMatch(/^\/proc\/self\/numa_maps is not there/);
    expect(arenaPlacement(1, new FakeHost({ files: PROC })).line).toMatch(/^the host has one NUMA node/);
    expect(arenaPlacement(1, new FakeHost({ platform: 'darwin', noProc: true, nodes: {} })).line).toMatch(
      /^the host has one NUMA node/,
    );
  });
});

describe.runIf(REAL_HOST.readFile('/proc/self/numa_maps') !== null)('the real file', () => {
  it('has the pages of shared memory that were touched', () => {
    const arena = new Int32Array(new SharedArrayBuffer(120 * MIB));
    arena.fill(1, 0, (90 * MIB) / 4);
    const found = arenaMapping(arena.byteLength);
    if (typeof found === 'string') throw new Error(found);
    expect(found.file).toBeNull();
    const pages = [...found.pages.values()].reduce((a, b) => a + b, 0);
    expect(pages * found.pageBytes).toBeGreaterThanOrEqual(90 * MIB);
    expect(parseNumaMaps(REAL_HOST.readFile('/proc/self/numa_maps') ?? '').length).toBeGreaterThan(20);
  });
});
