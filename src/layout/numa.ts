/** What all threads know about the simulated nodes. */
import { record } from './schema.ts';
import { MAX_NODES } from './thread.ts';

/** The distances between nodes, as the firmware tells them (ACPI SLIT): by row from, by column to. */
export const NUMA_TOPOLOGY = record('NumaTopology', 'none: /sys/devices/system/node/node*/distance', {
  nodes: { guard: 'setup', dirtyRead: 'constant', writer: 'setup', doc: 'how many there are' },
  distance: {
    line: 'distances',
    words: MAX_NODES * MAX_NODES,
    guard: 'setup',
    dirtyRead: 'constant',
    writer: 'setup',
    doc: `row of ${MAX_NODES} words by node that asks: distance to each node, 10 to itself; 0: no such node`,
  },
});
