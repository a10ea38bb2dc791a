import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { allPassed, findNode, readNodeVersions, renderNodeMatrix, testUnder } from './node-matrix.ts';

const dir = mkdtempSync(join(tmpdir(), 'latchlab-node-matrix-test-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A PATH on which some commands are these shell scripts. */
function withCommands(name: string, commands: Record<string, string>): NodeJS.ProcessEnv {
  const bin = join(dir, name);
  mkdirSync(bin, { recursive: true });
  for (const [command, script] of Object.entries(commands)) {
    writeFileSync(join(bin, command), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, command), 0o755);
  }
  return { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}` };
}

/** A project whose unit tests and smoke run end as told. Both say which node runs them. */
function project(name: string, o: { report: string; unit: number; smoke: number }): string {
  const root = join(dir, name);
  mkdirSync(root);
  const unit = `
    const out = process.argv.find((a) => a.startsWith('--outputFile.json=')).split('=')[1];
    const report = ${o.report};
    if (report !== null) require('fs').writeFileSync(out, JSON.stringify(report));
    console.log('unit under', process.env.WHICH);
    process.exit(${o.unit});`;
  writeFileSync(join(root, 'unit.cjs'), unit);
  const scripts = {
    unit: 'WHICH=$(node which-node) node unit.cjs',
    'stress:smoke': `echo smoke under $(node which-node); exit ${o.smoke}`,
  };
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'fake', scripts }));
  return root;
}

// A node of its own in a directory of its own, as npm's package is: it answers to `which-node`.
const nodeEnv = withCommands('node-bin', {
  node: `if [ "$1" = which-node ]; then echo the fake; else exec ${process.execPath} "$@"; fi`,
});
const NODE = {
  asked: '20',
  path: join(dir, 'node-bin', 'node'),
  version: process.version,
  v8: process.versions.v8,
  pause: false,
};
const COUNTS = '{ numPassedTests: 7, numFailedTests: 2, numPendingTests: 1, numTodoTests: 3 }';

describe('versions', () => {
  it('are majors or more, different, and not too old', () => {
    expect(readNodeVersions('22, 24.1.0')).toEqual(['22', '24.1.0']);
    for (const text of ['', '18', '22,', '22,22', 'lts', '22;24', '22.x']) {
      expect(() => readNodeVersions(text)).toThrow(`--node: '${text}' is not a list of different versions`);
    }
  });

  it('come from npx, with what they say of themselves', async () => {
    const answer = `printf 'a warning\\n/n/bin/node\\nv22.3.4\\n12.4\\nfunction\\n'; echo "$@" > ${dir}/asked`;
    const env = withCommands('good', { npx: answer });
    const found = await findNode('22', env);
    expect(found).toEqual({ asked: '22', path: '/n/bin/node', version: 'v22.3.4', v8: '12.4', pause: true });
  });

  it('that cannot be had end in one line that speaks of the network', async () => {
    const offline = withCommands('bad', {
      npx: 'echo "npm error code ENOTFOUND" >&2; echo more >&2; exit 1',
    });
    await expect(findNode('22', offline)).rejects.toThrow(
      /^Node 22: npx -p node@22 failed: npm error code ENOTFOUND \(.*needs the network/,
    );
    const other = withCommands('other', { npx: "printf '/n/bin/node\\nv20.1.0\\n11\\nundefined\\n'" });
    await expect(findNode('22', other)).rejects.toThrow('Node 22: npx -p node@22 failed');
  });
});

describe('tests under a version', () => {
  it('run with that node first in PATH, and are counted', async () => {
    const root = project('fails', { report: COUNTS, unit: 1, smoke: 0 });
    const told: string[] = [];
    const result = await testUnder(NODE, root, process.env, (line) => void told.push(line));
    expect(result).toMatchObject({ passed: 7, failed: 2, skipped: 4, unit: false, smoke: true });
    expect(allPassed(result)).toBe(false);
    // What failed is shown, what did not is not.
    expect(told).toEqual([
      `Node ${NODE.version}: unit tests`,
      'unit under the fake\n',
      `Node ${NODE.version}: smoke stress run`,
    ]);
  });

  it('pass only if the smoke run does too, and if there were any', async () => {
    const good = '{ ...' + COUNTS + ', numFailedTests: 0 }';
    const told: string[] = [];
    const tell = (line: string): void => void told.push(line);
    const smoke = await testUnder(
      NODE,
      project('smoke', { report: good, unit: 0, smoke: 3 }),
      process.env,
      tell,
    );
    expect(smoke).toMatchObject({ passed: 7, unit: true, smoke: false });
    expect(told).toContain('smoke under the fake\n');
    expect(allPassed(smoke)).toBe(false);
    expect(allPassed({ ...smoke, smoke: true })).toBe(true);
    const none = await testUnder(
      NODE,
      project('none', { report: 'null', unit: 0, smoke: 0 }),
      process.env,
      tell,
    );
    expect(none).toMatchObject({ passed: 0, failed: 0 });
    expect(allPassed(none)).toBe(false);
  });

  it('do not begin when node is another one than it said', async () => {
    const root = project('wrong', { report: COUNTS, unit: 0, smoke: 0 });
    const run = testUnder({ ...NODE, version: 'v99.0.0' }, root, nodeEnv, () => undefined);
    await expect(run).rejects.toThrow('Node v99.0.0 is not what');
  });
});

describe('the table', () => {
  const good = { node: NODE, passed: 7, failed: 0, skipped: 1, unit: true, smoke: true, seconds: 61.4 };

  it('has a row for each and a verdict', () => {
    const text = renderNodeMatrix([good, { ...good, node: { ...NODE, version: 'v24.0.0', pause: true } }]);
    expect(text).toMatch(new RegExp(`${NODE.version} .*│ no +│ +7 │ +0 │ +1 │ holds +│ +61 │`));
    expect(text).toMatch(/v24\.0\.0 .*│ yes/);
    expect(text).toMatch(/all 2 pass$/);
  });

  it('names those that fail, also when no test was counted', () => {
    const stopped = { ...good, unit: false, passed: 0 };
    expect(renderNodeMatrix([good, stopped])).toMatch(/│ stopped │/);
    expect(renderNodeMatrix([good, stopped])).toMatch(new RegExp(`not all pass: ${NODE.version}$`));
    expect(renderNodeMatrix([{ ...good, smoke: false }])).toMatch(/│ fails/);
  });
});
