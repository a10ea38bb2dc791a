/** Quantities of more than 32 bits in two words, low word first. As JavaScript numbers they are exact below 2^53. */

const TWO_32 = 4294967296;

/** Reads a two-word number. The guard of the field must be held, or the value may be torn. */
export function getU53(mem: Int32Array, at: number): number {
  return (mem[at + 1] >>> 0) * TWO_32 + (mem[at] >>> 0);
}

/** Writes a two-word number, 0 <= value < 2^53. The guard of the field must be held. */
export function setU53(mem: Int32Array, at: number, value: number): void {
  mem[at] = value | 0;
  mem[at + 1] = (value / TWO_32) | 0;
}

/** Adds to a two-word number and returns the sum. The guard of the field must be held. */
export function addU53(mem: Int32Array, at: number, delta: number): number {
  const sum = getU53(mem, at) + delta;
  setU53(mem, at, sum);
  return sum;
}

/** Reads a two-word number that may be below 0, modulo 2^64. The guard of the field must be held. */
export function getS53(mem: Int32Array, at: number): number {
  return mem[at + 1] * TWO_32 + (mem[at] >>> 0);
}

/** Writes one, -2^53 < value < 2^53. The guard of the field must be held. */
export function setS53(mem: Int32Array, at: number, value: number): void {
  const low = value | 0;
  mem[at] = low;
  // Most are small.
  mem[at + 1] = low === value ? low >> 31 : (value - (low >>> 0)) / TWO_32;
}

/** Adds to one and returns the sum. The guard of the field must be held. */
export function addS53(mem: Int32Array, at: number, delta: number): number {
  const sum = getS53(mem, at) + delta;
  setS53(mem, at, sum);
  return sum;
}
