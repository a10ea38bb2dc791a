/**
 * What an operation leaves behind in the machine: the word, the race detector's and the state key's knowledge of it, the
 * signature of the execution; and the world that explored code sees beside shared memory (views, clocks, random numbers).
 */
import type { AnyTypedArray } from '../hooks.ts';
import { FULL } from './races.ts';
import { ATTR, Scheduling } from './scheduling.ts';
import { ACCESS, NARROW } from './shadow.ts';
import type { VThread } from './vthread.ts';

const { telemetry: TELEMETRY, watched: WATCHED } = ATTR;

/** What a word's signature is before it is written: not 0, which a write may hash to. */
const UNWRITTEN = 0x51ed270b;

export abstract class Effects extends Scheduling {
  /** Writes an int32 to the main view. */
  protected put(t: VThread, before: number, value: number): void {
    const { word } = t;
    this.memory.touch(word);
    this.main[t.index] = value;
    this.wrote(t, word, before, value);
    if (this.live && !this.quiet) this.afterStep();
  }

  protected wrote(t: VThread, word: number, before: number, value: number): void {
    if (before !== value) {
      this.paused &= t.bit;
      if (this.keys !== null && this.live && (this.attr[word] & TELEMETRY) === 0)
        this.keys.write(word, before, value);
    }
    if ((this.attr[word] & WATCHED) !== 0 && this.live && !this.quiet) this.watch(word, value);
  }

  /** Performs a write of any width, with the words that it touches noted before and after. */
  protected around(t: VThread, word: number, bytes: number, perform: () => void): void {
    const { memory } = this;
    const words = (bytes + 3) >>> 2;
    const before: number[] = [];
    for (let k = 0; k < words; k++) {
      memory.touch(word + k);
      before.push(memory.get(word + k));
    }
    perform();
    for (let k = 0; k < words; k++) this.wrote(t, word + k, before[k], memory.get(word + k));
  }

  protected bytesOf(t: VThread): [byte: number, size: number] {
    const size = t.array.BYTES_PER_ELEMENT;
    return [this.memory.startOf(t.array) + t.index * size, size];
  }

  protected check(access: 0 | 1 | 2 | 3, t: VThread): void {
    const shadow = this.shadow;
    if (shadow === null || t.word < 0) return;
    if (!t.fast) shadow.range(access, t.id, ...this.bytesOf(t), t.site);
    else if ((this.attr[t.word] & NARROW) !== 0) shadow.full(access, t.id, t.word, t.site);
    else if (access === ACCESS.atomicRead) shadow.words.atomicRead(t.id, t.word, t.site, FULL);
    else shadow.words.atomicWrite(t.id, t.word, t.site, FULL);
    if (shadow.found !== null) this.raceFound();
  }

  protected checkRmw(t: VThread): void {
    const shadow = this.shadow;
    if (shadow === null) return;
    if ((this.attr[t.word] & NARROW) !== 0) {
      shadow.full(ACCESS.atomicRead, t.id, t.word, t.site);
      shadow.full(ACCESS.atomicWrite, t.id, t.word, t.site);
    } else {
      shadow.words.atomicRead(t.id, t.word, t.site, FULL);
      shadow.words.atomicWrite(t.id, t.word, t.site, FULL);
    }
    if (shadow.found !== null) this.raceFound();
  }

  protected checkAt(
    access: 0 | 1,
    t: VThread,
    a: AnyTypedArray,
    i: number,
    word: number,
    site: number,
  ): void {
    const shadow = this.shadow;
    if (shadow === null) return;
    if (a !== this.main) {
      const size = a.BYTES_PER_ELEMENT;
      shadow.range(access, t.id, this.memory.startOf(a) + i * size, size, site);
    } else if ((this.attr[word] & NARROW) !== 0) shadow.full(access, t.id, word, site);
    else if (access === ACCESS.plainRead) shadow.words.plainRead(t.id, word, site);
    else shadow.words.plainWrite(t.id, word, site);
    if (shadow.found !== null) this.raceFound();
  }

  /** Adds an access to the signature: writes are ordered, reads between two writes are not. */
  protected sign(t: VThread, writes: boolean): void {
    const { word } = t;
    if (word < 0) return;
    if (this.sharing !== null && this.live) {
      this.sharing.note(word, t.id, writes);
      if (t.array.BYTES_PER_ELEMENT === 8) this.sharing.note(word + 1, t.id, writes);
    }
    const old = this.sigGen[word] === this.generation ? this.sigWord[word] : UNWRITTEN;
    let h = Math.imul(old ^ (t.site * 0x9e3779b1 + (t.id << 24) + word), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
    h ^= h >>> 16;
    this.sig0 = (this.sig0 + h) | 0;
    this.sig1 = (this.sig1 + Math.imul(h ^ 0x2545f491, 0x9e3779b1)) | 0;
    if (writes) {
      this.sigGen[word] = this.generation;
      this.sigWord[word] = h;
    }
  }

  protected noteRange(word: number, bytes: number, t: VThread, writes: boolean): void {
    for (let k = 0; k < bytes; k += 4) this.sharing?.note(word + (k >>> 2), t.id, writes);
  }

  /** Global number of the word that an element lies in (or begins in), −1: not shared, or no element. */
  protected wordOf(a: AnyTypedArray, i: number): number {
    if (!ArrayBuffer.isView(a) || !(i >= 0 && i < a.length)) return -1;
    const start = this.memory.startOf(a);
    return start < 0 ? -1 : (start + Math.trunc(i) * a.BYTES_PER_ELEMENT) >>> 2;
  }

  view(ctor: unknown, _site: number, ...args: unknown[]): unknown {
    const [buffer] = args;
    const make = ctor as new (...a: unknown[]) => { byteOffset: number; length?: number; byteLength: number };
    const made = new make(...args);
    if (!this.memory.isShared(buffer)) return made;
    return this.memory.view(ctor, buffer, made.byteOffset, made.length ?? made.byteLength);
  }

  sab(bytes: number): SharedArrayBuffer {
    if (this.live)
      throw new Error(
        'a SharedArrayBuffer must be made by set-up: threads of a schedule share what is there',
      );
    return this.memory.allocate(bytes);
  }

  perfNow(): number {
    this.clockReads++;
    // Who reads the clock this often waits for it to move.
    if (this.clockReads > 1000) this.nowMs++;
    return this.nowMs;
  }

  dateNow(): number {
    return Math.trunc(this.perfNow());
  }

  hrtimeBigint(): bigint {
    return BigInt(Math.trunc(this.perfNow() * 1000)) * 1000n;
  }

  random(_site: number): number {
    let x = this.randomState;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.randomState = x;
    return (x >>> 0) / 2 ** 32;
  }

  reg(object: object, fields: readonly string[], hashed: boolean): undefined {
    if (!this.live) this.registered.push({ object, fields, hashed });
    return undefined;
  }
}
