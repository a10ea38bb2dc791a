/** Which table and which row a statement is about. What was chosen last stands in SESSION.scratch. */
import { SESSION } from '../../layout/session.ts';
import { TABLE } from '../../layout/table.ts';
import type { Thread } from '../../sync/thread.ts';
import { NO_PAGE } from './access.ts';
import { type CompiledStep, KEY, PART, type Range } from './program-steps.ts';

const { cursor: CURSOR, scratch: SCRATCH } = SESSION.at;
const LAST_PART = SCRATCH + 1;
const LAST_ROW = SCRATCH + 2;
const { inserted: INSERTED, taken: TAKEN } = TABLE.at;

/** A number of the range, both ends included. */
export function draw(thr: Thread, range: Range): number {
  const { from, to } = range;
  return from === to ? from : from + thr.rng.below(to - from + 1);
}

/** Sessions go round the tables of a kind: as many as there are nodes, or a multiple, and a node's sessions share theirs. */
const homeOf = (session: number, count: number): number => Math.floor(session / SESSION.words) % count;

/** @param first whether the statement is the first of its step: those of a step have one table, unless it is drawn for each */
export function choosePart(thr: Thread, step: CompiledStep, session: number, first: boolean): number {
  const { mem, rng } = thr;
  const { count } = step.table;
  if (count === 1) return 0;
  if (step.part === PART.same || (step.part === PART.any && !first)) return mem[session + LAST_PART] % count;
  let part = 0;
  if (step.part === PART.any) part = rng.below(count);
  else {
    part = homeOf(session, count);
    if (step.remotePct > 0 && rng.float() * 100 < step.remotePct) {
      part = (part + 1 + rng.below(count - 1)) % count;
    }
  }
  mem[session + LAST_PART] = part;
  return part;
}

/**
 * @param rows how many from there on the statement reads: as many are taken of the oldest
 * @returns the number of the row; NO_PAGE: the trace is at its end
 */
export function chooseRow(thr: Thread, step: CompiledStep, session: number, part: number, rows = 1): number {
  const { mem } = thr;
  const { rows: all, loaded } = step.table;
  const shared = step.shared + part * TABLE.words;
  let row = 0;
  switch (step.key) {
    case KEY.same:
      row = mem[session + LAST_ROW] % all;
      break;
    case KEY.append:
      row = (loaded + (Atomics.add(mem, shared + INSERTED, 1) >>> 0)) % all;
      break;
    case KEY.oldest:
      row = (Atomics.add(mem, shared + TAKEN, rows) >>> 0) % all;
      break;
    case KEY.latest:
      // What is drawn is less than `all`.
      row = (loaded + (Atomics.load(mem, shared + INSERTED) >>> 0) - 1 + all - step.chooser.next()) % all;
      break;
    default:
      row = step.chooser.next();
  }
  if (row !== NO_PAGE) mem[session + LAST_ROW] = row;
  return row;
}

/** Where a row lies in the clustered index. */
export function placeOf(step: CompiledStep, row: number): number {
  return step.table.hash === null ? row : step.table.hash.page(row);
}

/** Whether the statement goes on where the session's cursor stands. */
export function hasCursor(step: CompiledStep): boolean {
  return step.key === KEY.cursor || step.key === KEY.cursorFromAny;
}

/** The row at the cursor, counted through all tables of the kind. */
export function cursorRow(thr: Thread, step: CompiledStep, session: number): number {
  const { rows, count } = step.table;
  const at = thr.mem[session + CURSOR] - 1;
  if (at >= 0) return at % (rows * count);
  return step.key === KEY.cursorFromAny ? thr.rng.below(rows * count) : 0;
}

/** The cursor goes on behind what was read, or to the first row again. */
export function moveCursor(mem: Int32Array, step: CompiledStep, session: number, to: number): void {
  mem[session + CURSOR] = (to % (step.table.rows * step.table.count)) + 1;
}
