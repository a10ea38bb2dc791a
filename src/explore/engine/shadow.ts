/**
 * Which cells of the race detector an access touches: one word; two for 64 bits; and for words that are ever accessed
 * in part (Uint8Array, Int16Array ...) their bytes, in a detector of its own with the same clocks.
 */
import { FULL, HIGH_HALF, LOW_HALF, type Race, RaceDetector } from './races.ts';

/** Bit of `attr`. */
export const NARROW = 8;

export const ACCESS = { plainRead: 0, plainWrite: 1, atomicRead: 2, atomicWrite: 3 } as const;
export type Access = (typeof ACCESS)[keyof typeof ACCESS];

export class Shadow {
  readonly words: RaceDetector;
  private readonly n: number;
  /** Bits about words; NARROW: it has been accessed in part, in this or an earlier schedule. */
  private readonly attr: Uint8Array;
  private bytes: RaceDetector | null = null;

  constructor(attr: Uint8Array, threads: number) {
    this.n = threads;
    this.attr = attr;
    this.words = new RaceDetector(attr.length, threads);
  }

  get found(): Race | null {
    return this.words.found ?? this.bytes?.found ?? null;
  }

  reset(): void {
    this.words.reset();
    this.bytes?.reset();
  }

  /** An access to one whole word. */
  full(access: Access, t: number, word: number, site: number): void {
    if ((this.attr[word] & NARROW) !== 0) {
      this.part(access, t, word, 0, 4, site);
      return;
    }
    const d = this.words;
    if (access === ACCESS.plainRead) d.plainRead(t, word, site);
    else if (access === ACCESS.plainWrite) d.plainWrite(t, word, site);
    else if (access === ACCESS.atomicRead) d.atomicRead(t, word, site, FULL);
    else d.atomicWrite(t, word, site, FULL);
  }

  /** An access to any run of bytes. `byte` counts over all buffers. */
  range(access: Access, t: number, byte: number, size: number, site: number): void {
    const atomic = access >= ACCESS.atomicRead;
    if (atomic && size === 8) {
      this.half(access, t, byte >>> 2, site, LOW_HALF);
      this.half(access, t, (byte >>> 2) + 1, site, HIGH_HALF);
      return;
    }
    let at = byte;
    const end = byte + size;
    while (at < end && this.found === null) {
      const word = at >>> 2;
      const first = at & 3;
      const here = Math.min(4 - first, end - at);
      if (here === 4) this.full(access, t, word, site);
      else this.part(access, t, word, first, here, site);
      at += here;
    }
  }

  /** One word of an atomic access to two. */
  private half(access: Access, t: number, word: number, site: number, range: number): void {
    const { bytes } = this;
    if (bytes === null || (this.attr[word] & NARROW) === 0) apply(this.words, access, t, word, site, range);
    else for (let b = 0; b < 4; b++) apply(bytes, access, t, word * 4 + b, site, range);
  }

  private part(access: Access, t: number, word: number, first: number, size: number, site: number): void {
    const bytes = (this.bytes ??= new RaceDetector(this.attr.length * 4, this.n, this.words.clocks));
    if ((this.attr[word] & NARROW) === 0) {
      this.attr[word] |= NARROW;
      // From now on its bytes are watched: they have seen what the word has seen.
      for (let b = 0; b < 4; b++) bytes.adopt(this.words, word, word * 4 + b);
    }
    for (let b = first; b < first + size; b++) {
      apply(bytes, access, t, word * 4 + b, site, (size << 2) | first);
    }
  }

  /** The finding's cell as a word. */
  wordOf(race: Race): number {
    return race === this.words.found ? race.word : race.word >>> 2;
  }
}

function apply(d: RaceDetector, access: Access, t: number, cell: number, site: number, range: number): void {
  if (access === ACCESS.plainRead) d.plainRead(t, cell, site);
  else if (access === ACCESS.plainWrite) d.plainWrite(t, cell, site);
  else if (access === ACCESS.atomicRead) d.atomicRead(t, cell, site, range);
  else d.atomicWrite(t, cell, site, range);
}
