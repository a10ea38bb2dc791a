/**
 * The shared memory of an explored scenario: its buffers, one view object for each way to look at them, and putting
 * everything back between two schedules through a list of what was written.
 *
 * Words are numbered through all buffers: buffer 0 from 0, each further buffer from the next multiple of 16.
 */
import type { AnyTypedArray } from '../hooks.ts';

const LINE_WORDS = 16;
const WORD_BYTES = 4;

interface Buffer {
  readonly sab: SharedArrayBuffer;
  /** Global number of its first word. */
  readonly base: number;
  readonly words: Int32Array;
  /** The bytes after the last whole word: a word whose other bytes are 0. */
  readonly tail: Uint8Array;
}

type View = AnyTypedArray | DataView;
type ViewCtor = new (buffer: SharedArrayBuffer, offset: number, length: number) => View;

export class SharedMemory {
  /** Words of all buffers together. */
  words = 0;
  /** The whole of the largest buffer as Int32Array: nearly every access is to it, and is recognised at once. */
  main: Int32Array = new Int32Array(0);
  mainBase = 0;
  private buffers: Buffer[] = [];
  private readonly views = new Map<SharedArrayBuffer, Map<string, View>>();
  /** Byte number (over all buffers) of a view's first byte; −1 for one that is not shared. */
  private readonly starts = new WeakMap<object, number>();
  private image = new Int32Array(0);
  private dirtyAt = new Int32Array(0);
  private dirty = new Int32Array(0);
  private nDirty = 0;
  private generation = 1;

  /** @param sabs buffers that are there already */
  constructor(sabs: readonly SharedArrayBuffer[] = []) {
    for (const sab of sabs) this.adopt(sab);
  }

  /** `new SharedArrayBuffer(bytes)`. */
  allocate(bytes: number): SharedArrayBuffer {
    const sab = new SharedArrayBuffer(bytes);
    this.adopt(sab);
    return sab;
  }

  private adopt(sab: SharedArrayBuffer): void {
    const bytes = sab.byteLength;
    const whole = Math.floor(bytes / WORD_BYTES);
    const base = this.words;
    const tail = new Uint8Array(sab, whole * WORD_BYTES);
    this.buffers.push({ sab, base, words: new Int32Array(sab, 0, whole), tail });
    this.views.set(sab, new Map());
    this.words = base + Math.ceil(Math.ceil(bytes / WORD_BYTES) / LINE_WORDS) * LINE_WORDS;
    if (whole > this.main.length || this.buffers.length === 1) {
      this.main = this.view(Int32Array, sab, 0, whole) as Int32Array;
      this.mainBase = base;
    }
  }

  /** The one view of this kind on a shared buffer. */
  view(ctor: unknown, sab: SharedArrayBuffer, offset: number, length: number): View {
    const of = this.views.get(sab);
    const make = ctor as ViewCtor;
    const key = `${make.name}:${offset}:${length}`;
    let found = of?.get(key);
    if (found === undefined) {
      found = new make(sab, offset, length);
      of?.set(key, found);
    }
    return found;
  }

  isShared(buffer: unknown): buffer is SharedArrayBuffer {
    return this.views.has(buffer as SharedArrayBuffer);
  }

  /** Byte number of a view's first byte over all buffers, −1 when it is not on one of them. */
  startOf(view: View): number {
    let start = this.starts.get(view);
    if (start === undefined) {
      const buffer = this.buffers.find((b) => b.sab === view.buffer);
      start = buffer === undefined ? -1 : buffer.base * WORD_BYTES + view.byteOffset;
      this.starts.set(view, start);
    }
    return start;
  }

  /** Takes the present contents as those that every schedule begins with. */
  snapshot(): void {
    this.image = new Int32Array(this.words);
    for (const b of this.buffers) {
      this.image.set(b.words, b.base);
      const { length } = b.words;
      if (b.tail.length > 0) this.image[b.base + length] = this.get(b.base + length);
    }
    this.dirtyAt = new Int32Array(this.words);
    this.dirty = new Int32Array(this.words);
    this.nDirty = 0;
    this.generation = 1;
  }

  /** Notes that a word is about to be written. */
  touch(word: number): void {
    if (this.dirtyAt[word] === this.generation) return;
    this.dirtyAt[word] = this.generation;
    this.dirty[this.nDirty++] = word;
  }

  /** Puts back what was written since the last time. */
  restore(): void {
    const { main, mainBase, image, dirty } = this;
    const end = mainBase + main.length;
    for (let i = 0; i < this.nDirty; i++) {
      const word = dirty[i];
      if (word >= mainBase && word < end) main[word - mainBase] = image[word];
      else this.set(word, image[word]);
    }
    this.nDirty = 0;
    this.generation++;
  }

  /** A word by its global number. */
  get(word: number): number {
    const b = this.bufferOf(word);
    if (b === undefined) return 0;
    const at = word - b.base;
    if (at < b.words.length) return b.words[at];
    return at > b.words.length ? 0 : b.tail.reduce((sum, byte, i) => sum | (byte << (8 * i)), 0);
  }

  private set(word: number, value: number): void {
    const b = this.bufferOf(word);
    if (b === undefined) return;
    const at = word - b.base;
    if (at < b.words.length) b.words[at] = value;
    else for (let i = 0; i < b.tail.length; i++) b.tail[i] = value >>> (8 * i);
  }

  private bufferOf(word: number): Buffer | undefined {
    const { buffers } = this;
    let i = buffers.length - 1;
    while (i > 0 && word < buffers[i].base) i--;
    return buffers[i];
  }

  /** All buffers in the order in which they were made. */
  get sabs(): readonly SharedArrayBuffer[] {
    return this.buffers.map((b) => b.sab);
  }
}
