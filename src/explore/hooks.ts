/**
 * What transformed code calls: the contract between the transform (src/explore/transform) and whoever runs its output
 * (the engine, or the controlled mode on real threads). In a transformed module the object is the free variable `$x`.
 *
 * Scheduling points come in two halves. The first notes the operation that is about to happen and says whether the
 * thread must be suspended before it; the second performs it and returns its value. Transformed, with `S` the number of
 * the site:
 *
 * | source                             | explored                                                                |
 * |------------------------------------|-------------------------------------------------------------------------|
 * | `Atomics.load(a, i)`               | `($x.load(a, i, S) && (yield), $x.doLoad())`                            |
 * | `Atomics.store(a, i, v)`           | `($x.store(a, i, v, S) && (yield), $x.doStore())`                       |
 * | `Atomics.add(a, i, v)`, sub, and,  | `($x.rmw(RMW.add, a, i, v, S) && (yield), $x.doRmw())`                  |
 * | or, xor, exchange                  |                                                                         |
 * | `Atomics.compareExchange(a,i,e,r)` | `($x.cas(a, i, e, r, S) && (yield), $x.doCas())`                        |
 * | `Atomics.notify(a, i, n)`          | `($x.notify(a, i, n, S) && (yield), $x.doNotify())`                     |
 * | `Atomics.wait(a, i, v, t)`         | `($x.wait(a, i, v, t, S) && (yield), $x.doWait() && (yield), $x.waited())` |
 * | `Atomics.pause()`, and the body of | `($x.pause(S) && (yield), undefined)`                                   |
 * | a function marked `@explore pause` |                                                                         |
 * | `f(x)`, f coloured                 | `(yield* f(x))`                                                         |
 * | `a[i]`, a typed array              | `$x.r(a, i, S)`                                                         |
 * | `a[i] = v`                         | `$x.w(a, i, v, S)`                                                      |
 * | the same, plain accesses as points | `($x.pr(a, i, S) && (yield), $x.doR())`, `($x.pw(a, i, v, S) && (yield), $x.doW())` |
 * | `a.fill(v)`, set, copyWithin, ...  | `$x.bulk(a, 'fill', S, v)`                                              |
 * | `dv.getInt32(o)`                   | `$x.dv(dv, 'getInt32', S, o)`                                           |
 * | `new Int32Array(b)`                | `$x.view(Int32Array, S, b)`                                             |
 * | `new SharedArrayBuffer(n)`         | `$x.sab(n)`                                                             |
 *
 * In the *stateful* build, from which whole program states are hashed, each point also hands over the thread's locals
 * that are still in use, and each call of a coloured function keeps those of its caller:
 * `($x.load(a, i, S), $x.top([x, y]) && (yield), $x.doLoad())` and `$x.pop(yield* $x.sub(f(x), S, [x, y]))`.
 *
 * In the *controlled* build nothing is a generator: `$x.load(a, i, S)` blocks the real thread until it is its turn,
 * performs the operation and returns its value; likewise store, rmw, cas, notify, wait, pause, and r and w where plain
 * accesses are points (otherwise those stay as they are).
 */

/** Read-modify-write operations by number. */
export const RMW = { add: 0, sub: 1, and: 2, or: 3, xor: 4, exchange: 5 } as const;
export const RMW_NAMES = ['add', 'sub', 'and', 'or', 'xor', 'exchange'] as const;

/** Any array that Atomics or an element access may be applied to. */
export type AnyTypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** A number, or a bigint for 64-bit arrays. */
export type Element = number | bigint;

/** Hooks that both builds have: called in any function, coloured or not; they never suspend. */
export interface PlainHooks {
  /** `a[i]`. */
  r(a: AnyTypedArray, i: number, site: number): Element;
  /** `a[i] = v`; returns v. */
  w(a: AnyTypedArray, i: number, v: Element, site: number): Element;
  /** A method of a typed array that reads or writes a range: fill, set, copyWithin, subarray, slice, indexOf ... */
  bulk(a: AnyTypedArray, method: string, site: number, ...args: unknown[]): unknown;
  /** A get or set method of a DataView. */
  dv(view: DataView, method: string, site: number, ...args: unknown[]): unknown;
  /** `new Ctor(...)` for typed arrays and DataView: one object per buffer, offset and length. */
  view(ctor: new (...args: never[]) => AnyTypedArray | DataView, site: number, ...args: unknown[]): unknown;
  /** `new SharedArrayBuffer(bytes)`. */
  sab(bytes: number): SharedArrayBuffer;
  /** Clocks and random numbers of the run, in place of the machine's. */
  perfNow(): number;
  dateNow(): number;
  hrtimeBigint(): bigint;
  random(site: number): number;
  /**
   * An object has been made whose fields named here change after its construction (`#r = $x.reg(this, ['depth'])` as
   * the last field of the class). `hashed` is false for a class marked `@explore unhashed`. Returns undefined.
   */
  reg(object: object, fields: readonly string[], hashed: boolean): undefined;
}

/** Hooks of the explored build. The first halves return true when the thread must be suspended. */
export interface ExploreHooks extends PlainHooks {
  load(a: AnyTypedArray, i: number, site: number): boolean;
  doLoad(): Element;
  store(a: AnyTypedArray, i: number, v: Element, site: number): boolean;
  doStore(): Element;
  rmw(op: number, a: AnyTypedArray, i: number, v: Element, site: number): boolean;
  doRmw(): Element;
  cas(a: AnyTypedArray, i: number, e: Element, r: Element, site: number): boolean;
  doCas(): Element;
  notify(a: AnyTypedArray, i: number, count: number | undefined, site: number): boolean;
  doNotify(): number;
  wait(a: AnyTypedArray, i: number, v: Element, timeout: number | undefined, site: number): boolean;
  /** Performs the comparison; true: the thread is asleep now and must be suspended. */
  doWait(): boolean;
  waited(): 'ok' | 'not-equal' | 'timed-out';
  pause(site: number): boolean;
  pr(a: AnyTypedArray, i: number, site: number): boolean;
  doR(): Element;
  pw(a: AnyTypedArray, i: number, v: Element, site: number): boolean;
  doW(): Element;
  /** Stateful build: locals at this point; returns what the first half said. */
  top(locals: readonly unknown[]): boolean;
  /** Stateful build: a coloured call begins; returns the generator. */
  sub<G>(generator: G, site: number, locals: readonly unknown[]): G;
  /** Stateful build: a coloured call has returned; returns its value. */
  pop<T>(value: T): T;
  /** Stateful build: number of calls under way in this thread, to go back to in a catch or finally block. */
  depth(): number;
  cut(depth: number): void;
}

/** Hooks of the controlled build. */
export interface ControlledHooks extends PlainHooks {
  load(a: AnyTypedArray, i: number, site: number): Element;
  store(a: AnyTypedArray, i: number, v: Element, site: number): Element;
  rmw(op: number, a: AnyTypedArray, i: number, v: Element, site: number): Element;
  cas(a: AnyTypedArray, i: number, e: Element, r: Element, site: number): Element;
  notify(a: AnyTypedArray, i: number, count: number | undefined, site: number): number;
  wait(
    a: AnyTypedArray,
    i: number,
    v: Element,
    timeout: number | undefined,
    site: number,
  ): 'ok' | 'not-equal' | 'timed-out';
  pause(site: number): void;
}
