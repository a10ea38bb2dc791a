/** The TypeScript program, kept warm from build to build: only what has changed is parsed and looked into again. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { getLibFiles, ts } from '@ts-morph/common';
import { isFile, resolveSource } from './resolve.ts';

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.es2024.sharedmemory.d.ts'],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  allowImportingTsExtensions: true,
  resolveJsonModule: false,
  noEmit: true,
  strict: true,
  skipLibCheck: true,
  types: [],
};

const LIB = '/lib/';

/** A text on disk, looked at again when the file has another time or size. */
interface OnDisk {
  readonly mtimeMs: number;
  readonly size: number;
  readonly text: string;
}

export class Sources {
  private readonly disk = new Map<string, OnDisk>();
  private readonly parsed = new Map<string, ts.SourceFile>();
  private readonly libs = new Map<string, ts.SourceFile>();
  private libTexts: ReadonlyMap<string, string> | undefined;
  private readonly roots = new Set<string>();
  private program: ts.Program | undefined;

  /** The program over these files and all that they import. */
  update(entry: readonly string[], overlay: ReadonlyMap<string, string>): ts.Program {
    for (const file of entry) this.roots.add(file);
    const rootNames = [...this.roots].filter((file) => overlay.has(file) || existsSync(file));
    const host = this.host(overlay);
    this.program = ts.createProgram({
      rootNames,
      options: OPTIONS,
      host,
      ...(this.program !== undefined && { oldProgram: this.program }),
    });
    return this.program;
  }

  /** The text of a file; undefined when there is none. */
  read(file: string): string | undefined {
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile()) return undefined;
    const known = this.disk.get(file);
    if (known !== undefined && known.mtimeMs === stat.mtimeMs && known.size === stat.size) return known.text;
    const text = readFileSync(file, 'utf8');
    this.disk.set(file, { mtimeMs: stat.mtimeMs, size: stat.size, text });
    return text;
  }

  private host(overlay: ReadonlyMap<string, string>): ts.CompilerHost {
    const readFile = (file: string): string | undefined => overlay.get(file) ?? this.read(file);
    return {
      getSourceFile: (file) => {
        if (file.startsWith(LIB)) return this.lib(file);
        const text = readFile(file);
        if (text === undefined) return undefined;
        const before = this.parsed.get(file);
        if (before !== undefined && before.text === text) return before;
        const parsed = ts.createSourceFile(file, text, { languageVersion: ts.ScriptTarget.ES2022 }, true);
        (parsed as { version?: string }).version = ts.sys.createHash?.(text) ?? text;
        this.parsed.set(file, parsed);
        return parsed;
      },
      getDefaultLibFileName: () => `${LIB}lib.es2023.d.ts`,
      getDefaultLibLocation: () => LIB,
      getCurrentDirectory: () => '/',
      getCanonicalFileName: (file) => file,
      useCaseSensitiveFileNames: () => true,
      getNewLine: () => '\n',
      fileExists: (file) => overlay.has(file) || existsSync(file),
      readFile,
      writeFile: () => undefined,
      resolveModuleNameLiterals: (literals, from) =>
        literals.map((literal) => {
          const file = resolveSource(literal.text, from, (path) => overlay.has(path) || isFile(path));
          if (file === undefined || file.endsWith('.json')) return { resolvedModule: undefined };
          return { resolvedModule: { resolvedFileName: file, extension: ts.Extension.Ts } };
        }),
      resolveTypeReferenceDirectiveReferences: (refs) =>
        refs.map(() => ({ resolvedTypeReferenceDirective: undefined })),
    };
  }

  private lib(file: string): ts.SourceFile | undefined {
    const known = this.libs.get(file);
    if (known !== undefined) return known;
    this.libTexts ??= new Map(getLibFiles().map((lib) => [lib.fileName, lib.text]));
    const text = this.libTexts.get(file.slice(LIB.length));
    if (text === undefined) return undefined;
    const parsed = ts.createSourceFile(file, text, { languageVersion: ts.ScriptTarget.ES2022 }, false);
    (parsed as { version?: string }).version = '1';
    this.libs.set(file, parsed);
    return parsed;
  }
}
