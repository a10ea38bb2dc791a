/** From a command line to the bill of memory. */
import { writeFileSync } from 'node:fs';
import { BillTooLarge, measureBill } from '../../src/bill/measure.ts';
import { billItems, BUF_BLOCK_BYTES, type BillSettings } from '../../src/bill/objects.ts';
import { poolSizing } from '../../src/buffer/sizes.ts';
import { buildCli, type OwnOption } from '../../src/config/cli.ts';
import { OptionError } from '../../src/config/errors.ts';
import { showBytes } from '../../src/config/values.ts';
import { checkWritable, unwritable } from '../../src/config/writable.ts';
import { HUGE_1G, HUGE_2M } from '../../src/memory/os/os-huge-pool.ts';
import { buildMemoryBill, renderBill } from './bill.ts';
import { BillProgress } from './progress.ts';

export const EXIT = { done: 0, badInput: 2 } as const;

const SYSVARS = [
  'innodb_buffer_pool_size',
  'innodb_buffer_pool_instances',
  'innodb_buffer_pool_chunk_size',
  'innodb_buffer_pool_debug',
  'innodb_adaptive_hash_index_parts',
  'innodb_log_buffer_size',
] as const;

const OPTIONS = [
  {
    name: 'block-bytes',
    kind: 'int',
    default: BUF_BLOCK_BYTES,
    min: 64,
    max: 16_384,
    doc: 'sizeof(buf_block_t): depends on the build',
  },
  {
    name: 'mutex',
    kind: 'enum',
    default: 'event',
    choices: ['event', 'futex'],
    doc: 'mutexes of the build: with an os_event each, or futexes',
  },
  {
    name: 'large-pages',
    kind: 'enum',
    default: 'off',
    choices: ['off', '2M', '1G'],
    doc: 'size of the huge pages that the pool comes in',
  },
  {
    name: 'json',
    kind: 'path',
    default: null,
    doc: 'write the bill to this file as JSON; - is standard output',
  },
] as const satisfies readonly OwnOption[];

const cli = buildCli({
  name: 'npm run memory --',
  description:
    'The bill of memory: what InnoDB takes when it starts with these settings, object by object. The computed sizes are\n' +
    'the formulas of 8.0.25; the allocated ones are what the allocators gave when they were really asked.',
  own: OPTIONS,
  sysvars: SYSVARS,
});

/** @throws UserError, one line, before anything is allocated or written */
export function memoryMain(argv: readonly string[]): void {
  const parsed = cli.parse(argv);
  if (parsed.help !== null) {
    process.stdout.write(parsed.help);
    return;
  }
  const { own, sysvars } = parsed;
  const size = sysvars.innodb_buffer_pool_size;
  if (!Number.isSafeInteger(size) || size > MOST_POOL_BYTES) {
    throw new OptionError(
      '--innodb-buffer-pool-size',
      `--innodb-buffer-pool-size=${showBytes(size)}: allowed are up to ${showBytes(MOST_POOL_BYTES)}`,
    );
  }
  const pool = poolSizing({
    size,
    instances: sysvars.innodb_buffer_pool_instances,
    chunk: Math.min(sysvars.innodb_buffer_pool_chunk_size, Number.MAX_SAFE_INTEGER),
    debug: sysvars.innodb_buffer_pool_debug,
  });
  const settings: BillSettings = {
    pool,
    ahiParts: sysvars.innodb_adaptive_hash_index_parts,
    logBufferBytes: sysvars.innodb_log_buffer_size,
    blockBytes: own['block-bytes'],
    mutexEvents: own.mutex === 'event',
  };
  if (own.json !== null && own.json !== '-') checkWritable('--json', own.json);
  const toPeople = own.json !== '-';
  for (const line of [...parsed.warnings, ...pool.messages]) process.stderr.write(`warning: ${line}\n`);
  const bill = buildMemoryBill(settings, measured(settings, LARGE_PAGE_BYTES[own['large-pages']]));
  if (toPeople) process.stdout.write(renderBill(bill));
  if (own.json === null) return;
  const json = `${JSON.stringify(bill, null, 2)}\n`;
  if (!toPeople) process.stdout.write(json);
  else {
    try {
      writeFileSync(own.json, json);
    } catch (error) {
      throw unwritable('--json', own.json, error);
    }
  }
}

/** What 2^31 cells of a hash table allow. */
const MOST_POOL_BYTES = 2 ** 42;

const LARGE_PAGE_BYTES = { off: 0, '2M': HUGE_2M, '1G': HUGE_1G } as const;

function measured(settings: BillSettings, largePageBytes: number): ReturnType<typeof measureBill> {
  const progress = new BillProgress();
  try {
    return measureBill(billItems(settings), largePageBytes, (done, total) => {
      progress.tell(done, total);
    });
  } catch (error) {
    if (!(error instanceof BillTooLarge)) throw error;
    const option =
      error.item.source === 'large' ? '--innodb-buffer-pool-chunk-size' : '--innodb-buffer-pool-size';
    throw new OptionError(option, `${option}: ${error.message}; allowed is less`);
  } finally {
    progress.done();
  }
}
