/** What the validator (validate.ts) collects, how it names a block, and how it walks a list. */
import { BUF_BLOCK, BUF_POOL } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import type { BufInstance } from './instance.ts';
import { cellOf } from './page-hash.ts';
import { STATE_NAMES } from './states.ts';

const B = BUF_BLOCK.at;
const MAX_REPORTED = 20;

/** Collects violations, each one sentence; the first twenty are kept. */
export class Findings {
  readonly list: string[] = [];
  count = 0;
  private readonly where: string;

  constructor(where: string) {
    this.where = where;
  }

  expect(ok: boolean, rule: number, what: () => string): void {
    if (ok) return;
    this.count++;
    if (this.list.length < MAX_REPORTED) this.list.push(`${this.where}, invariant ${rule}: ${what()}`);
  }
}

/** A block in words. */
export const name = (mem: Int32Array, b: number): string =>
  `block @${b} (space ${mem[b + B.spaceId] >>> 0}, page ${mem[b + B.pageNo] >>> 0}, ${STATE_NAMES[mem[b + B.state]]})`;

/** `hashFind` for a chain that may be a ring: gives up after as many steps as the pool has pages. */
export function boundedFind(inst: BufInstance, space: number, pageNo: number): number {
  const { mem } = inst;
  let left = mem[inst.at + BUF_POOL.at.currSize];
  let block = mem[cellOf(inst, space, pageNo)];
  while (block !== NIL && (mem[block + B.pageNo] !== pageNo || mem[block + B.spaceId] !== space)) {
    if (left-- === 0) return NIL;
    block = mem[block + B.hashNext];
  }
  return block;
}

/** Walks a list both ways; reports broken links and a wrong length. Returns the blocks from the head. */
export function walk(
  inst: BufInstance,
  found: Findings,
  what: string,
  ends: { first: number; last: number; len: number },
  links: { prev: number; next: number },
): number[] {
  const { mem } = inst;
  const blocks: number[] = [];
  let before = NIL;
  for (let b = ends.first; b !== NIL && blocks.length <= ends.len; b = mem[b + links.next]) {
    const prev = mem[b + links.prev];
    const expected = before;
    found.expect(
      prev === expected,
      3,
      () => `${what}: ${name(mem, b)} has predecessor @${prev}, not @${expected}`,
    );
    blocks.push(b);
    before = b;
  }
  found.expect(ends.last === before, 3, () => `${what}: ends at @${before}, its tail says @${ends.last}`);
  found.expect(
    blocks.length === ends.len,
    3,
    () => `${what}: ${blocks.length} blocks, its length says ${ends.len}`,
  );
  return blocks;
}
