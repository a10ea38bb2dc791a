/**
 * How the actors of a question run on real threads: in batches of many independent samples, each with memory of its
 * own. All threads walk over a batch in the same order, so that they are now and then in the same sample at the same
 * time; then they count what came of it, together. What each thread does is here; real.ts starts and watches them.
 */
import { ASLEEP, limitOf, outcomeOf, type Question, type Seen, surroundingsOf, textOf } from './question.ts';

/** What a thread is told. */
export interface Part {
  /** The question's module. */
  readonly href: string;
  /** Which of its actors. */
  readonly actor: number;
  /** Memory of the samples. */
  readonly memory: SharedArrayBuffer;
  /** `CONTROL_WORDS` words, then for each actor `MAX_SAMPLES` words: the codes of what it saw. */
  readonly control: SharedArrayBuffer;
  /** For each actor `MAX_SAMPLES` times, ms: when it was active last. Only for questions that sleep for ever. */
  readonly times: SharedArrayBuffer | null;
  readonly seconds: number;
  /** Stop at the end of the batch that reaches it. */
  readonly samples: number;
}

/** What it answers: for each combination of codes that it counted, how often it was. */
export interface Counts {
  /** Samples left out: a sleeper's patience ended while others were still at work, so it may yet have been woken. */
  readonly unsure: number;
  /** What its codes from 1 mean: what its actor, and what the arbiter when it counted, have returned. */
  readonly texts: readonly string[];
  readonly keys: readonly number[];
  readonly counts: readonly number[];
}

/** Words of the control memory, each in a cache line of its own. `asked`: somebody outside wants it to stop. */
export const C = { arrived: 0, round: 16, stop: 32, batch: 48, size: 64, step: 80, asked: 96 } as const;
export const CONTROL_WORDS = 112;
/** Most samples of a batch. */
export const MAX_SAMPLES = 4096;
/** Between the memory of two samples: processors fetch lines in pairs. */
const GAP_BYTES = 64;

/** A code for what an actor saw; that many different things at most, so that the codes of five make one number. */
const CODE_BITS = 6;
const MAX_CODES = 2 ** CODE_BITS;

/** Walks differ in how often the threads wait for each other: each kind brings out interleavings that others do not. */
const STEPS = [1, 8, 64, MAX_SAMPLES];
/** Where patience is short, nobody may be in the next sample while another one sleeps in this one. */
const STEPS_TOGETHER = [1];
/** A batch should take this long, ms: short enough to stop in time, long enough for the meetings not to matter. */
const BATCH_MS = { low: 2, high: 8 } as const;
/** Loads of a word before sleeping, when the processors suffice; about 50 µs. */
const SPINS = 10_000;
/** Longest delay of a thread before a step, in loads. */
const MAX_DELAY = 63;

export const strideOf = (question: Question): number => question.memory + GAP_BYTES;

/** Texts by code, and codes by text. 0 is: saw nothing. */
class Codes {
  readonly texts: string[] = [];
  private readonly codes = new Map<Seen, number>();

  of(seen: Seen): number {
    if (seen === undefined) return 0;
    const known = this.codes.get(seen);
    if (known !== undefined) return known;
    const text = textOf(seen);
    let code = this.texts.indexOf(text) + 1;
    if (code === 0) code = this.texts.push(text);
    if (code >= MAX_CODES) throw new RangeError(`an actor has more than ${MAX_CODES - 1} different results`);
    // Lists are new ones each time.
    if (!Array.isArray(seen)) this.codes.set(seen, code);
    return code;
  }
}

/** The meeting point of the threads. The last to come lets all go. */
class Meeting {
  private readonly control: Int32Array;
  private readonly threads: number;
  private readonly spins: number;

  constructor(control: Int32Array, threads: number, processors: number) {
    this.control = control;
    this.threads = threads;
    this.spins = threads <= processors ? SPINS : 0;
  }

  meet(): void {
    const { control, spins } = this;
    const round = Atomics.load(control, C.round);
    if (Atomics.add(control, C.arrived, 1) === this.threads - 1) {
      Atomics.store(control, C.arrived, 0);
      Atomics.add(control, C.round, 1);
      Atomics.notify(control, C.round);
      return;
    }
    for (let i = 0; i < spins; i++) if (Atomics.load(control, C.round) !== round) return;
    while (Atomics.load(control, C.round) === round) Atomics.wait(control, C.round, round);
  }
}

/** When actors were active last: whether a sleeper has outwaited all the others, or only its own patience. */
class Sleeps {
  /** Negative: of an actor that slept to the end of its patience. */
  private readonly times: Float64Array;
  private readonly threads: number;
  private readonly limitMs: number;

  constructor(times: SharedArrayBuffer, threads: number, limitMs: number) {
    this.times = new Float64Array(times);
    this.threads = threads;
    this.limitMs = limitMs;
  }

  /** An actor has ended. */
  note(actor: number, sample: number, asleep: boolean): void {
    // One clock for all threads; performance.now() begins anew in each.
    const now = Number(process.hrtime.bigint()) / 1e6;
    this.times[actor * MAX_SAMPLES + sample] = asleep ? -(now - this.limitMs) : now;
  }

  /** Somebody was still active when half of a sleeper's patience was over. */
  isUnsure(sample: number): boolean {
    let fell = Infinity;
    let active = 0;
    for (let a = 0; a < this.threads; a++) {
      const time = this.times[a * MAX_SAMPLES + sample];
      if (time < 0) fell = Math.min(fell, -time);
      active = Math.max(active, Math.abs(time));
    }
    return active > fell + this.limitMs / 2;
  }
}

/** Runs one actor, batch by batch, until the first thread says stop. */
export function runPart(part: Part, question: Question, processors: number): Counts {
  const { actors, arbiter, init } = question;
  const threads = actors.length;
  const actor = actors[part.actor];
  const m = new Int32Array(part.memory);
  const control = new Int32Array(part.control);
  const limitMs = limitOf(question);
  const around = surroundingsOf(part.memory, limitMs);
  const codesAt = (i: number): number => CONTROL_WORDS + i * MAX_SAMPLES;
  const stride = strideOf(question) / 4;
  const sleeps = part.times === null ? null : new Sleeps(part.times, threads, limitMs);
  const meeting = new Meeting(control, threads, processors);
  const codes = new Codes();
  const tally = new Map<number, number>();
  const seen: (Seen | void)[] = Array.from({ length: MAX_SAMPLES }, () => undefined);
  const pace = part.actor === 0 ? new Pace(part, control) : null;
  let unsure = 0;
  let random = 0x9e3779b9 ^ (part.actor + 1);

  const delay = (): void => {
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    for (let i = random & MAX_DELAY; i > 0; i--) Atomics.load(control, C.stop);
  };
  const act = (from: number, to: number): void => {
    for (let i = from; i < to; i++) seen[i] = actor(m, i * stride, around);
    if (sleeps !== null) for (let i = from; i < to; i++) sleeps.note(part.actor, i, seen[i] === ASLEEP);
  };
  /** Counts and clears this thread's share of the samples. */
  const count = (size: number): void => {
    for (let i = part.actor; i < size; i += threads) {
      const at = i * stride;
      let key = arbiter === undefined ? 0 : codes.of(arbiter(m, at));
      for (let a = threads - 1; a >= 0; a--) key = key * MAX_CODES + control[codesAt(a) + i];
      if (sleeps?.isUnsure(i) === true) unsure++;
      else tally.set(key, (tally.get(key) ?? 0) + 1);
      m.fill(0, at, at + stride);
      init?.(m, at);
    }
  };

  if (part.actor === 0) for (let i = 0; i < MAX_SAMPLES; i++) init?.(m, i * stride);
  for (;;) {
    pace?.begin();
    meeting.meet();
    if (Atomics.load(control, C.stop) === 1) break;
    const size = Atomics.load(control, C.size);
    const step = Atomics.load(control, C.step);
    for (let from = 0; from < size; from += step) {
      if (from > 0) meeting.meet();
      delay();
      act(from, Math.min(size, from + step));
    }
    for (let i = 0; i < size; i++) control[codesAt(part.actor) + i] = codes.of(seen[i] as Seen);
    meeting.meet();
    count(size);
  }
  return { unsure, texts: codes.texts, keys: [...tally.keys()], counts: [...tally.values()] };
}

/** The first thread's other office: how large the next batch is, how it is walked, and when it is enough. */
class Pace {
  private readonly control: Int32Array;
  private readonly steps: readonly number[];
  private readonly sizes: number[];
  private readonly samples: number;
  private readonly end: number;
  private done = 0;
  private batches = 0;
  private began = 0;

  constructor(part: Part, control: Int32Array) {
    this.control = control;
    this.steps = part.times === null ? STEPS : STEPS_TOGETHER;
    this.sizes = this.steps.map(() => 4);
    this.samples = part.samples;
    this.end = performance.now() + 1000 * part.seconds;
  }

  /** Before each batch, when all the others are about to wait for it, or do. */
  begin(): void {
    const { control, sizes } = this;
    const now = performance.now();
    const kinds = sizes.length;
    if (this.batches > 0) {
      const last = (this.batches - 1) % kinds;
      const took = now - this.began;
      this.done += sizes[last];
      if (took < BATCH_MS.low) sizes[last] = Math.min(MAX_SAMPLES, 2 * sizes[last]);
      else if (took > BATCH_MS.high) sizes[last] = Math.max(1, sizes[last] >> 1);
    }
    const kind = this.batches++ % kinds;
    const left = this.samples - this.done;
    sizes[kind] = Math.min(sizes[kind], Math.max(1, left));
    Atomics.store(control, C.size, sizes[kind]);
    Atomics.store(control, C.step, this.steps[kind]);
    Atomics.add(control, C.batch, 1);
    if (now >= this.end || left <= 0 || Atomics.load(control, C.asked) === 1)
      Atomics.store(control, C.stop, 1);
    this.began = now;
  }
}

/** All threads' counts together, by outcome. */
export function mergeCounts(parts: readonly Counts[]): Map<string, number> {
  const outcomes = new Map<string, number>();
  const nameOf = (part: Counts, code: number): string => (code === 0 ? '' : part.texts[code - 1]);
  for (const counter of parts) {
    for (const [i, key] of counter.keys.entries()) {
      let rest = key;
      const texts: string[] = [];
      for (const actor of parts) {
        texts.push(nameOf(actor, rest % MAX_CODES));
        rest = Math.floor(rest / MAX_CODES);
      }
      texts.push(nameOf(counter, rest));
      const outcome = outcomeOf(texts);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + counter.counts[i]);
    }
  }
  return outcomes;
}
