/**
 * `UT_LIST` of the old layer: a doubly linked list with its length in the base. Where a node has its two links is the
 * list's affair: they are pointers of one or two words. Which latch guards them is, too.
 */
import { NIL } from '../../layout/schema.ts';
import { UT_LIST_BASE } from '../../layout/ut0mem.ts';

const { count: COUNT, start: START, end: END } = UT_LIST_BASE.at;

/** `UT_LIST_INIT`. */
export function utListInit(mem: Int32Array, base: number): void {
  mem[base + COUNT] = 0;
  mem[base + START] = NIL;
  mem[base + END] = NIL;
}

/**
 * `UT_LIST_ADD_FIRST`.
 * @param prev offset of a node's link to the previous node, and `next` to the next
 */
export function utListAddFirst(
  mem: Int32Array,
  base: number,
  node: number,
  prev: number,
  next: number,
): void {
  const first = mem[base + START];
  mem[node + prev] = NIL;
  mem[node + next] = first;
  if (first === NIL) mem[base + END] = node;
  else mem[first + prev] = node;
  mem[base + START] = node;
  mem[base + COUNT]++;
}

/** `UT_LIST_REMOVE`. Writes nothing to the node itself. */
export function utListRemove(mem: Int32Array, base: number, node: number, prev: number, next: number): void {
  const before = mem[node + prev];
  const after = mem[node + next];
  utListBridge(mem, base, before, after, prev, next);
}

/** Makes `before` and `after`, between which one node lay, each other's neighbours. */
export function utListBridge(
  mem: Int32Array,
  base: number,
  before: number,
  after: number,
  prev: number,
  next: number,
): void {
  if (before === NIL) mem[base + START] = after;
  else mem[before + next] = after;
  if (after === NIL) mem[base + END] = before;
  else mem[after + prev] = before;
  mem[base + COUNT]--;
}

/**
 * Whether a node is in the list, as its neighbours or the base tell. Its own links may be anything: what they lead to
 * is only read.
 */
export function utListHas(mem: Int32Array, base: number, node: number, prev: number, next: number): boolean {
  const before = mem[node + prev];
  const after = mem[node + next];
  return (
    mem[base + COUNT] > 0 &&
    (before === NIL ? mem[base + START] === node : mem[before + next] === node) &&
    (after === NIL ? mem[base + END] === node : mem[after + prev] === node)
  );
}

/** `UT_LIST_VALIDATE`: walks it. Returns what is wrong, empty when nothing. */
export function utListFault(mem: Int32Array, base: number, prev: number, next: number): string {
  const count = mem[base + COUNT];
  let before: number = NIL;
  let found = 0;
  for (let node = mem[base + START]; node !== NIL; node = mem[node + next]) {
    if (++found > count) return `more than the ${count} nodes that are counted`;
    if (mem[node + prev] !== before)
      return `@${node} follows @${before} and links back to @${mem[node + prev]}`;
    before = node;
  }
  if (found !== count) return `${found} nodes, ${count} counted`;
  return mem[base + END] === before ? '' : `ends with @${before}, the base says @${mem[base + END]}`;
}
