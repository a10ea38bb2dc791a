/** A three-state mutex for the modules beside it: 0 free, 1 held, 2 held and somebody may sleep. */
export class SmallMutex {
  protected readonly m: Int32Array;
  protected readonly at: number;

  constructor(m: Int32Array, at: number) {
    this.m = m;
    this.at = at;
  }

  lock(): void {
    if (Atomics.compareExchange(this.m, this.at, 0, 1) === 0) return;
    while (Atomics.exchange(this.m, this.at, 2) !== 0) Atomics.wait(this.m, this.at, 2);
  }

  unlock(): void {
    if (Atomics.exchange(this.m, this.at, 0) === 2) Atomics.notify(this.m, this.at, 1);
  }
}
