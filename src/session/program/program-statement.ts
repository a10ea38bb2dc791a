/** One statement of a program: the memory that it takes and the pages that it touches. */
import { FETCH } from '../../buffer/states.ts';
import { NIL } from '../../layout/schema.ts';
import { THD } from '../../layout/session.ts';
import { psiFollow } from '../../memory/psi/psi.ts';
import type { Thread } from '../../sync/thread.ts';
import { NO_PAGE } from './access.ts';
import { choosePart, chooseRow, cursorRow, draw, hasCursor, moveCursor, placeOf } from './program-keys.ts';
import { type CompiledProgram, type CompiledStep, KEY } from './program-steps.ts';
import type { SessionEnv } from '../session-env.ts';
import { setSession } from '../limits/set-variable.ts';
import {
  interrupted,
  treeIntendUpdate,
  treePeek,
  treeRange,
  treeRead,
  treeScan,
  treeSplit,
  treeUpdate,
} from './statements.ts';
import { thdSortKeys, thdValue } from '../thd/thd-buffers.ts';
import { thdRaise } from '../thd/thd-error.ts';
import { preparedStatement, thdExecuteStatement, thdPrepareStatement } from '../thd/thd-prepared.ts';
import { thdRootAlloc } from '../thd/thd-root.ts';
import { thdTempTable } from '../thd/thd-temptable.ts';
import { thdSetUserVar, thdUserVarEvent } from '../thd/thd-user-vars.ts';

const { stmtError: STMT_ERROR } = THD.at;

/** What came of a statement. */
export const OUTCOME = {
  done: 0,
  /** Killed, or an error was raised, or the run is ending: it has ended where it was. */
  failed: 1,
  /** The trace is at its end. */
  over: 2,
} as const;
const { done: DONE, failed: FAILED, over: OVER } = OUTCOME;

/** Pieces in which a grouped value grows, in which the parser asks for memory, and in which a statement waits. */
const GROUP_PIECE_BYTES = 64 * 1024;
const PARSE_PIECE_BYTES = 512;
const PAUSE_PIECE_US = 10_000;
/** What the execution of a prepared statement takes at least. */
const EXECUTE_BYTES = 256;

/**
 * @param first whether it is the first of its step
 * @returns OUTCOME
 */
export function runStatement(
  env: SessionEnv,
  program: CompiledProgram,
  step: CompiledStep,
  session: number,
  first: boolean,
): number {
  const { thr } = env;
  const part = choosePart(thr, step, session, first);
  if (!takeParse(env, program, step) || interrupted(thr)) return FAILED;
  const outcome = work(env, step, session, part);
  if (outcome !== DONE) return outcome;
  return setVariable(env, step) && pause(thr, step) ? DONE : FAILED;
}

/** What the parser makes, or the execution of what it has made before. @returns false: failed */
function takeParse(env: SessionEnv, program: CompiledProgram, step: CompiledStep): boolean {
  const { thr, my } = env;
  const { thd } = thr;
  const root = draw(thr, step.root);
  if (program.prepared > 0) {
    const id = step.statementId;
    if (preparedStatement(thr.mem, thd, id) === NIL && !prepareAll(env, program)) return false;
    return thdExecuteStatement(thr, my, thd, id, EXECUTE_BYTES + root);
  }
  for (let left = program.parse + root; left > 0; left -= PARSE_PIECE_BYTES) {
    if (thdRootAlloc(thr, my, thd, Math.min(left, PARSE_PIECE_BYTES)) === NIL) return false;
  }
  return true;
}

/** As a client does that has just connected: all statements. */
function prepareAll(env: SessionEnv, program: CompiledProgram): boolean {
  const { thr, my } = env;
  const { thd } = thr;
  for (let id = program.firstId; id < program.firstId + program.ids; id++) {
    if (preparedStatement(thr.mem, thd, id) !== NIL) continue;
    if (thdPrepareStatement(thr, my, thd, id, program.prepared) === NIL) return false;
    if (interrupted(thr)) return false;
  }
  return true;
}

function work(env: SessionEnv, step: CompiledStep, session: number, part: number): number {
  const { thr } = env;
  const value = draw(thr, step.value);
  const sort = draw(thr, step.sort);
  const temp = draw(thr, step.temp);
  switch (step.kind) {
    case 'rangeRead':
    case 'sort':
    case 'tempTable':
    case 'scan':
      return rangeStatement(env, step, session, part, value, sort, temp);
    case 'group':
      return groupStatement(env, step, session, part);
    default:
  }
  if (!takeMemory(env, value, sort, temp, 0, 1) || interrupted(thr)) return FAILED;
  switch (step.kind) {
    case 'begin':
    case 'commit':
    case 'rollback':
    case 'setVar':
      return DONE;
    case 'getVar':
      thdUserVarEvent(thr, env.my, thr.thd, 1 + thr.rng.below(step.userVars));
      return thr.mem[thr.thd + STMT_ERROR] === 0 ? DONE : FAILED;
    case 'setSession':
      return setSessionStatement(env, step);
    case 'allocators':
      return allocatorsStatement(env);
    default:
      return rowStatement(env, step, session, part);
  }
}

function setSessionStatement({ thr }: SessionEnv, { set }: CompiledStep): number {
  if (set === null) return DONE;
  const { state, messages } = setSession(thr, thr.thd, set.variable, set.value);
  if (state === 'done') return DONE;
  thdRaise(thr.mem, thr.thd, messages[0].code);
  return FAILED;
}

/**
 * What a statement has of value, sort keys and temporary table grows from the share `before` to the share `now`.
 * @returns false: out of memory
 */
function takeMemory(
  env: SessionEnv,
  value: number,
  sort: number,
  temp: number,
  before: number,
  now: number,
): boolean {
  const { thr, my } = env;
  const { thd } = thr;
  if (value > 0 && thdValue(thr, my, thd, Math.ceil(value * now)) === NIL) return false;
  if (sort > 0 && thdSortKeys(thr, my, thd, Math.ceil(sort * now)) === NIL) return false;
  return temp === 0 || thdTempTable(thr, my, thd, Math.ceil(temp * (now - before))) !== NIL;
}

/** Neighbouring rows: along the leaves, or one leaf after the other as a scan does. Memory grows as it goes. */
function rangeStatement(
  env: SessionEnv,
  step: CompiledStep,
  session: number,
  part: number,
  value: number,
  sort: number,
  temp: number,
): number {
  const { thr, pages } = env;
  const { table } = step;
  const tree = step.by ?? table.clustered;
  const onCursor = hasCursor(step);
  const wanted = draw(thr, step.rows);
  let from = 0;
  let base = table.base + part * table.pages;
  if (onCursor) {
    from = cursorRow(thr, step, session);
    base = table.base + Math.floor(from / table.rows) * table.pages;
  } else {
    const row = chooseRow(thr, step, session, part, wanted);
    if (row === NO_PAGE) return OVER;
    from = step.by === null ? placeOf(step, row) : table.order.page(row);
  }
  let first = from % table.rows;
  // Of the newest rows: those before the one that was drawn, and itself.
  if (step.key === KEY.latest && tree === table.clustered && table.hash === null) {
    first = Math.max(0, first - wanted + 1);
  }
  const rows = Math.min(wanted, table.rows - first);
  for (let done = 0; done < rows;) {
    const more =
      step.kind === 'scan'
        ? treeScan(thr, pages, tree, base, first + done, step.keepOld ? FETCH.scan : FETCH.normal)
        : treeRange(thr, pages, tree, base, first + done, rows - done, done === 0);
    const now = Math.min(rows, done + more);
    if (!takeMemory(env, value, sort, temp, done / rows, now / rows) || interrupted(thr)) return FAILED;
    done = now;
  }
  if (onCursor) moveCursor(thr.mem, step, session, from + rows);
  return DONE;
}

/** GROUP_CONCAT of a big table: the value grows piece by piece while pages are read. */
function groupStatement(env: SessionEnv, step: CompiledStep, session: number, part: number): number {
  const { thr, my, pages } = env;
  const { table } = step;
  const base = table.base + part * table.pages;
  const bytes = draw(thr, step.bytes);
  for (let length = 0; length < bytes;) {
    length = Math.min(bytes, length + GROUP_PIECE_BYTES);
    if (thdValue(thr, my, thr.thd, length) === NIL) return FAILED;
    const row = chooseRow(thr, step, session, part);
    if (row === NO_PAGE) return OVER;
    treeRead(thr, pages, table.clustered, base, placeOf(step, row));
    if (interrupted(thr)) return FAILED;
  }
  return DONE;
}

/** Single rows, each found by a key of its own. */
function rowStatement(env: SessionEnv, step: CompiledStep, session: number, part: number): number {
  const { thr } = env;
  const { table } = step;
  const rows = draw(thr, step.rows);
  for (let i = 0; i < rows; i++) {
    let row = 0;
    let base = table.base + part * table.pages;
    if (hasCursor(step)) {
      const at = cursorRow(thr, step, session);
      row = at % table.rows;
      base = table.base + Math.floor(at / table.rows) * table.pages;
      moveCursor(thr.mem, step, session, at + 1);
    } else row = chooseRow(thr, step, session, part);
    if (row === NO_PAGE) return OVER;
    if (!oneRow(env, step, base, row)) return FAILED;
  }
  return DONE;
}

/** @returns false: killed */
function oneRow(env: SessionEnv, step: CompiledStep, base: number, row: number): boolean {
  const { thr, pages } = env;
  const { clustered, order } = step.table;
  const place = placeOf(step, row);
  if (step.by !== null) {
    treeRead(thr, pages, step.by, base, order.page(row));
    if (interrupted(thr)) return false;
  }
  switch (step.kind) {
    case 'update':
    case 'delete':
      treeUpdate(thr, pages, clustered, base, place);
      break;
    case 'insert':
      if (step.key === KEY.append && place === row && place % clustered.rowsPerPage === 0) {
        treeSplit(thr, pages, clustered, base, place);
      } else treeUpdate(thr, pages, clustered, base, place);
      break;
    case 'intendUpdate':
      treeIntendUpdate(thr, pages, clustered, base, place);
      break;
    case 'peek':
      treePeek(thr, pages, clustered, base, place);
      break;
    default:
      treeRead(thr, pages, clustered, base, place);
  }
  for (const index of step.changes) {
    if (interrupted(thr)) return false;
    treeUpdate(thr, pages, index, base, order.page(row));
    if (step.kind !== 'update') continue;
    // The old entry was marked deleted, the new one is added: k + 1 lies beside k.
    if (interrupted(thr)) return false;
    treeUpdate(thr, pages, index, base, order.page(row));
  }
  return !interrupted(thr);
}

/** A round through all allocators. Their blocks are the thread's, not the session's: it goes on, they stay. */
function allocatorsStatement(env: SessionEnv): number {
  const { thr, psi, yard } = env;
  if (yard === null) throw new Error('a session without a yard has a statement that wants one');
  const { psiId } = thr;
  psiFollow(thr, psi, thr.id);
  yard.statement();
  psiFollow(thr, psi, psiId);
  return interrupted(thr) ? FAILED : DONE;
}

/** `SELECT @v := ...`, SET. @returns false: out of memory */
function setVariable(env: SessionEnv, step: CompiledStep): boolean {
  const { thr, my } = env;
  const bytes = draw(thr, step.userVar);
  if (bytes === 0 || step.kind === 'getVar') return true;
  return thdSetUserVar(thr, my, thr.thd, 1 + thr.rng.below(step.userVars), bytes) !== NIL;
}

/** @returns false: killed meanwhile */
function pause(thr: Thread, step: CompiledStep): boolean {
  for (let left = draw(thr, step.pauseUs); left > 0; left -= PAUSE_PIECE_US) {
    thr.clock.sleepUs(Math.min(left, PAUSE_PIECE_US));
    if (interrupted(thr)) return false;
  }
  return true;
}
