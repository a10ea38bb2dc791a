/** The machinery of rendering: a node is its text, with its children rendered and its own edits put in. */
import { ts } from '@ts-morph/common';
import type { Site } from '../types.ts';
import type { BuildOptions } from './build.ts';
import { blank, type Edit, Eraser } from './erase.ts';
import { displayName, keyOf } from './keys.ts';
import { Locals } from './locals.ts';
import { bare } from './nodes.ts';
import { findBoxed, Scopes, type Variable } from './scopes.ts';
import type { Colours } from './solve.ts';
import type { FileSummary, RefusalFact } from './summary.ts';

/** What is being rendered: a function's body, or code that stands alone. */
export interface Frame {
  readonly node: ts.Node;
  /** Whether it is a generator. */
  readonly coloured: boolean;
  /** Number of temporaries. */
  temps: number;
  /** Half-evaluated operands around the place that is being rendered. */
  readonly pending: string[];
  /** Try statements around it whose finally block may suspend. */
  readonly tries: { readonly node: ts.TryStatement; readonly how: string; readonly result: string }[];
  usesDepth: boolean;
}

const SITE_TEXT = 60;

/** Marks a site's number in the text, until the numbers of the whole build are known. */
export const siteMark = (index: number): string => `\u0001${index}\u0002`;

export class Emitter {
  readonly file: ts.SourceFile;
  readonly facts: FileSummary;
  readonly colours: Colours;
  readonly options: BuildOptions;
  /** Whether plain accesses are scheduling points. */
  readonly points: boolean;
  readonly state: boolean;
  readonly sites: Site[] = [];
  readonly plainNotPoints: number[] = [];
  readonly refusals: RefusalFact[] = [];
  readonly scopes = new Scopes();
  readonly boxed: ReadonlySet<Variable>;
  readonly locals: Locals;
  readonly written: ReadonlyMap<string, readonly string[]>;
  private readonly eraser: Eraser;
  private readonly shown: string;
  private readonly ready = new Map<ts.Node, string>();
  private readonly suspending = new Map<ts.Node, boolean>();
  private readonly frames: Frame[] = [];
  private readonly special: (e: Emitter, node: ts.Node) => string | undefined;

  constructor(o: {
    readonly file: ts.SourceFile;
    readonly facts: FileSummary;
    readonly colours: Colours;
    readonly options: BuildOptions;
    /** Fields that change after construction, by class. */
    readonly written: ReadonlyMap<string, readonly string[]>;
    /** The file's path as it is shown. */
    readonly shown: string;
    /** Renders nodes that need more than edits; undefined for all others. */
    readonly special: (e: Emitter, node: ts.Node) => string | undefined;
  }) {
    this.file = o.file;
    this.facts = o.facts;
    this.colours = o.colours;
    this.options = o.options;
    this.points = o.options.plain !== 'race';
    this.state = o.options.state && o.options.dialect === 'explore';
    this.written = o.written;
    this.shown = o.shown;
    this.special = o.special;
    this.eraser = new Eraser(o.file);
    this.locals = new Locals(o.file, this.scopes);
    this.boxed = o.options.dialect === 'explore' ? findBoxed(o.file, this.scopes) : new Set();
  }

  get frame(): Frame {
    const frame = this.frames.at(-1);
    if (frame === undefined) throw new Error('nothing is being rendered');
    return frame;
  }

  /** Renders something in a frame of its own. */
  inFrame<T>(node: ts.Node, coloured: boolean, render: (frame: Frame) => T): T {
    const frame: Frame = { node, coloured, temps: 0, pending: [], tries: [], usesDepth: false };
    this.frames.push(frame);
    try {
      return render(frame);
    } finally {
      this.frames.pop();
    }
  }

  temp(): string {
    return `$${++this.frame.temps}`;
  }

  refuse(node: ts.Node, message: string): void {
    this.refusals.push({ at: node.getStart(this.file), message, owner: '' });
  }

  source(from: number, to: number): string {
    return this.file.text.slice(from, to);
  }

  start(node: ts.Node): number {
    return node.getStart(this.file);
  }

  render(node: ts.Node): string {
    const ready = this.ready.get(node);
    if (ready !== undefined) {
      this.ready.delete(node);
      return ready;
    }
    const text = this.special(this, node) ?? this.compose(node);
    return this.isIterated(node) ? `$x.bulk(${text}, 'values', ${this.site(node)})` : text;
  }

  /** Gives a node's text before its parent is rendered. */
  setReady(node: ts.Node, text: string): void {
    this.ready.set(node, text);
  }

  private isIterated(node: ts.Node): boolean {
    const { parent } = node as { parent?: ts.Node };
    if (parent === undefined || !this.facts.iterated.has(node.end) || !this.watchesPlain) return false;
    return (ts.isForOfStatement(parent) || ts.isSpreadElement(parent)) && parent.expression === node;
  }

  /** Whether plain accesses are seen at all: always in one isolate; on real threads where they are points. */
  get watchesPlain(): boolean {
    return this.options.dialect === 'explore' || this.points;
  }

  /** A node as it is written, but for its children, the types in it, and the given edits. */
  compose(node: ts.Node, more: readonly Edit[] = []): string {
    if (this.state && ts.isExpression(node)) this.prepareOperands(node);
    const edits = [...this.eraser.edits(node), ...more].toSorted((a, b) => a.from - b.from || a.to - b.to);
    const children: ts.Node[] = [];
    node.forEachChild((child) => {
      children.push(child);
    });
    let out = '';
    let at = this.start(node);
    let next = 0;
    const flush = (until: number): void => {
      for (let edit = edits[next]; edit !== undefined && edit.from <= until; edit = edits[++next]) {
        if (edit.from < at) continue;
        out += this.source(at, edit.from) + edit.text;
        at = edit.to;
      }
    };
    for (const child of children) {
      const from = this.start(child);
      flush(from);
      if (from < at || child.end <= at) continue;
      if (from === child.end) continue;
      out += this.source(at, from);
      // Edits inside the child's range are its own business.
      out += this.render(child);
      at = child.end;
    }
    flush(node.end);
    return out + this.source(at, node.end);
  }

  blank(from: number, to: number): string {
    return blank(this.source(from, to));
  }

  /** Line breaks of a part of the source that is not rendered. */
  lines(from: number, to: number): string {
    return this.source(from, to).replaceAll(/[^\n]/g, '');
  }

  /** Number of a new site, as it stands in the text for now. */
  site(node: ts.Node): string {
    const { line, character } = this.file.getLineAndCharacterOfPosition(this.start(node));
    const text = node.getText(this.file).replaceAll(/\s+/g, ' ');
    const index = this.sites.length;
    this.sites.push({
      file: this.shown,
      line: line + 1,
      column: character + 1,
      text: text.length > SITE_TEXT ? `${text.slice(0, SITE_TEXT - 1)}…` : text,
      fn: displayName(node),
    });
    return siteMark(index);
  }

  isColoured(key: string): boolean {
    return this.options.dialect === 'explore' && this.colours.isColoured(key);
  }

  isColouredFunction(node: ts.Node): boolean {
    const key = keyOf(node);
    return key !== undefined && this.facts.functions.get(key)?.cannot === '' && this.isColoured(key);
  }

  /** Whether evaluating a node may suspend; functions inside do not count. */
  suspends(node: ts.Node): boolean {
    const known = this.suspending.get(node);
    if (known !== undefined) return known;
    let found = false;
    if (ts.isFunctionLike(node) || ts.isTypeNode(node)) found = false;
    else {
      found =
        (ts.isCallExpression(node) && (this.facts.atomics.has(node.end) || this.callsColoured(node))) ||
        (ts.isElementAccessExpression(node) && this.points && this.facts.elements.has(node.end));
      if (!found) found = node.forEachChild((child) => this.suspends(child) || undefined) === true;
    }
    this.suspending.set(node, found);
    return found;
  }

  /** Whether a call is of a generator. */
  callsColoured(node: ts.Node): boolean {
    if (this.calls === undefined) {
      this.calls = new Map();
      for (const fn of this.facts.functions.values())
        for (const c of fn.calls) this.calls.set(c.end, c.targets);
    }
    return this.calls.get(node.end)?.some((key) => this.isColoured(key)) === true;
  }

  private calls: Map<number, readonly string[]> | undefined;

  /**
   * Renders operands in their order. One that is followed by a suspension is kept in a temporary, and is part of the
   * thread's state at that suspension.
   */
  prepare(operands: readonly ts.Expression[]): void {
    if (!this.state || !this.frame.coloured) return;
    const { pending } = this.frame;
    const before = pending.length;
    operands.forEach((operand, i) => {
      if (this.ready.has(operand)) return;
      const isSpread = ts.isSpreadElement(operand);
      const value = isSpread ? operand.expression : operand;
      let text = this.render(value);
      if (operands.slice(i + 1).some((later) => this.suspends(later))) {
        const core = bare(value);
        if (core.kind === ts.SyntaxKind.ThisKeyword) pending.push('this');
        else if (ts.isIdentifier(core) && this.locals.isConstant(core)) {
          if (this.isLocal(core)) pending.push(core.text);
        } else if (!isLiteral(core)) {
          const temp = this.temp();
          text = `(${temp} = ${text})`;
          pending.push(temp);
        }
      }
      this.ready.set(value, text);
    });
    pending.length = before;
  }

  /** Adds half-evaluated values around what is rendered. */
  withPending<T>(names: readonly string[], render: () => T): T {
    const { pending } = this.frame;
    pending.push(...names);
    try {
      return render();
    } finally {
      pending.length -= names.length;
    }
  }

  private isLocal(id: ts.Identifier): boolean {
    const variable = this.scopes.resolve(id);
    return variable !== undefined && !ts.isSourceFile(variable.fn);
  }

  private prepareOperands(node: ts.Expression): void {
    if (!this.frame.coloured) return;
    const operands = operandsOf(node);
    if (operands.length > 1 && operands.slice(1).some((o) => this.suspends(o))) this.prepare(operands);
  }

  /** Locals of the thread at a place, as an array literal. */
  localsAt(site: ts.Node): string {
    const { node, pending } = this.frame;
    return `[${[...new Set([...this.locals.liveAt(site, node), ...pending])].join(', ')}]`;
  }
}

function isLiteral(node: ts.Node): boolean {
  return (
    ts.isLiteralExpression(node) ||
    ts.isFunctionLike(node) ||
    node.kind === ts.SyntaxKind.NullKeyword ||
    node.kind === ts.SyntaxKind.TrueKeyword ||
    node.kind === ts.SyntaxKind.FalseKeyword ||
    node.kind === ts.SyntaxKind.SuperKeyword
  );
}

/** What an expression evaluates, in order, and keeps until all of it is there. */
function operandsOf(node: ts.Expression): ts.Expression[] {
  if (ts.isBinaryExpression(node)) {
    const op = node.operatorToken.kind;
    const isAssignment = op >= ts.SyntaxKind.FirstAssignment && op <= ts.SyntaxKind.LastAssignment;
    if (isAssignment) return [...referenceOperands(node.left), node.right];
    const isLogical =
      op === ts.SyntaxKind.AmpersandAmpersandToken ||
      op === ts.SyntaxKind.BarBarToken ||
      op === ts.SyntaxKind.QuestionQuestionToken ||
      op === ts.SyntaxKind.CommaToken;
    return isLogical ? [] : [node.left, node.right];
  }
  if (ts.isCallExpression(node)) return [...referenceOperands(node.expression), ...node.arguments];
  if (ts.isNewExpression(node)) return [...(node.arguments ?? [])];
  if (ts.isArrayLiteralExpression(node)) return [...node.elements];
  if (ts.isObjectLiteralExpression(node)) {
    return node.properties.flatMap((p) =>
      ts.isPropertyAssignment(p)
        ? [p.initializer]
        : ts.isSpreadAssignment(p)
          ? [p.expression]
          : ts.isShorthandPropertyAssignment(p)
            ? [p.name]
            : [],
    );
  }
  if (ts.isTemplateExpression(node)) return node.templateSpans.map((s) => s.expression);
  if (ts.isElementAccessExpression(node)) return [node.expression, node.argumentExpression];
  return [];
}

function referenceOperands(node: ts.Expression): ts.Expression[] {
  const core = bare(node);
  if (ts.isPropertyAccessExpression(core)) return isSuper(core.expression) ? [] : [core.expression];
  if (ts.isElementAccessExpression(core)) return [core.expression, core.argumentExpression];
  return [];
}

const isSuper = (node: ts.Node): boolean => node.kind === ts.SyntaxKind.SuperKeyword;
