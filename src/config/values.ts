/** Reading and showing the values of options: what MySQL's `my_getopt` accepts, and nothing looser. */

/** 2^64 - 1, which MySQL uses for "no limit"; Infinity here. */
export const U64_MAX = 2n ** 64n - 1n;

const SUFFIXES = 'KMGTPE';

/**
 * An integer, with a suffix K, M, G, T, P or E (powers of 1024, either case) where `suffixes` allows it.
 * @returns null when the text is anything else
 */
export function readInteger(text: string, suffixes: boolean): bigint | null {
  const match = /^\s*([+-]?\d+)([kmgtpe]?)\s*$/i.exec(text);
  if (match === null || (match[2] !== '' && !suffixes)) return null;
  const power = match[2] === '' ? 0 : SUFFIXES.indexOf(match[2].toUpperCase()) + 1;
  return BigInt(match[1]) << BigInt(10 * power);
}

/** A decimal number, also with an exponent. @returns null when the text is anything else, or not finite */
export function readDecimal(text: string): number | null {
  if (!/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text)) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

/** ON, TRUE, 1, OFF, FALSE, 0 in either case. @returns null when the text is anything else */
export function readSwitch(text: string): boolean | null {
  switch (text.trim().toUpperCase()) {
    case 'ON':
    case 'TRUE':
    case '1':
      return true;
    case 'OFF':
    case 'FALSE':
    case '0':
      return false;
    default:
      return null;
  }
}

/** Exact up to 2^53; the nearest double above; Infinity for 2^64 - 1. */
export function toNumber(value: bigint): number {
  return value === U64_MAX ? Infinity : Number(value);
}

/** The inverse of `toNumber`. */
export function toInteger(value: number): bigint {
  return value === Infinity ? U64_MAX : BigInt(value);
}

/** A whole number as MySQL shows it. */
export function showInteger(value: number): string {
  return toInteger(value).toString();
}

/** A number of bytes in the largest unit that divides it: `128M`, `8912`. */
export function showBytes(value: number): string {
  const exact = toInteger(value);
  if (exact === 0n) return '0';
  for (let power = SUFFIXES.length; power > 0; power--) {
    const unit = 1n << BigInt(10 * power);
    if (exact % unit === 0n) return `${exact / unit}${SUFFIXES[power - 1]}`;
  }
  return exact.toString();
}

/** A text of the user's, made fit for a message of one line. */
export function oneLine(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replaceAll(String.raw`\"`, '"');
}
