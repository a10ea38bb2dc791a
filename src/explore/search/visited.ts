/**
 * States seen: an open-addressing table from 128-bit keys to state numbers (from 0, in the order of first sight), with
 * one byte for each state: the largest budget of preemptions with which it was explored. All in typed arrays; a state
 * costs 20 bytes at a load of one half to three quarters, and one byte more.
 */

/** Ints of a slot: the key's four lanes, and the number of the state plus 1 (0: an empty slot). */
const STRIDE = 5;
const FIRST_CAPACITY = 1 << 12;
/** Budgets above count as this one: without bound. */
export const MAX_BUDGET = 255;

export class Visited {
  /** States seen. */
  size = 0;
  private slots = new Int32Array(FIRST_CAPACITY * STRIDE);
  private mask = FIRST_CAPACITY - 1;
  private budgets = new Uint8Array(FIRST_CAPACITY);

  /** Number of a state, −1 when it was never seen. */
  find(key: Int32Array): number {
    return this.slots[this.slotOf(key) + STRIDE - 1] - 1;
  }

  /**
   * The state is about to be explored with this budget (0 ... MAX_BUDGET) unless it was already with at least as much.
   * @returns its number when it is to be explored, −1 − number when not
   */
  enter(key: Int32Array, budget: number): number {
    const at = this.slotOf(key);
    const known = this.slots[at + STRIDE - 1] - 1;
    if (known >= 0) {
      if (this.budgets[known] >= budget) return -1 - known;
      this.budgets[known] = budget;
      return known;
    }
    const { slots } = this;
    const number = this.size++;
    slots[at] = key[0];
    slots[at + 1] = key[1];
    slots[at + 2] = key[2];
    slots[at + 3] = key[3];
    slots[at + 4] = number + 1;
    if (number === this.budgets.length) {
      const budgets = new Uint8Array(number * 2);
      budgets.set(this.budgets);
      this.budgets = budgets;
    }
    this.budgets[number] = budget;
    if (this.size * 4 > (this.mask + 1) * 3) this.grow();
    return number;
  }

  /** Where the key's slot begins, or the empty one where it belongs. */
  private slotOf(key: Int32Array): number {
    const { slots, mask } = this;
    const k0 = key[0];
    for (let i = k0 & mask; ; i = (i + 1) & mask) {
      const at = i * STRIDE;
      if (slots[at + 4] === 0) return at;
      if (
        slots[at] === k0 &&
        slots[at + 1] === key[1] &&
        slots[at + 2] === key[2] &&
        slots[at + 3] === key[3]
      ) {
        return at;
      }
    }
  }

  private grow(): void {
    const old = this.slots;
    const capacity = (this.mask + 1) * 2;
    this.slots = new Int32Array(capacity * STRIDE);
    this.mask = capacity - 1;
    for (let from = 0; from < old.length; from += STRIDE) {
      if (old[from + 4] === 0) continue;
      let i = old[from] & this.mask;
      while (this.slots[i * STRIDE + 4] !== 0) i = (i + 1) & this.mask;
      for (let k = 0; k < STRIDE; k++) this.slots[i * STRIDE + k] = old[from + k];
    }
  }
}
