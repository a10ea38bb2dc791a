/** A common start: threads that come early sleep, since the last may still need their core to arrive. */

const ARRIVED = 0;
const OPEN = 1;
const LEFT = 2;

export function makeGate(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(12));
}

/** Returns when `threads` threads have called it. */
export function passGate(gate: Int32Array, threads: number): void {
  if (Atomics.add(gate, ARRIVED, 1) + 1 < threads) {
    Atomics.wait(gate, OPEN, 0);
    return;
  }
  Atomics.store(gate, OPEN, 1);
  Atomics.notify(gate, OPEN);
}

/** Says that the calling thread has done its batch. */
export function leaveGate(gate: Int32Array): void {
  Atomics.store(gate, LEFT, 1);
}

/** Whether a thread has done its batch. */
export function someLeft(gate: Int32Array): boolean {
  return Atomics.load(gate, LEFT) !== 0;
}
