/** Options that every family takes. */
import type { OwnOption } from '../../src/config/cli.ts';

export const COMMON_OPTIONS = [
  { name: 'quick', kind: 'flag', doc: 'a first look: few and short rounds' },
  {
    name: 'rounds',
    kind: 'int',
    default: null,
    min: 1,
    max: 1000,
    doc: 'times that each case is measured, in shuffled turns',
  },
  {
    name: 'seed',
    kind: 'int',
    default: 1,
    min: 0,
    max: 2 ** 31 - 1,
    doc: 'seed of data, programs and turns',
  },
  { name: 'json', kind: 'path', default: null, doc: 'write the rows to this file as JSON' },
  { name: 'csv', kind: 'path', default: null, doc: 'write every sample to this file as CSV' },
  { name: 'html', kind: 'path', default: null, doc: 'write a page with tables and charts to this file' },
  { name: 'shard', kind: 'string', default: null, doc: 'measure only part I of N of the cells, as in 2/4' },
] as const satisfies readonly OwnOption[];
