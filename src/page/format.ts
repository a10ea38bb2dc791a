/** Numbers as the pages write them, on the server's side and in the browser. */

const NONE = '–';
const KIB = 1024;

/** `12,345`. */
export function int(n: number): string {
  return Number.isFinite(n) ? Math.round(n).toLocaleString('en-US') : NONE;
}

/** `1 node`, `1,000 nodes`. */
export const counted = (n: number, what: string): string => `${int(n)} ${what}${n === 1 ? '' : 's'}`;

/** Three digits that count, more before the point if there are more. */
export function num(n: number): string {
  if (!Number.isFinite(n)) return NONE;
  const size = Math.abs(n);
  if (size >= 100 || Number.isInteger(n)) return int(n);
  return fixed(n, size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** `12,345.60`. */
export function fixed(n: number, digits: number): string {
  if (!Number.isFinite(n)) return NONE;
  return n.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A share of 1 as `45.6 %`. */
export const percent = (share: number, digits = 1): string =>
  Number.isFinite(share) ? `${fixed(100 * share, digits)} %` : NONE;

/** A time in microseconds, in the unit that suits it. */
export function micros(us: number): string {
  if (!Number.isFinite(us)) return NONE;
  if (us >= 1e6) return `${num(us / 1e6)} s`;
  return us >= 1000 ? `${num(us / 1000)} ms` : `${num(us)} µs`;
}

/** `1.5 MiB`. */
export function bytes(n: number): string {
  if (!Number.isFinite(n)) return NONE;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (Math.abs(n) >= KIB && unit < units.length - 1) {
    n /= KIB;
    unit++;
  }
  return `${num(n)} ${units[unit]}`;
}
