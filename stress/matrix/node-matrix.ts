/**
 * The tests under several versions of Node.js, one after the other: each comes as npm's own package `node`, and stands
 * first in the PATH of whatever the tests start. Only fetching a version that npm has not seen yet needs the network.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import Table from 'cli-table3';
import { OptionError, UserError } from '../../src/config/errors.ts';
import { oneLine } from '../../src/config/values.ts';

export const DEFAULT_NODES = '20,22,24,26';
const OLDEST = 20;

/** A Node.js that can be run. */
export interface NodeBinary {
  /** As the user asked for it. */
  readonly asked: string;
  readonly path: string;
  /** What it says of itself. */
  readonly version: string;
  readonly v8: string;
  /** Whether it has `Atomics.pause`. */
  readonly pause: boolean;
}

export interface NodeResult {
  readonly node: NodeBinary;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The unit tests' process ended with 0, as it does not when a file cannot even be loaded. */
  readonly unit: boolean;
  readonly smoke: boolean;
  readonly seconds: number;
}

interface Ended {
  readonly ok: boolean;
  /** What it wrote, on both streams, in the order of arrival. */
  readonly output: string;
}

/** `22,24.1.0`. @throws OptionError */
export function readNodeVersions(text: string): string[] {
  const versions = text.split(',').map((v) => v.trim());
  const good = (v: string): boolean => /^\d{2,3}(\.\d+){0,2}$/.test(v) && Number.parseInt(v, 10) >= OLDEST;
  if (versions.every(good) && new Set(versions).size === versions.length) return versions;
  throw new OptionError(
    '--node',
    `--node: '${oneLine(text)}' is not a list of different versions from ${OLDEST} on, as in 22,24`,
  );
}

/** Gets a version from npm. @throws UserError when there is none to be had */
export async function findNode(asked: string, env: NodeJS.ProcessEnv): Promise<NodeBinary> {
  const facts = '[process.execPath,process.version,process.versions.v8,typeof Atomics.pause].join("\\n")';
  // What npm has fetched before needs no network now.
  const args = ['--prefer-offline', '-y', '-p', `node@${asked}`, 'node', '-p', facts];
  const { ok, output } = await run('npx', args, { env });
  const lines = output.trim().split('\n');
  const [path, version, v8, pause] = lines.slice(-4);
  if (!ok || !version?.startsWith(`v${asked}`)) {
    const said = lines.find((l) => /npm (error|ERR!)/.test(l)) ?? lines.at(-1) ?? '';
    throw new UserError(
      `Node ${asked}: npx -p node@${asked} failed: ${oneLine(said)} ` +
        '(a version that npm has not fetched before needs the network, and nothing else does)',
    );
  }
  return { asked, path, version, v8, pause: pause === 'function' };
}

/**
 * Unit tests, then the smoke run, as package.json spells them.
 * @param tell gets a line when a part begins, and all that a part wrote if it failed
 */
export async function testUnder(
  node: NodeBinary,
  root: string,
  outer: NodeJS.ProcessEnv,
  tell: (line: string) => void,
): Promise<NodeResult> {
  const env = envOf(node, outer);
  const scratch = mkdtempSync(join(tmpdir(), 'latchlab-matrix-'));
  const report = join(scratch, 'unit.json');
  const began = performance.now();
  try {
    const seen = await run('node', ['-p', 'process.version'], { env, cwd: root });
    if (seen.output.trim() !== node.version) {
      throw new Error(`Node ${node.version} is not what 'node' means to its children: ${seen.output.trim()}`);
    }
    tell(`Node ${node.version}: unit tests`);
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const unit = await run('npm', ['run', '-s', 'unit', '--', ...reporters], { env, cwd: root });
    if (!unit.ok) tell(unit.output);
    tell(`Node ${node.version}: smoke stress run`);
    const smoke = await run('npm', ['run', '-s', 'stress:smoke'], { env, cwd: root });
    if (!smoke.ok) tell(smoke.output);
    const seconds = (performance.now() - began) / 1000;
    return { node, ...countTests(report), unit: unit.ok, smoke: smoke.ok, seconds };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The environment in which `node`, `npm` and `npx` are, or run on, that version. */
function envOf(node: NodeBinary, outer: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  // What npm tells the scripts that it runs names the outer version.
  const kept = Object.entries(outer).filter(([name]) => !/^(npm_|NODE$|NODE_OPTIONS$|INIT_CWD$)/.test(name));
  return { ...Object.fromEntries(kept), PATH: `${dirname(node.path)}${delimiter}${outer['PATH'] ?? ''}` };
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** From vitest's JSON report; all 0 when it wrote none. */
function countTests(file: string): Counts {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- vitest's own format
    const report = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
    return {
      passed: report['numPassedTests'],
      failed: report['numFailedTests'],
      skipped: report['numPendingTests'] + report['numTodoTests'],
    };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

export const allPassed = (r: NodeResult): boolean => r.unit && r.smoke && r.failed === 0 && r.passed > 0;

export function renderNodeMatrix(results: readonly NodeResult[]): string {
  const table = new Table({
    head: ['Node', 'V8', 'Atomics.pause', 'passed', 'failed', 'skipped', 'smoke run', 'time, s'],
    style: { head: [], border: [] },
    colAligns: ['left', 'left', 'left', 'right', 'right', 'right', 'left', 'right'],
  });
  for (const { node, passed, failed, skipped, unit, smoke, seconds } of results) {
    // A file that cannot be loaded is no failed test.
    const failures = unit || failed > 0 ? String(failed) : 'stopped';
    table.push([
      node.version,
      node.v8,
      node.pause ? 'yes' : 'no',
      passed,
      failures,
      skipped,
      smoke ? 'holds' : 'fails',
      seconds.toFixed(0),
    ]);
  }
  const bad = results.filter((r) => !allPassed(r)).map((r) => r.node.version);
  const verdict = bad.length === 0 ? `all ${results.length} pass` : `not all pass: ${bad.join(', ')}`;
  return `${table.toString()}\n${verdict}`;
}

function run(
  command: string,
  args: readonly string[],
  options: { readonly env: NodeJS.ProcessEnv; readonly cwd?: string },
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}
