/**
 * Renders a file as a module of a build: the body of a function, line by line that of the source. Imported names are
 * variables of that function which the modules they come from set, so that bindings are live also in cycles.
 */
import { ts } from '@ts-morph/common';
import type { Site } from '../types.ts';
import type { BuildOptions, ImportTarget } from './build.ts';
import { renderSpecial } from './emit-code.ts';
import { Emitter } from './emitter.ts';
import { blank } from './erase.ts';
import type { Colours } from './solve.ts';
import type { FileSummary, RefusalFact } from './summary.ts';

export interface Emitted {
  /** With marks for the numbers of the sites (emitter.ts). */
  readonly code: string;
  readonly sites: readonly Site[];
  readonly plainNotPoints: readonly number[];
  readonly refusals: readonly RefusalFact[];
  /** Specifiers that the module needs, in order. */
  readonly specifiers: readonly string[];
}

export interface EmitOptions {
  readonly file: ts.SourceFile;
  readonly facts: FileSummary;
  readonly colours: Colours;
  readonly options: BuildOptions;
  readonly written: ReadonlyMap<string, readonly string[]>;
  readonly shown: string;
}

export type Imports = Readonly<Record<string, ImportTarget>>;

class ModuleEmitter {
  private readonly e: Emitter;
  private readonly file: ts.SourceFile;
  private readonly facts: FileSummary;
  private readonly names: string[] = [];
  /** Assignments to imported names, by specifier. */
  private readonly setters = new Map<string, string[]>();
  private readonly exports: string[] = [];
  private readonly stars: string[] = [];

  constructor(o: EmitOptions) {
    this.file = o.file;
    this.facts = o.facts;
    this.e = new Emitter({ ...o, special: (e, node) => this.special(e, node) });
  }

  emit(): Emitted {
    const { e, file } = this;
    const body = e.inFrame(file, false, (frame) => {
      const text = e.compose(file);
      if (frame.temps > 0) this.names.push(...Array.from({ length: frame.temps }, (_, i) => `$${i + 1}`));
      return e.source(0, e.start(file)) + text;
    });
    const code = this.header() + body.replace(/^#!.*/, '');
    const { sites, plainNotPoints, refusals } = e;
    return { code, sites, plainNotPoints, refusals, specifiers: [...this.setters.keys()] };
  }

  private header(): string {
    let out = "'use strict';";
    if (this.names.length > 0) out += `var ${this.names.join(',')};`;
    out += `$e({${this.exports.join(',')}}${this.stars.map((s) => `,${s}`).join('')});`;
    for (const [specifier, lines] of this.setters) {
      out += `$i(${JSON.stringify(specifier)},($m)=>{${lines.join('')}});`;
    }
    return out;
  }

  private special(e: Emitter, node: ts.Node): string | undefined {
    const top = ts.isSourceFile(node.parent);
    if (!top) {
      if (ts.isMetaProperty(node)) return '({ url: $file })';
      return renderSpecial(e, node);
    }
    if (ts.isImportDeclaration(node)) return this.importDeclaration(node);
    if (ts.isExportDeclaration(node)) return this.exportDeclaration(node);
    if (ts.isExportAssignment(node) && node.isExportEquals !== true) {
      this.exports.push('default:()=>$default');
      return `const $default =${e.lines(e.start(node), e.start(node.expression))} ${e.render(node.expression)};$u();`;
    }
    const isExported = ts.canHaveModifiers(node)
      ? ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.ExportKeyword) === true
      : false;
    if (!isExported) return renderSpecial(e, node);
    return this.exportedStatement(node);
  }

  /** A declaration with `export` before it. */
  private exportedStatement(node: ts.Node): string {
    const { e } = this;
    const modifiers = (ts.canHaveModifiers(node) && ts.getModifiers(node)) || [];
    const isDefault = modifiers.some((m) => m.kind === ts.SyntaxKind.DefaultKeyword);
    for (const m of modifiers) {
      const isExport = m.kind === ts.SyntaxKind.ExportKeyword || m.kind === ts.SyntaxKind.DefaultKeyword;
      if (isExport) e.setReady(m, '');
    }
    if (!ts.isVariableStatement(node)) {
      const { name } = node as ts.DeclarationStatement;
      const local = name?.text ?? '$default';
      const text = renderSpecial(e, node) ?? e.compose(node);
      // What is blanked exports nothing.
      if (/^\s*;$/.test(text)) return text;
      this.exports.push(`${isDefault ? 'default' : quote(local)}:()=>${local}`);
      const named = name === undefined ? nameIt(text) : text;
      return ts.isClassDeclaration(node) ? `${named}$u();` : named;
    }
    const text = renderSpecial(e, node) ?? e.compose(node);
    if (/^\s*;$/.test(text)) return text;
    const visit = (binding: ts.BindingName): void => {
      if (ts.isIdentifier(binding)) this.exports.push(`${quote(binding.text)}:()=>${binding.text}`);
      else for (const x of binding.elements) if (ts.isBindingElement(x)) visit(x.name);
    };
    for (const d of node.declarationList.declarations) visit(d.name);
    return `${text}$u();`;
  }

  private importDeclaration(node: ts.ImportDeclaration): string {
    const { importClause } = node;
    const specifier = (node.moduleSpecifier as ts.StringLiteral).text;
    const erased = `${blank(this.e.source(this.e.start(node), node.end))};`;
    if (importClause?.isTypeOnly === true) return erased;
    const bind = (local: string, from: string): void => {
      this.names.push(local);
      this.setter(specifier).push(`${local}=${from};`);
    };
    const bindings = importClause?.namedBindings;
    if (bindings !== undefined && ts.isNamedImports(bindings)) {
      const used = bindings.elements.filter((x) => !x.isTypeOnly && !this.facts.typeOnly.has(x.name.text));
      if (used.length === 0 && bindings.elements.length > 0 && importClause?.name === undefined)
        return erased;
      for (const x of used) bind(x.name.text, member(x.propertyName ?? x.name));
    }
    this.setter(specifier);
    if (importClause?.name !== undefined) bind(importClause.name.text, '$m["default"]');
    if (bindings !== undefined && ts.isNamespaceImport(bindings)) bind(bindings.name.text, '$m');
    return erased;
  }

  private exportDeclaration(node: ts.ExportDeclaration): string {
    const erased = `${blank(this.e.source(this.e.start(node), node.end))};`;
    if (node.isTypeOnly) return erased;
    const { exportClause, moduleSpecifier } = node;
    if (moduleSpecifier === undefined) {
      if (exportClause === undefined || ts.isNamespaceExport(exportClause)) return erased;
      for (const x of exportClause.elements) {
        if (x.isTypeOnly || this.facts.typeOnly.has(x.name.text)) continue;
        this.exports.push(`${quote(x.name.text)}:()=>${(x.propertyName ?? x.name).text}`);
      }
      return erased;
    }
    const specifier = (moduleSpecifier as ts.StringLiteral).text;
    const from = `$m${this.names.length}`;
    if (exportClause !== undefined && ts.isNamedExports(exportClause)) {
      const used = exportClause.elements.filter((x) => !x.isTypeOnly);
      if (used.length === 0 && exportClause.elements.length > 0) return erased;
      for (const x of used) {
        this.exports.push(`${quote(x.name.text)}:()=>${from}${member(x.propertyName ?? x.name).slice(2)}`);
      }
    } else if (exportClause !== undefined) {
      this.exports.push(`${quote(exportClause.name.text)}:()=>${from}`);
    } else this.stars.push(`()=>${from}`);
    this.names.push(from);
    this.setter(specifier).push(`${from}=$m;`);
    return erased;
  }

  private setter(specifier: string): string[] {
    let lines = this.setters.get(specifier);
    if (lines === undefined) {
      lines = [];
      this.setters.set(specifier, lines);
    }
    return lines;
  }
}

const quote = (name: string): string => JSON.stringify(name);

const member = (name: ts.ModuleExportName): string => `$m[${JSON.stringify(name.text)}]`;

/** Gives a default export without a name one. */
function nameIt(text: string): string {
  return text.replace(/^(\s*(?:async\s+)?(?:function\s*\*?|class))/, '$1 $default');
}

export const emitModule = (o: EmitOptions): Emitted => new ModuleEmitter(o).emit();
