/**
 * SET GLOBAL and SET SESSION while the server runs, and what @@global and @@session show. Names, ranges and scopes are
 * those of src/config; checks come in MySQL's order: name, read only, scope; then privileges and value for SET GLOBAL,
 * value and privileges for SET SESSION.
 *
 * A global value of connection memory is for connections made later, but for global_connection_memory_limit and the
 * status limits, which are for all at once; a session's own is for it alone, from its next allocation on.
 */
import { OptionError, WRONG_TYPE_FOR_VAR } from '../../config/errors.ts';
import {
  defaults,
  findSysvar,
  type Parsed,
  parseValue,
  type Sysvar,
  type SysvarValue,
} from '../../config/sysvars.ts';
import { oneLine } from '../../config/values.ts';
import { GLOBAL_CONN_MEM, THD } from '../../layout/session.ts';
import { SYSVARS as SYSVARS_RECORD } from '../../layout/thread.ts';
import { getU53 } from '../../layout/words.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import {
  CONN_MEM_NO_LIMIT,
  type GlobalConnMemValues,
  globalConnMemTrySet,
  memCntSetSession,
  type SessionConnMemValues,
} from './thd-mem-cnt.ts';
import { PRIVILEGE } from '../thd/thd.ts';

const G = GLOBAL_CONN_MEM.at;
const T = THD.at;
const S = SYSVARS_RECORD.at;

/** A warning or an error, as the client gets it. */
export interface SqlMessage {
  readonly code: number;
  readonly text: string;
}

/** done, with warnings; refused, with one error; busy: a latch is taken that the caller must not wait for. */
export interface SetOutcome {
  readonly state: 'done' | 'refused' | 'busy';
  readonly messages: readonly SqlMessage[];
}

/** Where global values are, beside the thread's SYSVARS record. */
export interface SetTargets {
  /** The GLOBAL_CONN_MEM record. */
  readonly connMem: number;
  /** innodb_io_capacity_max and innodb_max_dirty_pages_pct, which others may not pass; MySQL's defaults when absent. */
  readonly ioCapacityMax?: number;
  readonly maxDirtyPagesPct?: number;
}

const INT_MAX = 2 ** 31 - 1;
const U32_MAX = 2 ** 32 - 1;

/** Variables of the SYSVARS record: its field, and the units of a word in one of the variable. */
const IN_SYSVARS: Readonly<
  Record<string, { field: keyof typeof S; per?: (thr: Thread) => number; max?: number }>
> = {
  innodb_sync_spin_loops: { field: 'syncSpinLoops' },
  innodb_spin_wait_delay: { field: 'spinWaitDelay' },
  innodb_spin_wait_pause_multiplier: { field: 'spinWaitPauseMultiplier' },
  innodb_old_blocks_time: { field: 'oldBlocksTicks', per: (thr) => thr.clock.ticksPerMs, max: U32_MAX },
  innodb_lru_scan_depth: { field: 'lruScanDepth' },
  innodb_flush_neighbors: { field: 'flushNeighbors' },
  innodb_io_capacity: { field: 'ioCapacity' },
  innodb_max_dirty_pages_pct_lwm: { field: 'maxDirtyPagesPctLwm', per: () => 1000 },
};

/** Variables of the GLOBAL_CONN_MEM record: the value's name in TypeScript, and its field. */
const IN_CONN_MEM: Readonly<Record<string, { value: keyof GlobalConnMemValues; field: keyof typeof G }>> = {
  connection_memory_limit: { value: 'sessionLimit', field: 'sessionLimit' },
  global_connection_memory_limit: { value: 'globalLimit', field: 'limit' },
  connection_memory_chunk_size: { value: 'chunkSize', field: 'chunkSize' },
  global_connection_memory_tracking: { value: 'tracking', field: 'tracking' },
  connection_memory_status_limit: { value: 'sessionStatusLimit', field: 'sessionStatusLimit' },
  global_connection_memory_status_limit: { value: 'globalStatusLimit', field: 'statusLimit' },
  max_execution_time: { value: 'maxExecutionTime', field: 'maxExecutionTime' },
};

const GLOBAL_PRIVILEGES = PRIVILEGE.super | PRIVILEGE.systemVariablesAdmin;
const SESSION_PRIVILEGES = GLOBAL_PRIVILEGES | PRIVILEGE.sessionVariablesAdmin;

/** Whether SET GLOBAL can change it while the server runs. */
export const isSettable = (name: string): boolean => name in IN_SYSVARS || name in IN_CONN_MEM;

/**
 * SET GLOBAL. Never waits: a thread that may wait calls again when it is busy.
 * @param privileges PRIVILEGE of whoever asks
 * @param text the value as it was typed; DEFAULT is MySQL's default
 */
export function setGlobal(
  thr: Thread,
  targets: SetTargets,
  privileges: number,
  name: string,
  text: string,
): SetOutcome {
  const v = findSysvar(name);
  if (v === undefined) return unknownVariable(name);
  if (!v.dynamic) return refused(1238, `Variable '${v.name}' is a read only variable`);
  if ((privileges & GLOBAL_PRIVILEGES) === 0) return accessDenied('SUPER or SYSTEM_VARIABLES_ADMIN');
  if (!isSettable(v.name))
    return refused(1235, `This version of MySQL doesn't yet support 'SET GLOBAL ${v.name}'`);
  const isDefault = text.trim().toUpperCase() === 'DEFAULT';
  const parsed = isDefault ? { value: v.default, warnings: [] } : parsedOr(v, text);
  if ('state' in parsed) return parsed;
  if (v.name in IN_CONN_MEM) {
    const set = globalConnMemTrySet(thr, targets.connMem, {
      [IN_CONN_MEM[v.name].value]: inRecord(parsed.value),
    });
    return set ? done(parsed.warnings) : { state: 'busy', messages: [] };
  }
  const [value, ceiling] = belowCeiling(targets, v.name, Number(parsed.value));
  const { field, per, max = INT_MAX } = IN_SYSVARS[v.name];
  const word = Math.min(Math.round(value * (per?.(thr) ?? 1)), max);
  Atomics.store(thr.mem, thr.sysvars + S[field], word);
  const { state, messages } = done(parsed.warnings);
  return { state, messages: [...messages, ...ceiling] };
}

/**
 * SET SESSION, by the session's own thread. Takes LOCK_global_conn_mem_limit for DEFAULT, which is the global value.
 * @param text the value as it was typed
 */
export function setSession(thr: Thread, thd: number, name: string, text: string): SetOutcome {
  const { mem } = thr;
  const v = findSysvar(name);
  if (v === undefined) return unknownVariable(name);
  if (!v.dynamic) return refused(1238, `Variable '${v.name}' is a read only variable`);
  if (v.scope === 'global') {
    return refused(1229, `Variable '${v.name}' is a GLOBAL variable and should be set with SET GLOBAL`);
  }
  const isDefault = text.trim().toUpperCase() === 'DEFAULT';
  const parsed = isDefault ? globalNow(thr, mem[thd + T.connMem], v) : parsedOr(v, text);
  if ('state' in parsed) return parsed;
  // Everybody may limit the time of his own statements.
  if (v.group === 'Connection memory' && (mem[thd + T.privileges] & SESSION_PRIVILEGES) === 0) {
    return accessDenied('SUPER, SYSTEM_VARIABLES_ADMIN or SESSION_VARIABLES_ADMIN');
  }
  if (v.name === 'max_execution_time') mem[thd + T.maxExecutionTime] = Number(parsed.value);
  else memCntSetSession(mem, thd, sessionValue(v.name, parsed.value));
  return done(parsed.warnings);
}

/** @@global.name of a variable that can be set; Infinity: no limit. Others may be changing it: for displays. */
export function globalVariable(thr: Thread, connMem: number, name: string): SysvarValue {
  const { mem } = thr;
  const v = findSysvar(name);
  if (v === undefined || !isSettable(v.name)) throw new Error(`${name} has no value while the server runs`);
  if (v.name in IN_SYSVARS) {
    const { field, per } = IN_SYSVARS[v.name];
    return (Atomics.load(mem, thr.sysvars + S[field]) >>> 0) / (per?.(thr) ?? 1);
  }
  const { field } = IN_CONN_MEM[v.name];
  const at = connMem + G[field];
  if (v.type === 'bool') return mem[at] !== 0;
  // The others have two words.
  if (field === 'chunkSize' || field === 'maxExecutionTime') return mem[at] >>> 0;
  return unlimited(getU53(mem, at));
}

/** @@session.name, by the session's own thread. Infinity: no limit. */
export function sessionVariable(mem: Int32Array, thd: number, name: string): SysvarValue | SqlMessage {
  const v = findSysvar(name);
  if (v === undefined) return { code: 1193, text: `Unknown system variable '${oneLine(name)}'` };
  switch (v.name) {
    case 'connection_memory_limit':
      return unlimited(getU53(mem, thd + T.connectionMemoryLimit));
    case 'connection_memory_chunk_size':
      return mem[thd + T.chunkSize];
    case 'global_connection_memory_tracking':
      return mem[thd + T.tracking] !== 0;
    case 'max_execution_time':
      return mem[thd + T.maxExecutionTime] >>> 0;
    default:
      return { code: 1238, text: `Variable '${v.name}' is a GLOBAL variable` };
  }
}

/** The global value, for SET SESSION ... = DEFAULT. */
function globalNow(thr: Thread, connMem: number, v: Sysvar): Parsed<SysvarValue> {
  mutexEnter(thr, connMem + G.mutex);
  const value = globalVariable(thr, connMem, v.name);
  mutexExit(thr, connMem + G.mutex);
  return { value, warnings: [] };
}

function sessionValue(name: string, value: SysvarValue): SessionConnMemValues {
  if (name === 'connection_memory_limit') return { connectionMemoryLimit: Number(inRecord(value)) };
  if (name === 'connection_memory_chunk_size') return { chunkSize: Number(value) };
  return { tracking: value === true };
}

/** As records keep it: what is above 2^53 is no limit. */
function inRecord(value: SysvarValue): SysvarValue {
  return typeof value === 'number' ? Math.min(value, CONN_MEM_NO_LIMIT) : value;
}

const unlimited = (bytes: number): number => (bytes === CONN_MEM_NO_LIMIT ? Infinity : bytes);

/** Two variables that InnoDB keeps below another one. */
function belowCeiling(t: SetTargets, name: string, value: number): [number, SqlMessage[]] {
  const d = defaults();
  if (name === 'innodb_io_capacity') {
    const max = t.ioCapacityMax ?? d.innodb_io_capacity_max;
    if (value > max) return [max, lowered(name, 'innodb_io_capacity_max', name, String(max))];
  }
  if (name === 'innodb_max_dirty_pages_pct_lwm') {
    const max = t.maxDirtyPagesPct ?? d.innodb_max_dirty_pages_pct;
    // The second line has MySQL's spelling.
    const setting = 'innodb_max_dirty_page_pct_lwm';
    if (value > max) return [max, lowered(name, 'innodb_max_dirty_pages_pct', setting, max.toFixed(6))];
  }
  return [value, []];
}

function lowered(name: string, ceiling: string, setting: string, value: string): SqlMessage[] {
  return [
    { code: 1210, text: `${name} cannot be set higher than ${ceiling}.` },
    { code: 1210, text: `Setting ${setting} to ${value}` },
  ];
}

/** The value, or why there is none. */
function parsedOr(v: Sysvar, text: string): Parsed<SysvarValue> | SetOutcome {
  try {
    return parseValue(v, text);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    if (error.mysql?.errno === WRONG_TYPE_FOR_VAR.errno) {
      return refused(1232, `Incorrect argument type to variable '${v.name}'`);
    }
    return refused(1231, `Variable '${v.name}' can't be set to the value of '${oneLine(text)}'`);
  }
}

/** Warnings of src/config begin with their number. */
function done(warnings: readonly string[]): SetOutcome {
  const messages = warnings.map((w) => ({ code: Number.parseInt(w, 10), text: w.slice(w.indexOf(' ') + 1) }));
  return { state: 'done', messages };
}

function refused(code: number, text: string): SetOutcome {
  return { state: 'refused', messages: [{ code, text }] };
}

function unknownVariable(name: string): SetOutcome {
  return refused(1193, `Unknown system variable '${oneLine(name)}'`);
}

function accessDenied(privileges: string): SetOutcome {
  const text = `Access denied; you need (at least one of) the ${privileges} privilege(s) for this operation`;
  return refused(1227, text);
}
