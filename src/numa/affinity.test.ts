import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { type AffinityResult, affinityLines, bindThread, cpuSets, dealCpus } from './affinity.ts';
import { allowedCpus, cpuListText, hostNodes, parseCpuList, REAL_HOST } from './host.ts';
import { FakeHost } from './test-kit.ts';

describe('lists of CPUs', () => {
  it('are read and written as the kernel writes them', () => {
    expect(parseCpuList('0-2,5,8-9\n')).toEqual([0, 1, 2, 5, 8, 9]);
    expect(parseCpuList('')).toEqual([]);
    expect(cpuListText([9, 8, 5, 2, 1, 0, 5])).toBe('0-2,5,8-9');
    expect(cpuListText([])).toBe('');
  });
});

describe('dealing CPUs out', () => {
  const cpus = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);

  it('one host node: neighbours stay together, nobody goes without', () => {
    expect(dealCpus(2, [{ node: 0, cpus: cpus(8) }])).toEqual({
      sets: [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
      ],
    });
    expect(dealCpus(3, [{ node: 0, cpus: cpus(7) }])).toEqual({
      sets: [
        [0, 1],
        [2, 3],
        [4, 5, 6],
      ],
    });
    for (let nodes = 1; nodes <= 8; nodes++) {
      const dealt = dealCpus(nodes, [{ node: 0, cpus: cpus(13) }]);
      expect('sets' in dealt && dealt.sets.flat()).toEqual(cpus(13));
    }
  });

  it('several host nodes: a simulated node has the CPUs of one of them', () => {
    const hosts = [
      { node: 0, cpus: cpus(4) },
      { node: 1, cpus: [] },
      { node: 4, cpus: cpus(4, 4) },
    ];
    expect(dealCpus(2, hosts)).toEqual({ sets: [cpus(4), cpus(4, 4)] });
    expect(dealCpus(1, hosts)).toEqual({ sets: [cpus(4)] });
    expect(dealCpus(3, hosts)).toEqual({
      sets: [
        [0, 1],
        [4, 5, 6, 7],
        [2, 3],
      ],
    });
  });

  it('fewer CPUs than nodes: none is bound, and it is said why', () => {
    expect(dealCpus(3, [{ node: 0, cpus: [0, 1] }])).toEqual({
      note: 'there are 2 CPUs for 3 simulated nodes',
    });
    const two = [
      { node: 0, cpus: [0] },
      { node: 1, cpus: [1, 2] },
    ];
    expect(dealCpus(4, two)).toEqual({ note: 'node 0 of the host has 1 CPU for 2 simulated nodes' });
    expect(dealCpus(1, [])).toEqual({ note: 'no CPU is known' });
  });
});

describe('binding a thread', () => {
  it('asks taskset for the CPUs of its node, and reads back what the kernel says', () => {
    const host = new FakeHost({ cpus: '0-3', nodes: { 0: '0-1', 1: '2-3' } });
    expect(bindThread(1, 2, host)).toEqual({ node: 1, tid: 4711, cpus: '2-3', note: null });
    expect(host.ran).toEqual(['taskset -pc 2-3 4711']);
  });

  it('leaves out CPUs that the process may not use', () => {
    const host = new FakeHost({ cpus: '1-2', nodes: { 0: '0-1', 1: '2-3' } });
    expect([bindThread(0, 2, host).cpus, bindThread(1, 2, host).cpus]).toEqual(['1', '2']);
  });

  it('leaves out CPUs that are offline, although the mask has them', () => {
    const host = new FakeHost({ cpus: '0-127', online: '0-3', nodes: { 0: '0-127' } });
    expect([bindThread(0, 2, host).cpus, bindThread(1, 2, host).cpus]).toEqual(['0-1', '2-3']);
    expect(allowedCpus(new FakeHost({ cpus: '0-1,6', online: '1-7' }))).toEqual([1, 6]);
  });

  it('takes all CPUs where sysfs has a node and does not tell its CPUs', () => {
    const host = new FakeHost({ cpus: '0-3', nodes: { 0: '' } });
    expect(bindThread(1, 2, host)).toMatchObject({ cpus: '2-3', note: null });
    expect(hostNodes(new FakeHost({ nodes: { 0: '', 1: '' } }), [0])).toEqual([
      { node: 0, cpus: [] },
      { node: 1, cpus: [] },
    ]);
  });

  const refusals: [string, ConstructorParameters<typeof FakeHost>[0], string][] = [
    ['no Linux', { platform: 'darwin' }, 'CPU binding needs Linux; this is darwin'],
    ['no procfs', { noProc: true }, '/proc/self/status does not tell which CPUs may be used'],
    ['no taskset', { refuse: 'there is no taskset on this machine' }, 'there is no taskset on this machine'],
    ['one CPU', { cpus: '5' }, 'there is 1 CPU for 2 simulated nodes'],
    ['no effect', { deaf: true }, 'taskset set CPUs 0-1, the kernel allows 0-3'],
    ['no thread id', { noSelf: true }, '/proc/thread-self does not tell the thread id'],
  ];
  it.each(refusals)('%s: says so and goes on', (_what, options, note) => {
    expect(bindThread(0, 2, new FakeHost(options)).note).toBe(note);
  });

  it('the real runner says in one line what went wrong', () => {
    expect(REAL_HOST.run('no-such-program-here', [])).toBe(
      'there is no no-such-program-here on this machine',
    );
    expect(REAL_HOST.run('ls', ['/no/such/file'])).toMatch(/^[^\n]*no\/such\/file[^\n]*$/);
    expect(REAL_HOST.run('true', [])).toBeNull();
  });
});

it('lines: the bound ones by node, and each reason once', () => {
  const bound = (node: number, cpus: string): AffinityResult => ({ node, tid: 1, cpus, note: null });
  const unbound: AffinityResult = { node: 1, tid: 2, cpus: '0-1', note: 'refused' };
  expect(affinityLines([bound(1, '1'), bound(0, '0'), bound(0, '0'), unbound, unbound])).toEqual([
    'node 0: 2 threads on CPUs 0',
    'node 1: 1 thread on CPUs 1',
    '2 threads not bound to CPUs: refused',
  ]);
  expect(affinityLines([])).toEqual([]);
});

const COMPILED = new URL('../../dist/src/numa/affinity.js', import.meta.url);
const cpusHere = REAL_HOST.platform === 'linux' ? (allowedCpus(REAL_HOST) ?? []) : [];
const canBind = cpusHere.length >= 2 && REAL_HOST.run('taskset', ['-V']) === null;

describe.runIf(canBind)('on this machine', () => {
  it('the allowed CPUs of a worker really change, those of the main thread do not', async () => {
    const source = `
      import { parentPort } from 'node:worker_threads';
      import { readFileSync } from 'node:fs';
      import { bindThread } from '${COMPILED.href}';
      const status = () => /Cpus_allowed_list:\\s*(.*)/.exec(readFileSync('/proc/thread-self/status', 'utf8'))[1];
      const before = status();
      const results = [1, 0].map((node) => ({ ...bindThread(node, 2), now: status() }));
      parentPort.postMessage({ before, results });
    `;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
    const seen = await new Promise<{ before: string; results: (AffinityResult & { now: string })[] }>(
      (resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      },
    );
    await worker.terminate();
    const sets = cpuSets(2);
    if ('note' in sets) throw new Error(sets.note);
    expect(seen.before).toBe(cpuListText(cpusHere));
    expect(seen.results.map((r) => [r.note, r.now])).toEqual([
      [null, cpuListText(sets.sets[1])],
      [null, cpuListText(sets.sets[0])],
    ]);
    for (const r of seen.results) {
      expect(r.cpus).toBe(r.now);
      expect(r.tid).toBeGreaterThan(0);
      expect(r.tid).not.toBe(process.pid);
    }
    expect(allowedCpus(REAL_HOST)).toEqual(cpusHere);
    expect(hostNodes(REAL_HOST, cpusHere).flatMap((n) => n.cpus)).toEqual(cpusHere);
  });
});
