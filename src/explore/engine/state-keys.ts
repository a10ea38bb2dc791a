/**
 * Keys of whole program states, 128 bits each: shared memory, and for each thread its calls under way with their
 * locals, what it is about to do with which operands, and whether it sleeps. Equal states have equal keys; different
 * ones have different keys up to a collision of the hash.
 *
 * | part           | kept how                                                                                    |
 * |----------------|---------------------------------------------------------------------------------------------|
 * | memory         | xor over all words written of a mix of word and value: a write costs two mixes                |
 * | call stack     | a hash for each level that includes those below; levels stay as they are until they return    |
 * | top of a thread| references only, until a key is asked for: replaying a prefix hashes nothing but writes       |
 * | objects        | the named fields of registered objects, each time a key is asked for                          |
 *
 * An object that existed after set-up counts as itself, by an id that it keeps in all schedules: what is in it must
 * either never change or be handed over by `write` or `fields` (`changed` finds offenders). All other objects are
 * hashed by what is in them, each time; private fields (#x) cannot be seen.
 *
 * Not part of a key: vector clocks, counts of steps, of bypasses. An oracle that looks at those may miss something in
 * a search that cuts states seen before.
 */
import { type KeyedObject, SetupObjects } from './setup-objects.ts';
import { ThreadPart } from './thread-part.ts';
import { avalanche, KEY_LANES, ValueHash } from './value-hash.ts';

const SALT = { event: 0x2bad_5eed, total: 0x3bad_5eed } as const;

export class StateKeys {
  private readonly hash = new ValueHash();
  private readonly parts: ThreadPart[];
  // Memory, and the history of the sequential model: lanes of sums by xor.
  private m0 = 0;
  private m1 = 0;
  private m2 = 0;
  private m3 = 0;
  /** By word: generation of its note, value in the hash, value in memory, and whether the two may differ (listed). */
  private noted = new Int32Array(0);
  private hashed = new Int32Array(0);
  private present = new Int32Array(0);
  private listed = new Int32Array(0);
  private readonly written: number[] = [];
  private generation = 1;
  private readonly history = new Int32Array(KEY_LANES);
  private readonly objects = new SetupObjects(this.hash);
  private settled = false;

  constructor(nThreads: number) {
    this.parts = Array.from({ length: nThreads }, (_, t) => new ThreadPart(t));
  }

  /** Values met whose contents cannot be seen, such as iterators: their states equal no other. */
  get opaque(): number {
    return this.hash.opaque;
  }

  /** An object is made during set-up: it counts as itself. Without effect later, when its contents count. */
  known(o: object): void {
    if (!this.settled) this.hash.identify(o);
  }

  /** Gives everything that can be reached from `roots` an id; once, after set-up. */
  identify(roots: readonly unknown[]): void {
    this.objects.identify(roots);
    this.settled = true;
  }

  /** Objects whose named fields are part of the state; as they are now is how every schedule finds them. */
  fields(list: readonly KeyedObject[]): void {
    this.objects.fields(list);
  }

  /**
   * Where something that existed after set-up is no longer as it was then, although nobody hands it over: then states
   * that differ may have one key. Null when all is well. Looks at each object, so for now and then.
   */
  changed(): string | null {
    return this.objects.changed();
  }

  /** Whether one of the fields handed over of this object is not as set-up left it. */
  hasChanged(object: object): boolean {
    return this.objects.hasChanged(object);
  }

  /** A schedule begins: memory is as set-up left it. */
  reset(): void {
    this.m0 = 0;
    this.m1 = 0;
    this.m2 = 0;
    this.m3 = 0;
    this.generation++;
    this.written.length = 0;
    this.history.fill(0);
    for (const p of this.parts) p.reset();
  }

  /** Thread t calls a function at this site; `locals` are the caller's that are still in use. */
  enter(t: number, site: number, locals: readonly unknown[]): void {
    this.parts[t].push(site, locals);
  }

  /** Its youngest call has returned. */
  leave(t: number): void {
    const p = this.parts[t];
    p.cut(p.depth - 1);
  }

  /** Calls under way. */
  depth(t: number): number {
    return this.parts[t].depth;
  }

  /** All calls but the oldest `depth` are over: an exception went through them. */
  cut(t: number, depth: number): void {
    this.parts[t].cut(depth);
  }

  /**
   * The thread is about to do this, with these operands, and these locals in use: so it is ready.
   * @param kind a KIND, and for a read-modify-write 16 × which
   * @param v2 what compareExchange would write; a wait's time-out
   */
  point(
    t: number,
    kind: number,
    site: number,
    word: number,
    v1: unknown,
    v2: unknown,
    locals: readonly unknown[],
  ): void {
    this.parts[t].point(kind, site, word, v1, v2, locals);
  }

  /**
   * The thread's status (vthread.ts, or any other number), and what belongs to it: a sleeper's place in the queue, the
   * answer that a woken one will get, the result of one that is done.
   */
  status(t: number, code: number, extra: unknown = 0): void {
    this.parts[t].setStatus(code, extra);
  }

  /** A word of memory (int32) was changed. Hashed when a key is asked for: replaying a prefix asks for none. */
  write(word: number, before: number, after: number): void {
    if (word >= this.present.length) this.growMemory(word);
    if (this.noted[word] !== this.generation) {
      this.noted[word] = this.generation;
      this.hashed[word] = before;
      this.listed[word] = 0;
    }
    this.present[word] = after;
    if (this.listed[word] !== 0) return;
    this.listed[word] = 1;
    this.written.push(word);
  }

  private growMemory(word: number): void {
    const longer = (from: Int32Array): Int32Array<ArrayBuffer> => {
      const to = new Int32Array(Math.max(1024, 2 * (word + 1)));
      to.set(from);
      return to;
    };
    this.noted = longer(this.noted);
    this.hashed = longer(this.hashed);
    this.listed = longer(this.listed);
    this.present = longer(this.present);
  }

  /** Takes what was written since the last key into the hash of memory. */
  private hashMemory(): void {
    const { written, hashed, present, listed } = this;
    for (let i = 0; i < written.length; i++) {
      const word = written[i];
      listed[word] = 0;
      if (hashed[word] !== present[word]) this.replace(word, hashed[word], present[word]);
      hashed[word] = present[word];
    }
    written.length = 0;
  }

  private replace(word: number, before: number, after: number): void {
    const w0 = Math.imul(word, 0x9e37_79b1);
    const w1 = Math.imul(word, 0x2545_f491);
    const w2 = Math.imul(word, 0x6c62_272d);
    const w3 = Math.imul(word, 0x5851_f42d);
    this.m0 ^= avalanche(w0 + Math.imul(before, 0x3504_f333)) ^ avalanche(w0 + Math.imul(after, 0x3504_f333));
    this.m1 ^= avalanche(w1 ^ Math.imul(before, 0x27bb_2ee7)) ^ avalanche(w1 ^ Math.imul(after, 0x27bb_2ee7));
    this.m2 ^= avalanche(w2 + Math.imul(before, 0x5bd1_e995)) ^ avalanche(w2 + Math.imul(after, 0x5bd1_e995));
    this.m3 ^= avalanche(w3 ^ Math.imul(before, 0x1b56_c4e9)) ^ avalanche(w3 ^ Math.imul(after, 0x1b56_c4e9));
  }

  /**
   * An operation of the sequential model begins. Histories with the same operations, results and order of returns
   * before calls are the same history.
   */
  called(t: number, op: string, args: readonly unknown[]): void {
    const { hash, parts } = this;
    hash.forget();
    hash.start(SALT.event);
    hash.int(t);
    hash.int(parts[t].calls++);
    hash.value(op);
    hash.values(args);
    for (const p of parts) hash.int(p.returns);
    this.addEvent();
  }

  /** ... and has returned. */
  returned(t: number, result: unknown): void {
    const { hash, parts } = this;
    hash.forget();
    hash.start(SALT.event);
    hash.int(~t);
    hash.int(parts[t].returns++);
    hash.value(result);
    this.addEvent();
  }

  /** Writes the key of the present state; `extra` (int32) is whatever else tells states apart, 0 for nothing. */
  key(out: Int32Array, extra: number): void {
    const { hash, parts, history } = this;
    hash.forget();
    if (this.written.length > 0) this.hashMemory();
    let k0 = this.m0 ^ history[0];
    let k1 = this.m1 ^ history[1];
    let k2 = this.m2 ^ history[2];
    let k3 = this.m3 ^ history[3];
    if (this.objects.absorb()) {
      k0 ^= hash.a;
      k1 ^= hash.b;
      k2 ^= hash.c;
      k3 ^= hash.d;
    }
    for (let t = 0; t < parts.length; t++) {
      const p = parts[t];
      if (p.dirty || p.loose) p.update(hash);
      const { total } = p;
      k0 ^= total[0];
      k1 ^= total[1];
      k2 ^= total[2];
      k3 ^= total[3];
    }
    if (extra !== 0) {
      hash.start(SALT.total);
      hash.int(extra);
      hash.finish();
      k0 ^= hash.a;
      k1 ^= hash.b;
      k2 ^= hash.c;
      k3 ^= hash.d;
    }
    out[0] = k0;
    out[1] = k1;
    out[2] = k2;
    out[3] = k3;
  }

  private addEvent(): void {
    const { hash, history } = this;
    hash.finish();
    history[0] ^= hash.a;
    history[1] ^= hash.b;
    history[2] ^= hash.c;
    history[3] ^= hash.d;
  }
}
