/**
 * Makes builds. One TypeScript program stays warm from build to build: a file is parsed, looked through and rendered
 * again only when something that concerns it has changed, so that a mutant of one file costs little.
 */
import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import { ts } from '@ts-morph/common';
import { analyse } from './analyse.ts';
import {
  type Build,
  type BuildModule,
  type BuildOptions,
  type ImportTarget,
  type Refusal,
  TransformError,
} from './build.ts';
import { type Emitted, emitModule } from './emit-module.ts';
import { Sources } from './program.ts';
import { DiskCache } from './disk-cache.ts';
import { isFile, OWN_ENTRY, resolveSource } from './resolve.ts';
import { shapeOf } from './shape.ts';
import { type Colours, solve } from './solve.ts';
import type { FileSummary } from './summary.ts';

const hash = (...texts: readonly string[]): string => {
  const h = createHash('sha256');
  for (const text of texts) h.update(text).update('\0');
  return h.digest('hex').slice(0, 24);
};

interface Cached<T> {
  readonly key: string;
  readonly value: T;
}

const MOST_BUILDS = 64;

export class Host {
  private readonly root: string;
  private readonly sources = new Sources();
  private readonly summaries = new Map<string, Cached<FileSummary>>();
  private readonly emitted = new Map<string, Cached<Emitted>>();
  private readonly builds = new Map<string, Build>();
  private readonly imports = new Map<string, Cached<readonly Import[]>>();

  private readonly disk: DiskCache | null;

  /**
   * @param root directory that paths are shown relative to
   * @param o.cache keep builds of unchanged sources in the root's node_modules/.cache; default true
   */
  constructor(root: string, o: { readonly cache?: boolean } = {}) {
    this.root = root;
    this.disk = o.cache === false ? null : new DiskCache(root);
  }

  /** @throws TransformError when something that the entry modules reach cannot be explored. */
  build(o: BuildOptions): Build {
    const overlay = o.overlay ?? new Map<string, string>();
    const texts = this.closure(o.entry, overlay);
    const fingerprint = this.fingerprint(o, texts);
    // Changed sources are of the moment: mutants, and modules that are nowhere on disk.
    const disk = overlay.size === 0 ? this.disk : null;
    const known = this.builds.get(fingerprint) ?? disk?.read(fingerprint);
    if (known !== undefined) {
      this.builds.set(fingerprint, known);
      return known;
    }
    const program = this.sources.update(o.entry, overlay);
    const checker = program.getTypeChecker();
    const files = order(o.entry, texts);
    const summaries = this.summarise(program, checker, files, texts);
    const isExplore = o.dialect === 'explore';
    const plain = o.plain !== 'race';
    const entry = new Set(o.entry);
    const colours = solve({ files: summaries, entry, plain, colour: isExplore });
    const build = this.assemble(o, program, files, texts, summaries, colours, fingerprint);
    if (this.builds.size >= MOST_BUILDS) this.builds.delete([...this.builds.keys()][0]);
    this.builds.set(fingerprint, build);
    disk?.write(build);
    return build;
  }

  /** Names of the values that a module exports, as the checker sees them. */
  exportNames(file: string): string[] {
    const program = this.sources.update([file], new Map());
    const checker = program.getTypeChecker();
    const source = program.getSourceFile(file);
    const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
    if (module === undefined) return [];
    return checker.getExportsOfModule(module).flatMap((symbol) => {
      const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
      const { flags } = isAlias ? checker.getAliasedSymbol(symbol) : symbol;
      // What comes from outside is unknown, and may be a value.
      return (flags & ts.SymbolFlags.Value) !== 0 || symbol.flags === ts.SymbolFlags.Alias
        ? [symbol.name]
        : [];
    });
  }

  private show(file: string): string {
    const path = relative(this.root, file);
    return path.startsWith('..') ? file : path;
  }

  /** All files that the entry modules import at run time or for their types, with their texts. */
  private closure(entry: readonly string[], overlay: ReadonlyMap<string, string>): Map<string, SourceText> {
    const found = new Map<string, SourceText>();
    const todo = [...entry];
    for (let file = todo.pop(); file !== undefined; file = todo.pop()) {
      if (found.has(file)) continue;
      const text = overlay.get(file) ?? this.sources.read(file);
      if (text === undefined) throw new Error(`${this.show(file)}: no such file`);
      const imports = file.endsWith('.json') ? [] : this.importsOf(file, text, overlay);
      found.set(file, { text, imports });
      for (const i of imports) if ('file' in i.target) todo.push(i.target.file);
    }
    return found;
  }

  private importsOf(file: string, text: string, overlay: ReadonlyMap<string, string>): readonly Import[] {
    const known = this.imports.get(file);
    if (known?.key === text) return known.value;
    const info = ts.preProcessFile(text, true, false);
    const seen = new Set<string>();
    const value: Import[] = [];
    for (const { fileName: specifier } of info.importedFiles) {
      if (seen.has(specifier)) continue;
      seen.add(specifier);
      const found = resolveSource(specifier, file, (path) => overlay.has(path) || isFile(path));
      value.push({ specifier, target: found === undefined ? { external: specifier } : { file: found } });
    }
    this.imports.set(file, { key: text, value });
    return value;
  }

  private fingerprint(o: BuildOptions, texts: ReadonlyMap<string, SourceText>): string {
    const files = [...texts].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const all = files.flatMap(([file, { text }]) => [this.show(file), text]);
    const first = String(o.firstSite ?? 0);
    return hash(o.dialect, o.plain, String(o.state), first, o.entry.map((f) => this.show(f)).join(), ...all);
  }

  /** Facts of all files. Those of a file hold until it changes, or the declarations in a file that it can see. */
  private summarise(
    program: ts.Program,
    checker: ts.TypeChecker,
    files: readonly string[],
    texts: ReadonlyMap<string, SourceText>,
  ): Map<string, FileSummary> {
    const shapes = new Map(files.map((file) => [file, shapeOf(program.getSourceFile(file))]));
    const out = new Map<string, FileSummary>();
    for (const file of files) {
      const source = program.getSourceFile(file);
      if (source === undefined) continue;
      const seen = visibleFrom(file, texts).map((other) => shapes.get(other) ?? '');
      const key = hash(texts.get(file)?.text ?? '', ...seen);
      let cached = this.summaries.get(file);
      if (cached?.key !== key) {
        cached = { key, value: analyse(source, checker) };
        this.summaries.set(file, cached);
      }
      out.set(file, cached.value);
    }
    return out;
  }

  private assemble(
    o: BuildOptions,
    program: ts.Program,
    files: readonly string[],
    texts: ReadonlyMap<string, SourceText>,
    summaries: ReadonlyMap<string, FileSummary>,
    colours: Colours,
    fingerprint: string,
  ): Build {
    const written = fieldsWritten(summaries);
    const refusals: Refusal[] = [];
    const modules: BuildModule[] = [];
    const sites: Build['sites'][number][] = [];
    const plainNotPoints: number[] = [];
    for (const file of files) {
      const source = program.getSourceFile(file);
      const facts = summaries.get(file);
      if (source === undefined || facts === undefined) {
        if (file.endsWith('.json')) modules.push(jsonModule(file, texts.get(file)?.text ?? 'null'));
        continue;
      }
      const emitted = this.emit(o, source, facts, colours, written);
      const all = [...(colours.refusals.get(file) ?? []), ...emitted.refusals].toSorted(
        (a, b) => a.at - b.at,
      );
      for (const { at, message } of all) {
        const { line, character } = source.getLineAndCharacterOfPosition(at);
        refusals.push({ file, line: line + 1, column: character + 1, message });
      }
      const base = (o.firstSite ?? 0) + sites.length;
      sites.push(...emitted.sites);
      plainNotPoints.push(...emitted.plainNotPoints.map((site) => base + site));
      modules.push({
        file,
        code: numberSites(emitted.code, base),
        imports: targets(emitted, texts.get(file)),
      });
    }
    if (refusals.length > 0) throw new TransformError(refusals, (file) => this.show(file));
    const { overlay: _, ...options } = o;
    return { modules, sites, fingerprint, options, plainNotPoints };
  }

  private emit(
    o: BuildOptions,
    source: ts.SourceFile,
    facts: FileSummary,
    colours: Colours,
    written: ReadonlyMap<string, readonly string[]>,
  ): Emitted {
    const file = source.fileName;
    const relevant = [...keysIn(facts)].map((key) => (colours.isColoured(key) ? '1' : '0')).join('');
    const own = [...written]
      .filter(([cls]) => cls.startsWith(`${file}#`))
      .map(([c, names]) => c + names.join());
    const key = hash(source.text, o.dialect, o.plain, String(o.state), relevant, ...own);
    const slot = `${file} ${o.dialect} ${o.plain} ${o.state}`;
    const known = this.emitted.get(slot);
    if (known?.key === key) return known.value;
    const value = emitModule({ file: source, facts, colours, options: o, written, shown: this.show(file) });
    this.emitted.set(slot, { key, value });
    return value;
  }
}

interface Import {
  readonly specifier: string;
  readonly target: ImportTarget;
}

interface SourceText {
  readonly text: string;
  readonly imports: readonly Import[];
}

/** Functions whose colour a file's code depends on. */
function keysIn(facts: FileSummary): Set<string> {
  const keys = new Set<string>();
  for (const fn of facts.functions.values()) {
    keys.add(fn.key);
    for (const call of fn.calls) for (const target of call.targets) keys.add(target);
  }
  return keys;
}

function fieldsWritten(summaries: ReadonlyMap<string, FileSummary>): ReadonlyMap<string, readonly string[]> {
  const out = new Map<string, Set<string>>();
  for (const { written } of summaries.values()) {
    for (const { cls, name } of written) {
      const names = out.get(cls);
      if (names === undefined) out.set(cls, new Set([name]));
      else names.add(name);
    }
  }
  return new Map([...out].map(([cls, names]) => [cls, [...names].toSorted()]));
}

/** Imported files before those that import them. */
function order(entry: readonly string[], texts: ReadonlyMap<string, SourceText>): string[] {
  const out: string[] = [];
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const i of texts.get(file)?.imports ?? []) if ('file' in i.target) visit(i.target.file);
    out.push(file);
  };
  for (const file of entry) visit(file);
  return out;
}

/** A file and all whose declarations it can see. */
function visibleFrom(file: string, texts: ReadonlyMap<string, SourceText>): string[] {
  const seen = new Set([file]);
  for (const at of seen) {
    for (const i of texts.get(at)?.imports ?? []) if ('file' in i.target) seen.add(i.target.file);
  }
  return [...seen].toSorted();
}

function targets(emitted: Emitted, source: SourceText | undefined): Record<string, ImportTarget> {
  const out: Record<string, ImportTarget> = {};
  for (const specifier of emitted.specifiers) {
    const found = source?.imports.find((i) => i.specifier === specifier);
    // From this package only the types come as a source.
    out[specifier] =
      specifier === OWN_ENTRY ? { external: specifier } : (found?.target ?? { external: specifier });
  }
  return out;
}

function jsonModule(file: string, text: string): BuildModule {
  return { file, code: `var $json=${text};$e({default:()=>$json});`, imports: {} };
}

function numberSites(code: string, base: number): string {
  // oxlint-disable-next-line no-control-regex
  return code.replaceAll(/\u0001(\d+)\u0002/g, (_, index: string) => String(base + Number(index)));
}
