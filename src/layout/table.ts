/** What the tables of programs share between sessions. */
import { record } from './schema.ts';

/** Tables of all programs of a run that have rows added, at most. */
export const MAX_TABLES = 1024;

const SHARED = 'any thread, by Atomics';

/** A table to which sessions add rows: like dict_table_t::autoinc, and where a queue of rows begins. */
export const TABLE = record('Table', 'dict_table_t::autoinc', {
  inserted: {
    guard: SHARED,
    dirtyRead: 'where the newest rows are; the next one may be there already',
    writer: 'contender',
    hot: true,
    doc: 'rows added since the start',
  },
  taken: {
    guard: SHARED,
    writer: 'contender',
    hot: true,
    doc: 'rows taken from the old end since the start',
  },
});
