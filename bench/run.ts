/** `npm run bench -- FAMILY`: measures compiled output and prints. Exit status: 0 done, 2 bad input. */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { buildCli, type OwnOption } from '../src/config/cli.ts';
import { OptionError, UserError } from '../src/config/errors.ts';
import { measurePageGet, printPageGet } from './run-page-get.ts';

const FAMILIES = ['page-get'] as const;

const OPTIONS = [
  {
    name: 'rounds',
    kind: 'int',
    default: 7,
    min: 1,
    max: 1000,
    doc: 'times that each case is measured in turn',
  },
  { name: 'json', kind: 'path', default: null, doc: 'write the raw figures to this file as JSON' },
] as const satisfies readonly OwnOption[];

async function main(argv: readonly string[]): Promise<number> {
  if (import.meta.url.endsWith('.ts')) {
    throw new UserError('benchmarks run from compiled output only: npm run bench');
  }
  const family = argv.find((a) => !a.startsWith('-'));
  const parsed = buildCli({
    name: 'npm run bench -- page-get',
    description: `Measures compiled output. Families: ${FAMILIES.join(', ')}.`,
    own: OPTIONS,
    sysvars: [],
  }).parse(argv.filter((a) => a !== family));
  if (parsed.help !== null) {
    process.stdout.write(parsed.help);
    return 0;
  }
  if (family !== 'page-get') {
    throw new OptionError('family', `family ${family ?? '(none)'}: allowed are ${FAMILIES.join(', ')}`);
  }
  const [load] = loadavg();
  if (load > 0.5) {
    process.stderr.write(
      `warning: the machine is busy (load ${load.toFixed(2)}); compare ratios, not times\n`,
    );
  }
  const report = await measurePageGet(parsed.own.rounds);
  process.stdout.write(`${printPageGet(report)}\n`);
  const machine = {
    node: process.version,
    v8: process.versions.v8,
    cpu: cpus()[0]?.model ?? '',
    cores: cpus().length,
  };
  if (parsed.own.json !== null)
    writeFileSync(parsed.own.json, `${JSON.stringify({ machine, report }, null, 1)}\n`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
