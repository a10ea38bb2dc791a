/**
 * Which variables a suspended function may still read: they are part of the program's state. More than needed is only
 * slower; one too few would let the search take two different states for one.
 */
import { ts } from '@ts-morph/common';
import { bare } from './nodes.ts';
import {
  assignmentTo,
  functionOf,
  isDeclarationName,
  isReference,
  type Scopes,
  type Variable,
} from './scopes.ts';

interface Use {
  readonly at: number;
  readonly node: ts.Identifier;
}

interface Local {
  readonly variable: Variable;
  readonly name: string;
  /** Reads, in the order of the text. */
  readonly uses: Use[];
  /** A function inside reads it, whenever it is called. */
  captured: boolean;
  /** Assigned after its declaration. */
  assigned: boolean;
}

export class Locals {
  private readonly scopes: Scopes;
  private readonly file: ts.SourceFile;
  private readonly ofFunction = new Map<ts.Node, readonly Local[]>();
  private readonly thisUses = new Map<ts.Node, readonly number[]>();
  private readonly assigned = new Map<ts.Symbol, boolean>();

  constructor(file: ts.SourceFile, scopes: Scopes) {
    this.file = file;
    this.scopes = scopes;
    this.findAssigned(file);
  }

  /** Whether a name keeps its value: literals apart, only those may stay in a half-evaluated expression as they are. */
  isConstant(id: ts.Identifier): boolean {
    const variable = this.scopes.resolve(id);
    return variable === undefined || this.assigned.get(variable.symbol) !== true;
  }

  /** Names to hand over at a place in a function: those that it may read afterwards. */
  liveAt(site: ts.Node, fn: ts.Node): string[] {
    const out: string[] = [];
    for (const local of this.locals(fn)) if (this.isLive(local, site, fn)) out.push(local.name);
    const uses = this.usesOfThis(fn);
    if (uses.some((at) => at >= site.end || this.inLoopWith(site, at, fn))) out.push('this');
    return out;
  }

  private isLive(local: Local, site: ts.Node, fn: ts.Node): boolean {
    const { variable, uses } = local;
    if (variable.fn !== fn) return true;
    const isParameter = isOfParameter(variable.declaration);
    if (!isParameter && !this.isInitialised(variable.declaration, site)) return false;
    if (!isParameter && !contains(variable.scope, site)) return false;
    if (ts.isCaseBlock(variable.scope)) {
      const clause = variable.scope.clauses.find((c) => contains(c, variable.declaration));
      if (clause === undefined || !contains(clause, site)) return false;
    }
    if (local.captured) return true;
    if (uses.some((use) => use.at >= site.end)) return true;
    return uses.some((use) => this.inLoopWith(site, use.at, fn, variable.declaration));
  }

  /** Whether a variable has its value when a place is reached that follows its declaration in the text. */
  private isInitialised(declaration: ts.Node, site: ts.Node): boolean {
    let whole = declaration;
    while (!ts.isVariableDeclaration(whole) && !ts.isStatement(whole)) whole = whole.parent;
    if (ts.isVariableDeclaration(whole)) {
      if (whole.initializer !== undefined && contains(whole.initializer, site)) return false;
      const loop = whole.parent.parent;
      const isOfLoop = ts.isForOfStatement(loop) || ts.isForInStatement(loop);
      if (isOfLoop && contains(loop.expression, site)) return false;
    }
    return declaration.end <= site.getStart(this.file);
  }

  /** Whether a loop around the site comes back to a use, with the variable still the same. */
  private inLoopWith(site: ts.Node, use: number, fn: ts.Node, declaration?: ts.Node): boolean {
    for (let at = site.parent; at !== fn && !ts.isSourceFile(at); at = at.parent) {
      if (!ts.isIterationStatement(at, false)) continue;
      const inside = repeated(at);
      if (use < inside || use >= at.end) continue;
      if (declaration === undefined || declaration.pos < inside || declaration.end > at.end) return true;
    }
    return false;
  }

  private locals(fn: ts.Node): readonly Local[] {
    const known = this.ofFunction.get(fn);
    if (known !== undefined) return known;
    const found = new Map<ts.Symbol, Local>();
    const visit = (node: ts.Node): void => {
      if (ts.isIdentifier(node)) this.note(node, fn, found);
      else if (!ts.isTypeNode(node) || ts.isExpressionWithTypeArguments(node)) node.forEachChild(visit);
    };
    visit(fn);
    const list = [...found.values()];
    this.ofFunction.set(fn, list);
    return list;
  }

  private note(id: ts.Identifier, fn: ts.Node, found: Map<ts.Symbol, Local>): void {
    if (!isReference(id) || isDeclarationName(id) || assignmentTo(id) === 'set') return;
    const variable = this.scopes.resolve(id);
    if (variable === undefined || !isVariable(variable) || ts.isSourceFile(variable.fn)) return;
    // Variables of functions inside are theirs.
    if (variable.fn !== fn && contains(fn, variable.declaration)) return;
    let local = found.get(variable.symbol);
    if (local === undefined) {
      const assigned = this.assigned.get(variable.symbol) === true;
      local = { variable, name: id.text, uses: [], captured: false, assigned };
      found.set(variable.symbol, local);
    }
    local.uses.push({ at: id.getStart(this.file), node: id });
    if (functionOf(id) !== fn) local.captured = true;
  }

  private usesOfThis(fn: ts.Node): readonly number[] {
    const known = this.thisUses.get(fn);
    if (known !== undefined) return known;
    const uses: number[] = [];
    const visit = (node: ts.Node): void => {
      if (node.kind === ts.SyntaxKind.ThisKeyword || node.kind === ts.SyntaxKind.SuperKeyword) {
        uses.push(node.getStart(this.file));
      }
      if (ts.isFunctionLike(node) && !ts.isArrowFunction(node)) return;
      if (!ts.isTypeNode(node)) node.forEachChild(visit);
    };
    fn.forEachChild(visit);
    this.thisUses.set(fn, uses);
    return uses;
  }

  private findAssigned(node: ts.Node): void {
    if (ts.isIdentifier(node) && assignmentTo(node) !== 'none') {
      const variable = this.scopes.resolve(node);
      if (variable !== undefined) this.assigned.set(variable.symbol, true);
    }
    node.forEachChild((child) => this.findAssigned(child));
  }
}

export const contains = (outer: ts.Node, inner: ts.Node): boolean =>
  outer.pos <= inner.pos && inner.end <= outer.end;

function isOfParameter(declaration: ts.Node): boolean {
  let at = declaration;
  while (ts.isBindingElement(at) || ts.isArrayBindingPattern(at) || ts.isObjectBindingPattern(at)) {
    at = at.parent;
  }
  return ts.isParameter(at);
}

/** From where on a loop's text runs again and again: variables declared before live through all of its rounds. */
function repeated(loop: ts.IterationStatement): number {
  if (!ts.isForStatement(loop)) return loop.pos;
  return loop.initializer?.end ?? loop.pos;
}

/** Functions and classes do not change; nor do constants that hold one. */
function isVariable(variable: Variable): boolean {
  const { declaration } = variable;
  if (ts.isParameter(declaration) || ts.isBindingElement(declaration)) return true;
  if (!ts.isVariableDeclaration(declaration)) return false;
  const { initializer, parent } = declaration;
  const isConst = ts.isVariableDeclarationList(parent) && (parent.flags & ts.NodeFlags.Const) !== 0;
  return !(isConst && initializer !== undefined && ts.isFunctionLike(bare(initializer)));
}
