/** For tests of the transform: hooks that do what the source does, and small programs that are not on disk. */
import { ts } from '@ts-morph/common';
import type { AnyTypedArray, Element, ExploreHooks } from '../hooks.ts';
import { type Build, type BuildOptions, TransformError } from './build.ts';
import { Host } from './host.ts';

type Atomic = Int32Array;

const MOST_STEPS = 1_000_000;

const RMW_DO: readonly ((a: Atomic, i: number, v: number) => number)[] = [
  (a, i, v) => Atomics.add(a, i, v),
  (a, i, v) => Atomics.sub(a, i, v),
  (a, i, v) => Atomics.and(a, i, v),
  (a, i, v) => Atomics.or(a, i, v),
  (a, i, v) => Atomics.xor(a, i, v),
  (a, i, v) => Atomics.exchange(a, i, v),
];

/** Performs each operation at once. Sleeping returns `timed-out`. */
export class PassHooks implements ExploreHooks {
  /** Whether threads are suspended at every point. */
  readonly suspend: boolean;
  /** Hook calls in their order: name and site. */
  readonly log: string[] = [];
  readonly registered: {
    readonly object: object;
    readonly fields: readonly string[];
    readonly hashed: boolean;
  }[] = [];
  readonly tops: (readonly unknown[])[] = [];
  frames = 0;
  private todo: () => unknown = () => undefined;
  private result: unknown;

  constructor(suspend = true) {
    this.suspend = suspend;
  }

  private note(name: string, site: number): void {
    this.log.push(`${name} ${site}`);
    if (this.log.length > MOST_STEPS) throw new Error('this does not end');
  }

  private first(name: string, site: number, todo: () => unknown): boolean {
    this.note(name, site);
    this.todo = todo;
    return this.suspend;
  }

  private second(): Element {
    this.result = this.todo();
    return this.result as Element;
  }

  load(a: AnyTypedArray, i: number, site: number): boolean {
    return this.first('load', site, () => Atomics.load(a as Atomic, i));
  }
  doLoad(): Element {
    return this.second();
  }
  store(a: AnyTypedArray, i: number, v: Element, site: number): boolean {
    return this.first('store', site, () => Atomics.store(a as Atomic, i, v as number));
  }
  doStore(): Element {
    return this.second();
  }
  rmw(op: number, a: AnyTypedArray, i: number, v: Element, site: number): boolean {
    return this.first('rmw', site, () => RMW_DO[op](a as Atomic, i, v as number));
  }
  doRmw(): Element {
    return this.second();
  }
  cas(a: AnyTypedArray, i: number, e: Element, r: Element, site: number): boolean {
    const run = (): number => Atomics.compareExchange(a as Atomic, i, e as number, r as number);
    return this.first('cas', site, run);
  }
  doCas(): Element {
    return this.second();
  }
  notify(a: AnyTypedArray, i: number, count: number | undefined, site: number): boolean {
    return this.first('notify', site, () => Atomics.notify(a as Atomic, i, count));
  }
  doNotify(): number {
    return this.second() as number;
  }
  wait(a: AnyTypedArray, i: number, v: Element, _timeout: number | undefined, site: number): boolean {
    return this.first('wait', site, () => (Atomics.load(a as Atomic, i) === v ? 'timed-out' : 'not-equal'));
  }
  doWait(): boolean {
    return (this.second() as unknown) === 'timed-out';
  }
  waited(): 'ok' | 'not-equal' | 'timed-out' {
    return this.result as 'timed-out';
  }
  pause(site: number): boolean {
    return this.first('pause', site, () => undefined);
  }
  pr(a: AnyTypedArray, i: number, site: number): boolean {
    return this.first('pr', site, () => a[i]);
  }
  doR(): Element {
    return this.second();
  }
  pw(a: AnyTypedArray, i: number, v: Element, site: number): boolean {
    return this.first('pw', site, () => (a[i] = v));
  }
  doW(): Element {
    return this.second();
  }
  top(locals: readonly unknown[]): boolean {
    this.tops.push(locals);
    return this.suspend;
  }
  sub<G>(generator: G): G {
    this.frames++;
    return generator;
  }
  pop<T>(value: T): T {
    this.frames--;
    return value;
  }
  depth(): number {
    return this.frames;
  }
  cut(depth: number): void {
    this.frames = depth;
  }
  r(a: AnyTypedArray, i: number, site: number): Element {
    this.note('r', site);
    return a[i];
  }
  w(a: AnyTypedArray, i: number, v: Element, site: number): Element {
    this.note('w', site);
    return (a[i] = v);
  }
  bulk(a: AnyTypedArray, method: string, site: number, ...args: unknown[]): unknown {
    this.note('bulk', site);
    return (a as unknown as Record<string, (...args: unknown[]) => unknown>)[method](...args);
  }
  dv(view: DataView, method: string, site: number, ...args: unknown[]): unknown {
    this.note('dv', site);
    return (view as unknown as Record<string, (...args: unknown[]) => unknown>)[method](...args);
  }
  view(ctor: new (...args: never[]) => AnyTypedArray | DataView, site: number, ...args: unknown[]): unknown {
    this.note('view', site);
    return new ctor(...(args as never[]));
  }
  sab(bytes: number): SharedArrayBuffer {
    return new SharedArrayBuffer(bytes);
  }
  perfNow(): number {
    return 111;
  }
  dateNow(): number {
    return 222;
  }
  hrtimeBigint(): bigint {
    return 333n;
  }
  random(): number {
    return 0.25;
  }
  reg(object: object, fields: readonly string[], hashed: boolean): undefined {
    this.registered.push({ object, fields, hashed });
    return undefined;
  }
}

/** Calls a function of a build to its end, generator or not. */
export function drive(fn: unknown, ...args: readonly unknown[]): unknown {
  const result = (fn as (...args: readonly unknown[]) => unknown)(...args);
  if (Object.prototype.toString.call(result) !== '[object Generator]') return result;
  const running = result as Generator<undefined, unknown, undefined>;
  for (;;) {
    const { done, value } = running.next();
    if (done === true) return value;
  }
}

export const MAIN = '/virtual/main.ts';

const host = new Host('/virtual');

/** Builds small programs: files by name, the one to ask for is `main.ts`. */
export function buildOf(
  files: Readonly<Record<string, string>> | string,
  options: Partial<Omit<BuildOptions, 'entry' | 'overlay'>> = {},
): Build {
  const all = typeof files === 'string' ? { 'main.ts': files } : files;
  const overlay = new Map(Object.entries(all).map(([name, text]) => [`/virtual/${name}`, text]));
  return host.build({ entry: [MAIN], dialect: 'explore', plain: 'race', state: false, ...options, overlay });
}

/** What is refused, as `line:column message`; empty when nothing is. */
export function refusalsOf(
  files: Readonly<Record<string, string>> | string,
  options: Partial<Omit<BuildOptions, 'entry' | 'overlay'>> = {},
): string[] {
  try {
    buildOf(files, options);
    return [];
  } catch (e) {
    if (!(e instanceof TransformError)) throw e;
    return e.refusals.map((r) => `${r.line}:${r.column} ${r.message}`);
  }
}

/** The exports of a program as the TypeScript compiler makes them, without the transform. */
export function plainExports(source: string): Record<string, unknown> {
  const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 };
  const { outputText } = ts.transpileModule(source, { compilerOptions: options });
  const exports: Record<string, unknown> = {};
  // The programs are those of the tests.
  // oxlint-disable-next-line no-implied-eval
  new Function('exports', outputText)(exports);
  return exports;
}
