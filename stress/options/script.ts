/**
 * What changes while a stress run goes on: `--at`, a script of SET GLOBAL and KILL at given times, and `--kill-rate`,
 * KILL of connections and statements at random. The main thread is the DBA: it has all privileges, and never waits.
 */
import { OptionError } from '../../src/config/errors.ts';
import {
  allowed,
  defaults,
  findSysvar,
  parseValue,
  SYSVARS,
  settleSysvars,
} from '../../src/config/sysvars.ts';
import { oneLine, readDecimal } from '../../src/config/values.ts';
import type { EngineConfig, EnginePlan } from '../../src/engine.ts';
import { Rng } from '../../src/layout/rng.ts';
import { THD } from '../../src/layout/session.ts';
import { KILLED, thdTryKill } from '../../src/session/limits/kill.ts';
import { isSettable, setGlobal, type SetTargets } from '../../src/session/limits/set-variable.ts';
import { PRIVILEGE } from '../../src/session/thd/thd.ts';
import type { Thread } from '../../src/sync/thread.ts';

const { sessionId: SESSION_ID } = THD.at;

/** One statement of the script; plain data. `text`: as reports show it. */
export type ScriptEvent =
  | {
      readonly kind: 'set';
      readonly atMs: number;
      readonly text: string;
      readonly name: string;
      readonly value: string;
    }
  | {
      readonly kind: 'kill';
      readonly atMs: number;
      readonly text: string;
      readonly connectionId: number;
      /** KILLED */
      readonly how: number;
    };

/** Longest run there is. */
const MAX_MS = 86_400_000;
const MAX_CONNECTION_ID = 2 ** 31 - 1;
const FORMS = 'TIME: SET GLOBAL variable = value, TIME: KILL [CONNECTION | QUERY] connection id';
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
/** Any number that is none of the threads'. */
const RNG_STREAM = 0x6b_69_6c;

/**
 * Reads `3s: SET GLOBAL connection_memory_limit = 4M; 5s: KILL QUERY 4`. Events come in the order of their times; those
 * of one time as they were written.
 * @throws OptionError naming --at, the statement and what is allowed
 */
export function parseScript(text: string): readonly ScriptEvent[] {
  const events: ScriptEvent[] = [];
  for (const part of text.split(';')) {
    if (part.trim() !== '') events.push(parseEvent(part.trim()));
  }
  if (events.length === 0) throw mistake(text.trim(), 'there is no statement', FORMS);
  return events.toSorted((a, b) => a.atMs - b.atMs);
}

function parseEvent(piece: string): ScriptEvent {
  const match = /^([^:]*?)\s*:\s*(.*)$/s.exec(piece);
  if (match === null) throw mistake(piece, 'there is no time in front of it', FORMS);
  const [, time, statement] = match;
  const atMs = parseTime(piece, time);
  const set = /^SET\s+(?:GLOBAL\s+|@@GLOBAL\s*\.\s*)([\w-]+)\s*:?=\s*(.*)$/is.exec(statement);
  if (set !== null) return parseSet(piece, atMs, set[1], set[2].trim());
  const kill = /^KILL\s+(?:(CONNECTION|QUERY)\s+)?(\S+)$/is.exec(statement);
  if (kill !== null) return parseKill(piece, atMs, kill[1]?.toUpperCase() === 'QUERY', kill[2]);
  throw mistake(piece, 'not a statement of a script', FORMS);
}

/** Ms of `3s`, `1.5s`, `250ms` or `2m`. */
function parseTime(piece: string, text: string): number {
  const match = /^(\d[\d.]*)\s*(ms|s|m)$/i.exec(text);
  const value = match === null ? null : readDecimal(match[1]);
  const ms = match === null || value === null ? NaN : Math.round(value * UNITS[match[2].toLowerCase()]);
  if (ms >= 0 && ms <= MAX_MS) return ms;
  throw mistake(piece, `time '${oneLine(text)}'`, 'a number with ms, s or m, up to 86400s');
}

function parseSet(piece: string, atMs: number, name: string, value: string): ScriptEvent {
  const v = findSysvar(name);
  if (v === undefined || !isSettable(v.name)) {
    const why =
      v === undefined
        ? `Unknown system variable '${oneLine(name)}'`
        : v.dynamic
          ? `variable '${v.name}' cannot be changed during a run`
          : `Variable '${v.name}' is a read only variable`;
    const names = SYSVARS.filter((s) => isSettable(s.name)).map((s) => s.name);
    throw mistake(piece, why, names.join(', '));
  }
  if (value.toUpperCase() !== 'DEFAULT') {
    try {
      parseValue(v, value);
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      throw mistake(piece, `value '${oneLine(value)}'`, `${allowed(v)}, or DEFAULT`);
    }
  }
  return { kind: 'set', atMs, text: `SET GLOBAL ${v.name} = ${oneLine(value)}`, name: v.name, value };
}

function parseKill(piece: string, atMs: number, query: boolean, id: string): ScriptEvent {
  const connectionId = /^\d+$/.test(id) ? Number(id) : 0;
  if (connectionId < 1 || connectionId > MAX_CONNECTION_ID) {
    throw mistake(piece, `connection id '${oneLine(id)}'`, `1 ... ${MAX_CONNECTION_ID}`);
  }
  const how = query ? KILLED.query : KILLED.connection;
  return { kind: 'kill', atMs, text: killText(connectionId, how), connectionId, how };
}

function mistake(piece: string, why: string, isAllowed: string): OptionError {
  return new OptionError('--at', `--at: '${oneLine(piece)}': ${why}; allowed: ${isAllowed}`);
}

const killText = (id: number, how: number): string => `KILL ${how === KILLED.query ? 'QUERY ' : ''}${id}`;

/** What a script works with: the main thread's Attached has it. */
export interface ScriptHost {
  readonly thr: Thread;
  readonly share: {
    readonly plan: Pick<EnginePlan, 'thds' | 'globalConnMem'>;
    readonly config: Pick<EngineConfig, 'sessions' | 'sysvars'>;
  };
}

/** A random kill that is due: where the search for a connection begins. */
interface RandomKill {
  readonly seat: number;
  readonly how: number;
}

/** Carries the script out. By the main thread; `tick` is called again and again and comes back at once. */
export class ScriptRun {
  private readonly thr: Thread;
  private readonly targets: SetTargets;
  private readonly thds: readonly number[];
  private readonly rng: Rng;
  /** Random kills per ms. */
  private readonly perMs: number;
  private events: readonly ScriptEvent[];
  private randomKills: readonly RandomKill[] = [];
  private nextKillMs: number;

  /**
   * @param killRate random kills per second, over all sessions; 0: none. Half of them are KILL QUERY
   * @param seed the same seed gives the same choices, as far as the same seats have connections
   */
  constructor(main: ScriptHost, events: readonly ScriptEvent[], killRate: number, seed: number) {
    const { plan, config } = main.share;
    this.thr = main.thr;
    const started = config.sysvars.ioCapacity ?? defaults().innodb_io_capacity;
    const settled = settleSysvars({ ...defaults(), innodb_io_capacity: started }, () => false);
    this.targets = { connMem: plan.globalConnMem, ioCapacityMax: settled.value.innodb_io_capacity_max };
    this.thds = Array.from({ length: config.sessions }, (_, seat) => plan.thds + seat * THD.words);
    this.rng = new Rng(seed, RNG_STREAM);
    this.perMs = killRate / 1000;
    this.events = events;
    this.nextKillMs = this.pause();
  }

  /**
   * Does what is due. What would have to wait for a latch is left for the next time, and so is what comes after it for
   * the same variables or connection.
   * @param elapsedMs time since the script began
   * @returns a line for each thing done or refused
   */
  tick(elapsedMs: number): readonly string[] {
    const lines: string[] = [];
    const later: ScriptEvent[] = [];
    // SET is for one record, KILL for one seat: their names, where something is waiting already.
    const waiting = new Set<string>();
    for (const event of this.events) {
      const record = event.kind === 'set' ? 'variables' : `seat ${this.seatOf(event.connectionId)}`;
      const result = event.atMs > elapsedMs || waiting.has(record) ? 'busy' : this.carryOut(event);
      if (result === 'busy') {
        later.push(event);
        waiting.add(record);
      } else lines.push(`${seconds(event.atMs)}: ${event.text}: ${result}`);
    }
    this.events = later;
    this.drawKills(elapsedMs);
    const open: RandomKill[] = [];
    for (const kill of this.randomKills) {
      const line = this.killSomebody(kill);
      if (line === 'busy') open.push(kill);
      else if (line !== null) lines.push(`${seconds(elapsedMs)}: ${line}`);
    }
    this.randomKills = open;
    return lines;
  }

  /** The run is over. @returns a line for each statement of the script that was not carried out; none the second time */
  end(): readonly string[] {
    const lines = this.events.map((e) => `${seconds(e.atMs)}: ${e.text}: not done, the run was over`);
    this.events = [];
    this.randomKills = [];
    this.nextKillMs = Infinity;
    return lines;
  }

  private seatOf(connectionId: number): number {
    return (connectionId - 1) % this.thds.length;
  }

  /** @returns 'busy', or what came of it */
  private carryOut(event: ScriptEvent): string {
    const { thr } = this;
    if (event.kind === 'set') {
      const { state, messages } = setGlobal(thr, this.targets, PRIVILEGE.super, event.name, event.value);
      if (state === 'busy') return 'busy';
      const said = messages.map((m) => `${state === 'done' ? 'Warning' : 'ERROR'} ${m.code}: ${m.text}`);
      return state === 'done' ? ['done', ...said].join('; ') : said.join('; ');
    }
    const { connectionId, how } = event;
    const result = thdTryKill(thr, this.thds[this.seatOf(connectionId)], connectionId, how);
    return result === 'gone' ? `ERROR 1094: Unknown thread id: ${connectionId}` : result;
  }

  /** Kills that have come due, at exponential intervals. */
  private drawKills(elapsedMs: number): void {
    const due = [...this.randomKills];
    while (this.nextKillMs <= elapsedMs) {
      const seat = this.rng.below(this.thds.length);
      due.push({ seat, how: this.rng.below(2) === 0 ? KILLED.connection : KILLED.query });
      this.nextKillMs += this.pause();
    }
    this.randomKills = due;
  }

  private pause(): number {
    return this.perMs > 0 ? -Math.log(1 - this.rng.float()) / this.perMs : Infinity;
  }

  /** The first connection from that seat on. @returns null when nobody is connected */
  private killSomebody({ seat, how }: RandomKill): string | null {
    const { thr } = this;
    for (let i = 0; i < this.thds.length; i++) {
      const thd = this.thds[(seat + i) % this.thds.length];
      const id = Atomics.load(thr.mem, thd + SESSION_ID);
      // The seat may be left, or taken by another connection, meanwhile.
      const result = id === 0 ? 'gone' : thdTryKill(thr, thd, id, how);
      if (result === 'busy') return 'busy';
      if (result === 'done') return `random ${killText(id, how)}: done`;
    }
    return null;
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
