/** Records of who asked for which block: places in source files, and what is known of blocks (src/memory/ut/origin.ts). */
import { LINE_WORDS, record } from './schema.ts';

const CONSTANT = 'constant once threads run';
const TAKER = 'the thread that took the cell';

/** Words of a file name in a cell. */
export const SITE_NAME_WORDS = 29;

/** An open-addressing table of places, by their number. C++ has no need of it: `__FILE__` is in the program. */
export const SITE_TABLE = record('SiteTable', 'none: __FILE__ and __LINE__', {
  cells: { line: 'place', guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc: 'first SITE_CELL' },
  mask: { guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc: 'cells, a power of two, less one' },
  refused: {
    line: 'counter',
    guard: 'Atomics.add',
    dirtyRead: 'reports',
    writer: 'accessor',
    telemetry: true,
    doc: 'registrations for which no cell was free: those places stay numbers',
  },
});

/** A place in a source file. Taken once, by compare-exchange of its number, and never given back. */
export const SITE_CELL = record('SiteCell', 'none: __FILE__ and __LINE__', {
  id: {
    line: 'place',
    guard: 'compare-exchange from 0',
    writer: 'accessor',
    doc: "the place's number, 0: free",
  },
  named: {
    guard: TAKER,
    writer: 'accessor',
    doc: 'stored last, by Atomics: bytes of the name + 1; 0: line and name are not there yet',
  },
  line: { guard: TAKER, writer: 'accessor', doc: 'line number; read once `named` was seen' },
  name: {
    words: SITE_NAME_WORDS,
    guard: TAKER,
    writer: 'accessor',
    doc: 'UTF-8 bytes of the file name, four to a word; of a long name its end',
  },
});
if (SITE_CELL.words !== 2 * LINE_WORDS) throw new Error('a place takes two lines');

/** Bits of ORIGIN.who below the key. */
export const ORIGIN_THREAD_BITS = 20;

/** What is known of the tracked block that starts in a grain of 32 bytes, or of the last one that did. */
export const ORIGIN = record(
  'Origin',
  'none: Valgrind and ASan keep such shadow memory',
  {
    site: {
      guard: "the block's owner",
      dirtyRead: 'reports, leak detector',
      writer: 'owner',
      telemetry: true,
      doc: 'place where it was allocated; 0: not given',
    },
    state: {
      guard: "the block's owner",
      dirtyRead: 'reports, leak detector',
      writer: 'owner',
      telemetry: true,
      doc: '0: nothing known; below 0: live, minus its bytes; above: the place where it was freed, 1: not given',
    },
    who: {
      guard: "the block's owner",
      dirtyRead: 'reports, leak detector',
      writer: 'owner',
      telemetry: true,
      doc: 'instrument in the 12 upper bits; id of the thread that allocated it in the 20 lower ones',
    },
    born: {
      guard: "the block's owner",
      dirtyRead: 'reports, leak detector',
      writer: 'owner',
      telemetry: true,
      doc: 'time of the allocating statement, in ticks',
    },
  },
  4,
);
