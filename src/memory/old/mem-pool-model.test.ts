import { describe, expect, it } from 'vitest';
import { Rng } from '../../layout/rng.ts';
import { memPoolAreas } from './mem-pool-check.ts';
import { poolKit } from './mem-pool-test-kit.ts';
import { utMemDefects } from './ut0mem.ts';

const HEADER = 32;
const KIB = 1024;

/** Free lists as plain arrays of offsets, and the rules of facts A 4.2 written down once more. */
class Model {
  readonly free: number[][] = Array.from({ length: 64 }, () => []);
  readonly size = new Map<number, number>();
  reserved = 0;
  readonly header: number;
  readonly bytes: number;

  constructor(bytes: number, header: number) {
    this.header = header;
    this.bytes = bytes;
    let used = 0;
    while (bytes - used >= 2 * header) {
      const i = Math.floor(Math.log2(bytes - used));
      this.free[i].unshift(used);
      used += 2 ** i;
    }
  }

  fill(i: number): boolean {
    if (i >= 63) return false;
    if (this.free[i + 1].length === 0 && !this.fill(i + 1)) return false;
    const at = this.free[i + 1].shift() ?? 0;
    this.free[i].unshift(at, at + 2 ** i);
    return true;
  }

  /** Offset of the payload; −1: from elsewhere. */
  alloc(n: number): number {
    const k = Math.ceil(Math.log2(Math.max(n + this.header, 2 * this.header)));
    if (this.free[k].length === 0 && !this.fill(k)) return -1;
    const at = this.free[k].shift() ?? 0;
    this.reserved += 2 ** k;
    this.size.set(at, k);
    return at + this.header;
  }

  release(payload: number): void {
    let at = payload - this.header;
    let k = this.size.get(at) ?? 0;
    this.size.delete(at);
    this.reserved -= 2 ** k;
    for (;;) {
      const lower = at % 2 ** (k + 1) === 0;
      const buddy = lower ? at + 2 ** k : at - 2 ** k;
      const i = lower && at + 2 ** (k + 1) > this.bytes ? -1 : this.free[k].indexOf(buddy);
      if (i < 0) break;
      this.free[k].splice(i, 1);
      at = Math.min(at, buddy);
      k++;
    }
    this.free[k].unshift(at);
  }

  toString(): string {
    return this.free.flatMap((l, i) => (l.length > 0 ? [`${i}:[${l.join(',')}]`] : [])).join(' ');
  }
}

describe('20,000 random operations against a model', () => {
  it.each([
    [64 * KIB, 64, 1],
    [40 * KIB, 64, 2],
    [24 * KIB, 32, 3],
  ] as const)('%i bytes, %i-bit', (bytes, bits, seed) => {
    const s = poolKit({ bytes, bits });
    const model = new Model(bytes, bits === 64 ? 24 : 16);
    const rng = new Rng(seed, 1);
    const live: { p: number; words: number; mark: number }[] = [];
    let elsewhere = 0;
    for (let op = 0; op < 20_000; op++) {
      if (live.length > 0 && rng.below(100) < (live.length > 60 ? 60 : 45)) {
        const [{ p, words, mark }] = live.splice(rng.below(live.length), 1);
        for (let i = 0; i < words; i++) if (s.mem[p + i] !== mark) throw new Error(`op ${op}: overwritten`);
        const outside = s.offset(p) < 0 || s.offset(p) >= bytes;
        s.free(p);
        if (!outside) model.release(s.offset(p));
      } else {
        const n = 1 + rng.below(2 ** (3 + rng.below(11)));
        const expected = model.alloc(n);
        const p = s.alloc(n);
        if (expected < 0) elsewhere++;
        else if (s.offset(p) !== expected) throw new Error(`op ${op}: ${s.offset(p)}, not ${expected}`);
        const words = Math.ceil(n / 4);
        s.mem.fill(op, p, p + words);
        live.push({ p, words, mark: op });
      }
      if (op % 50 === 0) {
        expect([op, s.lists(), s.reserved()]).toEqual([op, String(model), model.reserved]);
        expect(s.validate()).toEqual([]);
      }
    }
    expect(elsewhere).toBeGreaterThan(100);
    for (const { p } of live) s.free(p);
    expect(memPoolAreas(s.pool).every((a) => a.free)).toBe(true);
    expect(s.lists().split(' ').length).toBe(String(new Model(bytes, 24)).split(' ').length);
    expect([s.reserved(), s.total(), ...s.validate(), ...utMemDefects(s.mem, s.ut)]).toEqual([
      0,
      bytes + HEADER,
    ]);
  });
});
