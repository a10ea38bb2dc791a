/** Brings a build to life: each time with module instances of its own, bound to one hooks object. */
import { compileFunction } from 'node:vm';
import type { ControlledHooks, ExploreHooks, PlainHooks } from '../hooks.ts';
import { type Build, type BuildModule, MODULE_PARAMETERS } from './build.ts';

export interface Instance {
  /** What a module of the build exports, by its absolute path. @throws Error when the build has no such module */
  exports(file: string): Record<string, unknown>;
}

type Getter = () => unknown;
type Namespace = Record<string, unknown>;
type Code = (...parameters: readonly unknown[]) => void;

interface Running {
  readonly namespace: Namespace;
  /** What sets the imported names in modules that import this one. */
  readonly importers: (() => void)[];
  state: 'new' | 'running' | 'done';
}

const Generator = Object.getPrototypeOf(Object.getPrototypeOf((function* () {})()) as object) as object;

/**
 * @param externals modules to use for what the build imports from outside, by specifier; others are imported
 */
export async function instantiate(
  build: Build,
  hooks: ExploreHooks | ControlledHooks,
  externals: Readonly<Record<string, unknown>> = {},
): Promise<Instance> {
  const outside = new Map<string, Namespace>();
  for (const { imports } of build.modules) {
    for (const target of Object.values(imports)) {
      if (!('external' in target) || outside.has(target.external)) continue;
      const given = externals[target.external];
      outside.set(target.external, (given ?? (await import(target.external))) as Namespace);
    }
  }
  const running = new Map<string, Running>();
  const modules = new Map<string, BuildModule>();
  for (const m of build.modules) {
    modules.set(m.file, m);
    running.set(m.file, { namespace: {}, importers: [], state: 'new' });
  }
  const Box = boxClass(hooks);
  const get = (file: string): Running => {
    const found = running.get(file);
    if (found === undefined) throw new Error(`the build has no module ${file}`);
    return found;
  };

  const run = (module: BuildModule): void => {
    const self = get(module.file);
    if (self.state !== 'new') return;
    self.state = 'running';
    const tellImporters = (): void => {
      for (const tell of self.importers) tell();
    };
    const importModule = (specifier: string, set: (from: Namespace) => void): void => {
      const target = module.imports[specifier];
      if ('external' in target) {
        set(outside.get(target.external) ?? {});
        return;
      }
      const from = get(target.file);
      const imported = modules.get(target.file);
      if (imported !== undefined) run(imported);
      if (from.state === 'done') set(from.namespace);
      else {
        // A cycle: what is there already, and the rest as soon as it is.
        const tell = (): void => {
          set(quiet(from.namespace));
        };
        from.importers.push(tell);
        tell();
      }
    };
    const exportNames = (
      getters: Readonly<Record<string, Getter>>,
      ...stars: readonly (() => Namespace)[]
    ): void => {
      for (const [name, read] of Object.entries(getters)) {
        Object.defineProperty(self.namespace, name, { get: read, enumerable: true, configurable: true });
      }
      if (stars.length > 0) starsOf.set(self, stars);
    };
    const code = compileFunction(module.code, [...MODULE_PARAMETERS], { filename: module.file }) as Code;
    code(hooks, importModule, exportNames, tellImporters, guardIn(module.file), Box, `file://${module.file}`);
    for (const star of starsOf.get(self) ?? []) addAll(self.namespace, star());
    self.state = 'done';
    tellImporters();
  };
  const starsOf = new Map<Running, readonly (() => Namespace)[]>();
  for (const module of build.modules) run(module);
  return { exports: (file) => get(file).namespace };
}

/** `export *`: all names but `default` and those that the module has itself. */
function addAll(to: Namespace, from: Namespace): void {
  for (const name of Object.keys(from)) {
    if (name === 'default' || Object.hasOwn(to, name)) continue;
    Object.defineProperty(to, name, { get: () => from[name], enumerable: true, configurable: true });
  }
}

/** A module in the middle of its evaluation: what is not there yet reads as undefined. */
function quiet(namespace: Namespace): Namespace {
  const out: Namespace = {};
  for (const name of Object.keys(namespace)) {
    try {
      out[name] = namespace[name];
    } catch (e) {
      if (!(e instanceof ReferenceError)) throw e;
    }
  }
  return out;
}

/** Checks the result of a call of which nothing was known: an engine-run function would have done nothing yet. */
function guardIn(file: string): <T>(value: T, at: string) => T {
  return (value, at) => {
    if (typeof value === 'object' && value !== null && Generator.isPrototypeOf(value)) {
      throw new Error(
        `${file}:${at}: this calls a function that may block through a value whose type says nothing about it; ` +
          'give it a function type',
      );
    }
    return value;
  };
}

/** A variable that closures change, as an object that the engine knows. */
function boxClass(hooks: PlainHooks): new (v: unknown) => { v: unknown } {
  return class Box {
    v: unknown;

    constructor(v: unknown) {
      this.v = v;
      hooks.reg(this, ['v'], true);
    }
  };
}
