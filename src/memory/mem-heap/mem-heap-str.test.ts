/** Facts A 3.7: strings, and the small printf. */
import { describe, expect, it } from 'vitest';
import { memHeapAlloc, memHeapGetHeapTop } from './mem-heap.ts';
import { memHeapCreate } from './mem-heap-block.ts';
import { memHeapValidate } from './mem-heap-check.ts';
import { memHeapIsTop } from './mem-heap-stack.ts';
import {
  type HeapStr,
  memHeapDup,
  memHeapPrintf,
  memHeapStr,
  memHeapStrcat,
  memHeapStrdup,
  memHeapStrdupl,
} from './mem-heap-str.ts';
import { HeapKit } from './mem-heap-test-kit.ts';

function setUp() {
  const kit = new HeapKit();
  const env = kit.heapEnv({ checked: true });
  const heap = memHeapCreate(kit.thr, env, 2000);
  const { thr } = kit;
  /** The string, how many bytes it took: the size that is_top accepts. */
  const look = (at: number, n: number): [string, boolean] => [
    memHeapStr(thr, at),
    memHeapIsTop(thr, env, heap, at, n),
  ];
  return { kit, env, heap, thr, look };
}

describe('strings', () => {
  it('dup copies bytes', () => {
    const { kit, env, heap, thr } = setUp();
    const from = memHeapAlloc(thr, env, heap, 11);
    thr.u8.set([1, 2, 3, 0, 5, 6, 7, 8, 9, 10, 11], from * 4);
    expect(kit.bytes(memHeapDup(thr, env, heap, from, 11), 11)).toEqual([1, 2, 3, 0, 5, 6, 7, 8, 9, 10, 11]);
    memHeapDup(thr, env, heap, from, 0);
    expect(memHeapValidate(thr, env, heap)).toEqual([]);
  });

  it('strdup takes len + 1, from JavaScript or from the arena', () => {
    const { env, heap, thr, look } = setUp();
    // 8 bytes with the final 0: one more would be another slot.
    const a = memHeapStrdup(thr, env, heap, 'seven b');
    expect(look(a, 8)).toEqual(['seven b', true]);
    const b = memHeapStrdup(thr, env, heap, a);
    expect(look(b, 8)).toEqual(['seven b', true]);
    expect(look(memHeapStrdup(thr, env, heap, ''), 1)).toEqual(['', true]);
    // 4 characters, 9 bytes.
    expect(look(memHeapStrdup(thr, env, heap, 'é€𝄞'), 10)).toEqual(['é€𝄞', true]);
    expect(memHeapValidate(thr, env, heap)).toEqual([]);
  });

  it('strdupl takes the first len bytes and ends them', () => {
    const { env, heap, thr, look } = setUp();
    const s = memHeapStrdupl(thr, env, heap, 'database/table', 8);
    expect(look(s, 9)).toEqual(['database', true]);
  });

  it('strcat takes l1 + l2 + 1', () => {
    const { env, heap, thr, look } = setUp();
    const a = memHeapStrdup(thr, env, heap, 'abcd');
    expect(look(memHeapStrcat(thr, env, heap, a, 'efg'), 8)).toEqual(['abcdefg', true]);
    expect(look(memHeapStrcat(thr, env, heap, a, 'efgh'), 9)).toEqual(['abcdefgh', true]);
    expect(look(memHeapStrcat(thr, env, heap, '', ''), 1)).toEqual(['', true]);
  });
});

describe('printf', () => {
  it.each<[string, (HeapStr | bigint)[], string]>([
    ['', [], ''],
    ['plain', [], 'plain'],
    ['%s', ['a string'], 'a string'],
    ['%lu', [0], '0'],
    ['%lu', [2n ** 64n - 1n], '18446744073709551615'],
    ['100%%', [], '100%'],
    ['%%%s%%%lu%%', ['x', 42], '%x%42%'],
    ['%s%s', ['', 'y'], 'y'],
    ['table %s, %lu rows (%lu%%)', ['t1', 12, 34n], 'table t1, 12 rows (34%)'],
    ['é%s', ['€'], 'é€'],
  ])('%o of %o', (format, args, text) => {
    const { env, heap, thr, look } = setUp();
    const at = memHeapPrintf(thr, env, heap, format, args);
    expect(look(at, new TextEncoder().encode(text).length + 1)).toEqual([text, true]);
    expect(memHeapValidate(thr, env, heap)).toEqual([]);
  });

  it('takes strings of the arena', () => {
    const { env, heap, thr, look } = setUp();
    const s = memHeapStrdup(thr, env, heap, 'abc');
    expect(look(memHeapPrintf(thr, env, heap, '<%s>', [s]), 6)).toEqual(['<abc>', true]);
  });

  it.each<[string, (HeapStr | bigint)[]]>([
    ['%ls', ['x']],
    ['%u', [1]],
    ['%l%', []],
    ['%d', [1]],
    ['%ld', [1]],
    ['%llu', [1]],
    ['%x', [1]],
    ['%', []],
    ['%l', []],
    ['%s', []],
    ['%s', [1n]],
    ['%lu', ['1']],
    ['%lu', [-1]],
    ['%lu', [1.5]],
    ['%lu', [2n ** 64n]],
    ['%s %d', ['x', 1]],
  ])('aborts on %o of %o, with nothing allocated', (format, args) => {
    const { env, heap, thr } = setUp();
    const top = memHeapGetHeapTop(thr, heap);
    expect(() => memHeapPrintf(thr, env, heap, format, args)).toThrow(/^mem_heap_printf/);
    expect(memHeapGetHeapTop(thr, heap)).toBe(top);
  });
});
