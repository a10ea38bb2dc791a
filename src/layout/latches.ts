/** Records of the three kinds of latch. Protocols: src/sync. */
import { record } from './schema.ts';

/** Latches lie at multiples of four words, so that a held-list entry can keep the mode in the two low bits. */
export const LATCH_ALIGN = 4;

/**
 * `os_event`: signal count in bits 1 to 31, is_set in bit 0, so that "not set and count as noted" is one value to
 * wait on. The count starts at 1 (word 2); a set event starts as 3.
 */
export const EVENT = record('Event', 'os_event', {
  word: {
    guard: 'compare-exchange by anyone',
    dirtyRead: 'every use re-reads it with Atomics',
    writer: 'contender',
    doc: 'signal count << 1 | is_set',
  },
});

/** TTASFutexMutex with the owner in the word: 0 free, id << 1 locked, id << 1 | 1 locked with waiters. */
export const MUTEX = record(
  'Mutex',
  'TTASFutexMutex',
  {
    word: {
      guard: 'compare-exchange by anyone; the owner exchanges it for 0',
      dirtyRead: 'the compare-exchange that follows validates it; monitors only display it',
      writer: 'contender',
      hot: true,
      doc: '0 free; owner id << 1; bit 0: somebody may be asleep',
    },
    meta: {
      guard: 'set once before the latch is shared',
      dirtyRead: 'constant',
      writer: 'setup',
      doc: 'latch class (index into LATCHES)',
    },
  },
  LATCH_ALIGN,
);

/**
 * rw_lock_t with S, SX and X modes; the lock word is InnoDB's, value for value. Seven words and no alignment of its
 * own, so that a control block's first line has room for the nine words that a hit needs beside it: whoever embeds it
 * puts it at the start of a line.
 */
export const SX_LOCK = record('SxLock', 'rw_lock_t', {
  lockWord: {
    guard: 'compare-exchange or add by anyone, by the rules of src/sync/sx-lock.ts',
    dirtyRead: 'the compare-exchange that follows validates it; monitors only display it',
    writer: 'accessor',
    hot: true,
    doc: '0x20000000 free; see the truth table in src/sync/sx-lock.ts',
  },
  writer: {
    guard: 'held X or SX',
    dirtyRead: 'a thread finds its own id here only if it wrote it itself',
    writer: 'accessor',
    doc: 'id of the X or SX holder; negative: reserved for an I/O (pass), not recursive; 0 none',
  },
  sxRecursive: {
    guard: 'held SX, or X by the same thread',
    writer: 'accessor',
    doc: 'number of SX holds of the writer',
  },
  waiters: {
    guard: 'Atomics by anyone',
    dirtyRead: 'a releaser tests it after it changed the lock word, a waiter sets it before its last look',
    writer: 'accessor',
    doc: '1: somebody may sleep on `event`',
  },
  event: {
    record: EVENT,
    guard: 'see Event',
    writer: 'accessor',
    doc: 'waiters for S, SX and X sleep here',
  },
  waitExEvent: {
    record: EVENT,
    guard: 'see Event',
    writer: 'accessor',
    doc: 'the writer that has reserved the lock and waits for readers to leave sleeps here',
  },
  meta: {
    guard: 'set once before the latch is shared',
    dirtyRead: 'constant',
    writer: 'setup',
    doc: 'latch class (index into LATCHES)',
  },
});
