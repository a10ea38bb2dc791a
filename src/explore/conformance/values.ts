/** Operands, arrays and results of the conformance programs. */

/** Anything that a careless program may hand to Atomics. */
export type Operand = unknown;

export const INTEGER_KINDS = [
  'Int8Array',
  'Uint8Array',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'BigInt64Array',
  'BigUint64Array',
] as const;
/** Typed arrays that Atomics refuses, and what is none. */
export const REFUSED_KINDS = [
  'Uint8ClampedArray',
  'Float32Array',
  'Float64Array',
  'DataView',
  'Array',
  'null',
] as const;
export type Kind = (typeof INTEGER_KINDS)[number] | (typeof REFUSED_KINDS)[number];

/** A view of eight bytes or more from an offset on, typed as one of them: what it really is is the point. */
export function viewOf(kind: Kind, buffer: ArrayBufferLike, offset: number): Int32Array {
  return anyView(kind, buffer, offset) as Int32Array;
}

function anyView(kind: Kind, buffer: ArrayBufferLike, offset: number): unknown {
  switch (kind) {
    case 'Int8Array':
      return new Int8Array(buffer, offset, 8);
    case 'Uint8Array':
      return new Uint8Array(buffer, offset, 8);
    case 'Int16Array':
      return new Int16Array(buffer, offset, 4);
    case 'Uint16Array':
      return new Uint16Array(buffer, offset, 4);
    case 'Int32Array':
      return new Int32Array(buffer, offset, 4);
    case 'Uint32Array':
      return new Uint32Array(buffer, offset, 4);
    case 'BigInt64Array':
      return new BigInt64Array(buffer, offset, 4);
    case 'BigUint64Array':
      return new BigUint64Array(buffer, offset, 4);
    case 'Uint8ClampedArray':
      return new Uint8ClampedArray(buffer, offset, 8);
    case 'Float32Array':
      return new Float32Array(buffer, offset, 4);
    case 'Float64Array':
      return new Float64Array(buffer, offset, 4);
    case 'DataView':
      return new DataView(buffer, offset, 8);
    case 'Array':
      return [1, 2, 3];
    default:
      return null;
  }
}

export const isBig = (kind: Kind): boolean => kind === 'BigInt64Array' || kind === 'BigUint64Array';

/** Converted to 3 by whatever converts objects. */
const three = { valueOf: () => 3 };
const bigThree = { valueOf: () => 3n };
const failing = {
  valueOf: () => {
    throw new EvalError('no value');
  },
};

// prettier-ignore
const NUMBERS: readonly Operand[] = [
  0, 1, -1, 2, 127, 128, 129, 255, 256, -128, -129, 32767, 32768, 65535, 65536, -32769,
  2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 5, 2 ** 53, -1e20,
  1e300,
  1.5, -1.5, 0.999999, -0.5, NaN, -0, Infinity, -Infinity, Number.MIN_VALUE,
];
// prettier-ignore
const BIGINTS: readonly Operand[] = [
  0n, 1n, -1n, 255n, 2n ** 31n, 2n ** 32n, 2n ** 53n + 1n,
  2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 64n + 5n,
  2n ** 200n,
];
// prettier-ignore
const OTHERS: readonly Operand[] = [
  '12', '  7 ', '-3', '0x10', '1e3', '', 'x', '1.5',
  true, false, null, undefined, three, bigThree, failing, [], [5], [1, 2], {}, Symbol('s'),
];

/** For every kind, the wrong ones among them. */
export const OPERANDS: readonly Operand[] = [...NUMBERS, ...BIGINTS, ...OTHERS];

// prettier-ignore
export const INDEXES: readonly Operand[] = [
  0, 1, 3, 4, 7, 8, 100, -1, -0, 0.5, 1.9, -0.5, -1.5, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 32,
  2 ** 53,
  '1', '', 'x', ' 2 ', '-1', true, false, null, undefined, three, failing, [1], {}, 1n, Symbol('i'),
];

/** Kept apart from 0, and with its type: what is compared is text. */
export function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (Object.is(value, -0)) return '-0';
  return typeof value === 'string' ? `'${value}'` : String(value);
}

/** The class of an error: messages are V8's own business. */
export function showError(error: unknown): string {
  return error instanceof Error ? error.name : `threw ${show(error)}`;
}
