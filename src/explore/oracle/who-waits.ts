/**
 * What to say when nobody can run any more and somebody sleeps: is it a deadlock, in which each waits for another, or
 * a lost wake-up, in which what a sleeper waits for has happened already and nobody told it?
 *
 * Nothing is known of what the words mean. So a wake-up counts as lost when the word, or something else that the
 * sleeper looked at before it slept, is no longer what it saw; or when it was notified before it was asleep. It is not
 * lost when a thread that was woken since then, and is blocked itself, wrote the word last: that one holds it now.
 */
import type { Finding, WordInfo } from '../types.ts';

type Value = number | string;

/** A write or a notify in the schedule. */
export interface WordEvent {
  readonly thread: number;
  readonly site: number;
  readonly step: number;
}

/** A word that the sleeper read before it fell asleep. */
export interface Look {
  readonly word: number;
  readonly step: number;
  readonly value: Value;
}

export interface Sleeper {
  readonly thread: number;
  /** Of the wait. */
  readonly site: number;
  readonly word: number;
  /** Value that it found when it fell asleep. */
  readonly expected: Value;
  readonly present: Value;
  /** Step in which it fell asleep. */
  readonly step: number;
  /** Its last reads before that, as far as they decided that it sleeps; the word itself may be among them. */
  readonly looks: readonly Look[];
}

/** What is known of a word that somebody slept on or looked at. */
export interface WordHistory {
  readonly word: number;
  readonly present: Value;
  readonly lastWrite: (WordEvent & { readonly value: Value }) | null;
  readonly lastNotify: (WordEvent & { readonly woken: number; readonly asleep: number }) | null;
}

/** The end of a schedule in which nobody can run. */
export interface BlockedState {
  readonly sleepers: readonly Sleeper[];
  readonly words: readonly WordHistory[];
  /** Threads that died; all others that do not sleep have ended. */
  readonly dead: readonly number[];
  /** Threads that stand in the way of a thread, where the scenario or the latch knows it. */
  readonly waitsFor?: (thread: number) => readonly number[];
  readonly wordInfo: (word: number) => WordInfo | undefined;
  /** `file:line` of a site. */
  readonly site: (site: number) => string;
  readonly thread: (thread: number) => string;
  /** What `Scenario.holders` said. */
  readonly holders: readonly string[];
}

/** Decides, and says who waits for what. */
export function blockedFinding(b: BlockedState): Finding {
  const cycle = waitCycle(b);
  const lost = cycle === null ? b.sleepers.flatMap((s) => lossOf(b, s) ?? []) : [];
  const [first] = lost;
  const atFault = first?.sleeper ?? b.sleepers.find((s) => s.thread === cycle?.[0]) ?? b.sleepers[0];
  const others = b.sleepers.filter((s) => s !== atFault);
  const places = [
    { thread: atFault.thread, site: atFault.site },
    ...(first === undefined ? [] : first.by.map(({ thread, site }) => ({ thread, site }))),
    ...others.map(({ thread, site }) => ({ thread, site })),
  ];
  return {
    kind: first === undefined ? 'deadlock' : 'lost-wakeup',
    message: first === undefined ? deadlockMessage(b, cycle) : `lost wake-up: ${first.message}`,
    places,
    word: atFault.word,
    details: [
      ...lost.slice(1).map((l) => l.message),
      ...b.sleepers.flatMap((s) => sleeperLines(b, s)),
      ...b.dead.map((t) => `${b.thread(t)} has died`),
      ...b.holders,
    ],
  };
}

interface Loss {
  readonly sleeper: Sleeper;
  readonly message: string;
  readonly by: readonly WordEvent[];
}

const wordName = (b: BlockedState, word: number): string => b.wordInfo(word)?.name ?? `word ${word}`;
const historyOf = (b: BlockedState, word: number): WordHistory | undefined =>
  b.words.find((h) => h.word === word);

/** Why the sleeper should not sleep any more; null when it waits for somebody as it should. */
function lossOf(b: BlockedState, s: Sleeper): Loss | null {
  const own = historyOf(b, s.word);
  const notify = own?.lastNotify ?? null;
  const asleep = `${b.thread(s.thread)} sleeps at ${b.site(s.site)} on ${wordName(b, s.word)}`;
  const loss = (message: string, ...by: (WordEvent | null)[]): Loss => ({
    sleeper: s,
    message: `${asleep} ${message}`,
    by: by.filter((e) => e !== null),
  });

  if (s.present !== s.expected && !handedOn(b, s, own)) {
    const write = own?.lastWrite ?? null;
    const change = `= ${s.expected}, but it is ${s.present} now`;
    return loss(`${change}${writtenBy(b, write)}${notifyText(b, own, s.step)}`, write, notify);
  }
  for (const look of s.looks) {
    const h = historyOf(b, look.word);
    const write = h?.lastWrite ?? null;
    if (look.word === s.word || h === undefined || write === null) continue;
    if (write.thread === s.thread || h.present === look.value) continue;
    const between = write.step < s.step;
    // Written after it fell asleep, the word must be followed by a wake-up.
    if (!between && ((notify !== null && notify.step > write.step) || holdsNow(b, s, write))) continue;
    if (handedOn(b, s, h)) continue;
    const when = between ? ' before it was asleep' : '';
    return loss(
      `because ${wordName(b, look.word)} was ${look.value}; ${b.thread(write.thread)} made it ${write.value} at ` +
        `${b.site(write.site)}${when}${notifyText(b, own, s.step)}`,
      write,
      notify,
    );
  }
  if (notify === null || notify.thread === s.thread || holdsNow(b, s, own?.lastWrite ?? null, notify.step)) {
    return null;
  }
  const looked = s.looks.reduce((step, look) => Math.max(step, look.step), -1);
  if (looked >= 0 && notify.step > looked && notify.step < s.step) {
    return loss(
      `= ${s.expected}; the notify of ${b.thread(notify.thread)} at ${b.site(notify.site)} came after its last ` +
        'look and before it was asleep',
      notify,
    );
  }
  if (notify.step > s.step && notify.woken < notify.asleep && (own?.lastWrite?.step ?? -1) > notify.step) {
    return loss(
      `= ${s.expected}; the last notify, by ${b.thread(notify.thread)} at ${b.site(notify.site)}, woke ` +
        `${notify.woken} of ${notify.asleep}, and the word was written afterwards`,
      notify,
      own?.lastWrite ?? null,
    );
  }
  return null;
}

/** Somebody was woken after the sleeper fell asleep, and a thread that is blocked itself wrote the word since then. */
function handedOn(b: BlockedState, s: Sleeper, h: WordHistory | undefined): boolean {
  const notify = historyOf(b, s.word)?.lastNotify ?? null;
  if (notify === null || notify.step < s.step || notify.woken === 0) return false;
  return holdsNow(b, s, h?.lastWrite ?? null, notify.step);
}

/** The last write, after the given step, is of another thread that is blocked too: it may have taken what was free. */
function holdsNow(b: BlockedState, s: Sleeper, write: WordEvent | null, after = -1): boolean {
  if (write === null || write.step <= after || write.thread === s.thread) return false;
  return b.sleepers.some((other) => other.thread === write.thread);
}

function writtenBy(b: BlockedState, write: WordEvent | null): string {
  return write === null ? '' : `, written by ${b.thread(write.thread)} at ${b.site(write.site)}`;
}

/** What became of the wake-up. */
function notifyText(b: BlockedState, h: WordHistory | undefined, asleepSince: number): string {
  const notify = h?.lastNotify ?? null;
  if (notify === null) return '; nobody notified';
  const who = `the last notify, by ${b.thread(notify.thread)} at ${b.site(notify.site)},`;
  if (notify.step < asleepSince) return `; ${who} came before it was asleep`;
  if (notify.woken === 0) return `; ${who} woke nobody`;
  return `; ${who} woke ${notify.woken} of ${notify.asleep}`;
}

/** Threads, each waiting for the next and the last for the first; null where that is not known. */
function waitCycle(b: BlockedState): readonly number[] | null {
  const asleep = new Set(b.sleepers.map((s) => s.thread));
  const clear = new Set<number>();
  const visit = (thread: number, path: readonly number[]): readonly number[] | null => {
    const from = path.indexOf(thread);
    if (from >= 0) return path.slice(from);
    if (clear.has(thread) || !asleep.has(thread)) return null;
    for (const next of b.waitsFor?.(thread) ?? []) {
      const cycle = visit(next, [...path, thread]);
      if (cycle !== null) return cycle;
    }
    clear.add(thread);
    return null;
  };
  for (const s of b.sleepers) {
    const cycle = visit(s.thread, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

function deadlockMessage(b: BlockedState, cycle: readonly number[] | null): string {
  const waits = (s: Sleeper): string => {
    const to = cycle === null ? undefined : cycle[(cycle.indexOf(s.thread) + 1) % cycle.length];
    const held = to === undefined ? '' : `, which ${b.thread(to)} has`;
    return `${b.thread(s.thread)} waits at ${b.site(s.site)} for ${wordName(b, s.word)}${held}`;
  };
  const about =
    cycle === null
      ? b.sleepers
      : cycle.flatMap((thread) => b.sleepers.find((s) => s.thread === thread) ?? []);
  const dead = b.dead.length === 0 ? '' : `; ${b.dead.map((t) => b.thread(t)).join(', ')} died`;
  return `deadlock: ${about.map(waits).join('; ')}${dead}`;
}

function sleeperLines(b: BlockedState, s: Sleeper): string[] {
  const h = historyOf(b, s.word);
  const now = s.present === s.expected ? 'unchanged' : `now ${s.present}`;
  const lines = [
    `${b.thread(s.thread)} has slept since step ${s.step} at ${b.site(s.site)}: ` +
      `${wordName(b, s.word)} = ${s.expected}, ${now}`,
  ];
  const by = (e: WordEvent): string => `by ${b.thread(e.thread)} in step ${e.step} at ${b.site(e.site)}`;
  const write = h?.lastWrite ?? null;
  const notify = h?.lastNotify ?? null;
  lines.push(write === null ? '  never written' : `  last write ${by(write)}: ${write.value}`);
  lines.push(
    notify === null
      ? '  never notified'
      : `  last notify ${by(notify)}: woke ${notify.woken} of ${notify.asleep}`,
  );
  return lines;
}
