/**
 * The hooks of the controlled build where nobody else runs: set-up, the final check, rules about the state. Everything
 * is done at once, on the real memory. Clocks and random numbers are those of the engine's virtual world.
 */
import { timeoutOf } from '../engine/atomics.ts';
import { type AnyTypedArray, type ControlledHooks, type Element, RMW } from '../hooks.ts';
import { VirtualWorld } from './virtual-world.ts';

/** `Atomics` takes an array of any kind: types know no such function, so they are told that it is one of 64 bits. */
type Big = BigInt64Array;
type Rmw = (a: Big, i: number, v: bigint) => bigint;
type Method = (...args: unknown[]) => unknown;

const RMW_FUNCTIONS: Readonly<Record<number, Rmw>> = {
  [RMW.add]: (a, i, v) => Atomics.add(a, i, v),
  [RMW.sub]: (a, i, v) => Atomics.sub(a, i, v),
  [RMW.and]: (a, i, v) => Atomics.and(a, i, v),
  [RMW.or]: (a, i, v) => Atomics.or(a, i, v),
  [RMW.xor]: (a, i, v) => Atomics.xor(a, i, v),
  [RMW.exchange]: (a, i, v) => Atomics.exchange(a, i, v),
};

export class DirectHooks implements ControlledHooks {
  /** What `new SharedArrayBuffer` gives. */
  private readonly allocate: (bytes: number) => SharedArrayBuffer;
  private readonly world = new VirtualWorld();

  constructor(allocate: (bytes: number) => SharedArrayBuffer) {
    this.allocate = allocate;
  }

  load(a: AnyTypedArray, i: number, _site: number): Element {
    return Atomics.load(a as Big, i);
  }

  store(a: AnyTypedArray, i: number, v: Element, _site: number): Element {
    return Atomics.store(a as Big, i, v as bigint);
  }

  rmw(op: number, a: AnyTypedArray, i: number, v: Element, _site: number): Element {
    return RMW_FUNCTIONS[op](a as Big, i, v as bigint);
  }

  cas(a: AnyTypedArray, i: number, e: Element, r: Element, _site: number): Element {
    return Atomics.compareExchange(a as Big, i, e as bigint, r as bigint);
  }

  notify(a: AnyTypedArray, i: number, count: number | undefined, _site: number): number {
    return Atomics.notify(a as Big, i, count);
  }

  wait(
    a: AnyTypedArray,
    i: number,
    v: Element,
    timeout: number | undefined,
    _site: number,
  ): 'ok' | 'not-equal' | 'timed-out' {
    const answer = Atomics.wait(a as Big, i, v as bigint, 0);
    if (answer === 'timed-out' && timeoutOf(timeout) > 0) {
      throw new Error('set-up or a check would sleep for ever in Atomics.wait');
    }
    return answer;
  }

  pause(_site: number): void {}

  r(a: AnyTypedArray, i: number, _site: number): Element {
    return a[i];
  }

  w(a: AnyTypedArray, i: number, v: Element, _site: number): Element {
    (a as { [index: number]: Element })[i] = v;
    return v;
  }

  bulk(a: AnyTypedArray, method: string, _site: number, ...args: unknown[]): unknown {
    return (a as unknown as Record<string, Method>)[method](...args);
  }

  dv(view: DataView, method: string, _site: number, ...args: unknown[]): unknown {
    return (view as unknown as Record<string, Method>)[method](...args);
  }

  view(
    ctor: new (...args: never[]) => AnyTypedArray | DataView,
    _site: number,
    ...args: unknown[]
  ): AnyTypedArray | DataView {
    return new ctor(...(args as never[]));
  }

  sab(bytes: number): SharedArrayBuffer {
    return this.allocate(bytes);
  }

  /** The clock and the random numbers that the program has now. */
  protected get time(): VirtualWorld {
    return this.world;
  }

  perfNow(): number {
    return this.time.read();
  }

  dateNow(): number {
    return Math.trunc(this.time.read());
  }

  hrtimeBigint(): bigint {
    return BigInt(Math.trunc(this.time.read() * 1000)) * 1000n;
  }

  random(_site: number): number {
    return this.time.random();
  }

  reg(_object: object, _fields: readonly string[], _hashed: boolean): undefined {
    return undefined;
  }
}
