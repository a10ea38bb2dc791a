/** Methods of typed arrays and DataViews on shared memory, as reads and writes of ranges of bytes. */
import type { AnyTypedArray } from '../hooks.ts';

/** What the machine offers: bytes count over all buffers. */
export interface Ranges {
  /** First byte of a view, −1 when it is not on shared memory. */
  startOf(view: AnyTypedArray | DataView): number;
  /** The one view of a shared buffer; undefined for other buffers. */
  viewOf(ctor: unknown, buffer: unknown, offset: number, length: number): unknown;
  read(byte: number, size: number, site: number): void;
  write(byte: number, size: number, site: number, perform: () => void): void;
}

/** An index argument as the array methods take it: from the end when negative, within the array. */
function index(value: unknown, length: number, otherwise: number): number {
  if (value === undefined) return otherwise;
  const n = Math.trunc(Number(value)) || 0;
  return n < 0 ? Math.max(0, length + n) : Math.min(n, length);
}

/** Performs `array[method](...args)`. */
export function bulkAccess(
  ranges: Ranges,
  array: AnyTypedArray,
  method: string,
  site: number,
  args: readonly unknown[],
): unknown {
  const perform = (): unknown =>
    (Reflect.get(array, method) as (...a: readonly unknown[]) => unknown).apply(array, args as unknown[]);
  // Through `any` it may be a Map, or an array of anything.
  if (!ArrayBuffer.isView(array)) return perform();
  const start = ranges.startOf(array);
  const { length, BYTES_PER_ELEMENT: width } = array;
  const write = (from: number, to: number): unknown => {
    let result: unknown;
    if (start < 0 || to <= from) return perform();
    ranges.write(start + from * width, (to - from) * width, site, () => {
      result = perform();
    });
    return result;
  };
  const read = (from: number, to: number): void => {
    if (start >= 0 && to > from) ranges.read(start + from * width, (to - from) * width, site);
  };
  switch (method) {
    case 'fill':
      return write(index(args[1], length, 0), index(args[2], length, length));
    case 'set': {
      const source = args[0] as ArrayLike<unknown>;
      if (ArrayBuffer.isView(source)) {
        const from = ranges.startOf(source as AnyTypedArray);
        if (from >= 0) ranges.read(from, (source as AnyTypedArray).byteLength, site);
      }
      const at = Number(args[1] ?? 0);
      return write(at, Math.min(length, at + source.length));
    }
    case 'copyWithin': {
      const to = index(args[0], length, 0);
      const from = index(args[1], length, 0);
      const count = Math.min(index(args[2], length, length) - from, length - to);
      read(from, from + Math.max(0, count));
      return write(to, to + Math.max(0, count));
    }
    case 'reverse':
    case 'sort':
      read(0, length);
      return write(0, length);
    case 'subarray': {
      const from = index(args[0], length, 0);
      const to = Math.max(from, index(args[1], length, length));
      const made = ranges.viewOf(array.constructor, array.buffer, array.byteOffset + from * width, to - from);
      return made ?? perform();
    }
    case 'slice':
      read(index(args[0], length, 0), index(args[1], length, length));
      return perform();
    default:
      read(0, length);
      return perform();
  }
}

/** Performs `view[method](...args)` of a DataView: getInt32 and its like. */
export function dataViewAccess(
  ranges: Ranges,
  view: DataView,
  method: string,
  site: number,
  args: readonly unknown[],
): unknown {
  const perform = (): unknown =>
    (Reflect.get(view, method) as (...a: readonly unknown[]) => unknown).apply(view, args as unknown[]);
  const bits = /\d+$/.exec(method)?.[0];
  const start = ranges.startOf(view);
  const at = Number(args[0]);
  if (bits === undefined || start < 0 || !(at >= 0 && at + Number(bits) / 8 <= view.byteLength))
    return perform();
  if (method.startsWith('get')) {
    ranges.read(start + at, Number(bits) / 8, site);
    return perform();
  }
  ranges.write(start + at, Number(bits) / 8, site, perform);
  return undefined;
}
