/** `npm run matrix`. Exit status: 0 all versions pass, 1 not, 2 bad input, or a version that cannot be had. */
import { fileURLToPath } from 'node:url';
import { buildCli, type OwnOption } from '../../src/config/cli.ts';
import { UserError } from '../../src/config/errors.ts';
import {
  allPassed,
  DEFAULT_NODES,
  findNode,
  type NodeBinary,
  type NodeResult,
  readNodeVersions,
  renderNodeMatrix,
  testUnder,
} from './node-matrix.ts';

const OPTIONS = [
  { name: 'node', kind: 'string', default: DEFAULT_NODES, doc: 'versions of Node.js, separated by commas' },
  { name: 'root', kind: 'path', default: null, doc: 'directory of the checkout to test, if not this one' },
] as const satisfies readonly OwnOption[];

async function main(argv: readonly string[]): Promise<number> {
  const parsed = buildCli({
    name: 'npm run matrix --',
    description:
      'Runs the unit tests and the smoke stress run under several versions of Node.js, one after the other. ' +
      "They come from npm's package `node`; fetching one for the first time needs the network.",
    own: OPTIONS,
    sysvars: [],
  }).parse(argv);
  if (parsed.help !== null) {
    process.stdout.write(parsed.help);
    return 0;
  }
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  const root = parsed.own.root ?? fileURLToPath(new URL('../../..', import.meta.url));
  const nodes: NodeBinary[] = [];
  // All of them before any test: a version that cannot be had is known at once.
  for (const version of readNodeVersions(parsed.own.node)) {
    tell(`Node ${version}: looking for it`);
    nodes.push(await findNode(version, process.env));
  }
  const results: NodeResult[] = [];
  for (const node of nodes) results.push(await testUnder(node, root, process.env, tell));
  process.stdout.write(`${renderNodeMatrix(results)}\n`);
  return results.every(allPassed) ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
