/** Findings of the machine: races, and what the oracle of blocked threads needs to know. */
import type { BlockedState, Look, WordEvent, WordHistory } from '../oracle/who-waits.ts';
import type { Finding, Step, WordInfo } from '../types.ts';
import type { Race } from './races.ts';
import { STATUS, type VThread } from './vthread.ts';

/** How many of its last accesses a sleeper's decision to sleep may rest on. */
const LOOK_BACK = 8;
const READING: readonly Step['kind'][] = ['load', 'cas', 'rmw', 'read'];
const WRITING: readonly Step['kind'][] = ['store', 'cas', 'rmw', 'write'];

/** @param name of the word; `siteOf` says where a site is */
export function raceFinding(
  race: Race,
  word: number,
  name: string,
  siteOf: (site: number) => string,
): Finding {
  const mixed = race.kind === 'mixed-size' ? 'atomic accesses of different widths' : 'data race';
  return {
    kind: race.kind,
    word,
    message:
      `${mixed} on ${name}: ${race.what} by thread ${race.thread} at ${siteOf(race.site)} and ${race.otherWhat} by ` +
      `thread ${race.otherThread} at ${siteOf(race.otherSite)}, unordered`,
    places: [
      { thread: race.thread, site: race.site },
      { thread: race.otherThread, site: race.otherSite },
    ],
    details: [],
  };
}

/** What is asked of the engine at the end of a schedule. */
export interface EndState {
  readonly threads: readonly VThread[];
  readonly memory: { get(word: number): number };
  wordInfo(word: number): WordInfo | undefined;
  siteOf(site: number): string;
}

const plain = (v: number | bigint): number | string => (typeof v === 'bigint' ? `${v}n` : v);

/** Nobody can go on, and somebody sleeps: all that the trace says about it. */
export function blockedState(
  engine: EndState,
  trace: readonly Step[],
  holders: readonly string[],
): BlockedState {
  const asleep = engine.threads.filter((t) => t.status === STATUS.asleep);
  const sleepers = asleep.map((t) => {
    const slept = sleepOf(trace, t);
    return {
      thread: t.id,
      site: t.sleepSite,
      word: t.sleepWord,
      expected: plain(t.sleepValue),
      present: engine.memory.get(t.sleepWord),
      step: slept,
      looks: looksBefore(engine, trace, t.id, slept),
    };
  });
  const words = new Set(sleepers.flatMap((s) => [s.word, ...s.looks.map((l) => l.word)]));
  return {
    sleepers,
    words: [...words].map((word) => historyOf(engine, trace, word)),
    dead: engine.threads.filter((t) => t.status === STATUS.dead).map((t) => t.id),
    wordInfo: (word) => engine.wordInfo(word),
    site: (site) => engine.siteOf(site),
    thread: (t) => `thread ${t}`,
    holders,
  };
}

/** Number of the step in which a thread fell asleep for good. */
function sleepOf(trace: readonly Step[], t: VThread): number {
  return trace.findLastIndex((s) => s.thread === t.id && s.kind === 'wait');
}

function looksBefore(engine: EndState, trace: readonly Step[], thread: number, slept: number): Look[] {
  const looks: Look[] = [];
  let back = 0;
  for (let i = slept - 1; i >= 0 && back < LOOK_BACK; i--) {
    const s = trace[i];
    if (s.thread !== thread) continue;
    if (s.kind === 'wait' || s.kind === 'wake') break;
    back++;
    if (!READING.includes(s.kind) || s.word < 0 || s.read === undefined) continue;
    if (engine.wordInfo(s.word)?.telemetry === true || looks.some((l) => l.word === s.word)) continue;
    // What the thread itself has written since is no longer what it looked at.
    looks.push({ word: s.word, step: i, value: s.wrote ?? s.read });
  }
  return looks;
}

function historyOf(engine: EndState, trace: readonly Step[], word: number): WordHistory {
  let lastWrite: (WordEvent & { value: number | string }) | null = null;
  let lastNotify: (WordEvent & { woken: number; asleep: number }) | null = null;
  let asleep = 0;
  const sleepingOn = new Map<number, number>();
  for (const [step, s] of trace.entries()) {
    if (s.kind === 'wait' && s.read === 'asleep') sleepingOn.set(s.thread, s.word);
    else if (s.kind === 'wake' || s.kind === 'timeout') sleepingOn.delete(s.thread);
    if (s.word !== word) continue;
    const event = { thread: s.thread, site: s.site, step };
    if (s.kind === 'notify') {
      asleep = [...sleepingOn.values()].filter((w) => w === word).length;
      lastNotify = { ...event, woken: Number(s.read), asleep };
    } else if (WRITING.includes(s.kind) && s.wrote !== undefined) {
      lastWrite = { ...event, value: s.wrote };
    }
  }
  return { word, present: engine.memory.get(word), lastWrite, lastNotify };
}
