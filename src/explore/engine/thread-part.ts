/** One thread's part of a program state: its calls under way, and what it is about to do. See state-keys.ts. */
import { KEY_LANES, type ValueHash } from './value-hash.ts';
import { KIND, STATUS } from './vthread.ts';

/** Operands that each kind of operation has; others may be left over from the one before. */
const OPERANDS = new Uint8Array(16);
OPERANDS[KIND.store] = 1;
OPERANDS[KIND.rmw] = 1;
OPERANDS[KIND.notify] = 1;
OPERANDS[KIND.write] = 1;
OPERANDS[KIND.cas] = 2;
OPERANDS[KIND.wait] = 2;
const KIND_MASK = 15;

const SALT = 0x0bad_5eed;
/** Above any number of levels. */
const NO_LOCALS: readonly unknown[] = [];
const NONE = 1 << 30;

export class ThreadPart {
  depth = 0;
  dirty = true;
  /** It refers to an object whose contents must be looked at each time. */
  loose = false;
  /** Hash of all of it. */
  readonly total = new Int32Array(KEY_LANES);
  // What the thread has done in the sequential model: calls and returns so far.
  calls = 0;
  returns = 0;

  private sites = new Int32Array(16);
  private locals: (readonly unknown[])[] = [];
  /** Hash up to and including a level, at 4 × (level + 1). */
  private lanes = new Int32Array(KEY_LANES * 17);
  /** Levels whose hash is up to date. */
  private clean = 0;
  /** Lowest level with such an object. */
  private looseFrom = NONE;

  private status = 0;
  private extra: unknown = 0;
  private kind = 0;
  private site = 0;
  private word = -1;
  private v1: unknown = 0;
  private v2: unknown = 0;
  private top: readonly unknown[] = NO_LOCALS;

  private readonly salt: number;

  constructor(thread: number) {
    this.salt = SALT ^ (thread << 4);
  }

  reset(): void {
    this.cut(0);
    this.status = STATUS.ready;
    this.extra = 0;
    this.kind = 0;
    this.site = 0;
    this.word = -1;
    this.v1 = 0;
    this.v2 = 0;
    this.top = NO_LOCALS;
    this.calls = 0;
    this.returns = 0;
  }

  /** See StateKeys.status. */
  setStatus(code: number, extra: unknown): void {
    this.status = code;
    this.extra = extra;
    this.dirty = true;
  }

  push(site: number, locals: readonly unknown[]): void {
    if (this.depth === this.sites.length) this.grow();
    this.sites[this.depth] = site;
    this.locals[this.depth++] = locals;
    this.dirty = true;
  }

  cut(depth: number): void {
    this.depth = depth;
    if (this.clean > depth) this.clean = depth;
    if (this.looseFrom >= depth) this.looseFrom = NONE;
    this.dirty = true;
  }

  /** See StateKeys.point. */
  point(
    kind: number,
    site: number,
    word: number,
    v1: unknown,
    v2: unknown,
    locals: readonly unknown[],
  ): void {
    const base = kind & KIND_MASK;
    const operands = OPERANDS[base];
    this.kind = base === KIND.rmw ? kind : base;
    this.site = site;
    this.word = word;
    this.v1 = operands > 0 ? v1 : 0;
    this.v2 = operands > 1 ? v2 : 0;
    this.top = locals;
    this.status = STATUS.ready;
    this.extra = 0;
    this.dirty = true;
  }

  private grow(): void {
    const sites = new Int32Array(this.sites.length * 2);
    sites.set(this.sites);
    this.sites = sites;
    const lanes = new Int32Array(KEY_LANES * (sites.length + 1));
    lanes.set(this.lanes);
    this.lanes = lanes;
  }

  /** Brings `total` up to date. */
  update(hash: ValueHash): void {
    hash.loose = false;
    if (this.status === STATUS.done || this.status === STATUS.dead) {
      hash.start(this.salt);
      hash.int(~this.status);
      hash.value(this.extra);
      this.loose = hash.loose;
    } else {
      this.hashStack(hash);
      hash.loose = false;
      hash.int(this.status);
      hash.value(this.extra);
      hash.int(this.kind);
      hash.int(this.site);
      hash.int(this.word);
      hash.value(this.v1);
      hash.value(this.v2);
      hash.values(this.top);
      this.loose = hash.loose || this.looseFrom !== NONE;
    }
    hash.finish();
    hash.save(this.total, 0);
    this.dirty = false;
  }

  /** Brings the hashes of the levels up to date, from the lowest that may have changed. */
  private hashStack(hash: ValueHash): void {
    const { depth, sites, locals, lanes } = this;
    let level = Math.min(this.clean, this.looseFrom);
    if (level === 0) {
      hash.start(this.salt);
      hash.save(lanes, 0);
    } else hash.load(lanes, level * KEY_LANES);
    for (; level < depth; level++) {
      hash.loose = false;
      hash.int(sites[level]);
      hash.values(locals[level]);
      hash.save(lanes, (level + 1) * KEY_LANES);
      if (hash.loose && level < this.looseFrom) this.looseFrom = level;
    }
    this.clean = depth;
  }
}
