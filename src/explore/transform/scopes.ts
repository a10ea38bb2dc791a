/** Which declaration a name in a file means, by the binder's tables; and which variables closures change. */
import { ts } from '@ts-morph/common';

interface Bound {
  readonly locals?: ts.SymbolTable;
}

/** The function, or the file, that a node's code belongs to. */
export function functionOf(node: ts.Node): ts.Node {
  let at = node.parent;
  while (!ts.isFunctionLike(at) && !ts.isSourceFile(at) && !ts.isClassStaticBlockDeclaration(at)) {
    if (ts.isPropertyDeclaration(at)) return at;
    at = at.parent;
  }
  return at;
}

/** A local variable or parameter. */
export interface Variable {
  readonly symbol: ts.Symbol;
  readonly declaration: ts.Declaration;
  /** The function, or the file, that it belongs to. */
  readonly fn: ts.Node;
  /** The block, loop, clause or function in which it is visible. */
  readonly scope: ts.Node;
}

export class Scopes {
  private readonly variables = new Map<ts.Symbol, Variable>();
  private readonly byIdentifier = new Map<ts.Identifier, Variable | undefined>();

  /** The variable, parameter, function or class of this file that an identifier means. */
  resolve(id: ts.Identifier): Variable | undefined {
    if (this.byIdentifier.has(id)) return this.byIdentifier.get(id);
    const found = this.find(id);
    this.byIdentifier.set(id, found);
    return found;
  }

  private find(id: ts.Identifier): Variable | undefined {
    const name = ts.escapeLeadingUnderscores(id.text);
    for (let at: ts.Node | undefined = id; at !== undefined; at = at.parent) {
      const symbol = (at as Bound).locals?.get(name);
      if (symbol === undefined || (symbol.flags & (ts.SymbolFlags.Value | ts.SymbolFlags.Alias)) === 0)
        continue;
      const declaration = symbol.declarations?.[0];
      if (declaration === undefined) continue;
      const known = this.variables.get(symbol);
      if (known !== undefined) return known;
      const made: Variable = { symbol, declaration, fn: functionOf(declaration), scope: at };
      this.variables.set(symbol, made);
      return made;
    }
    return undefined;
  }
}

/** Whether an identifier is a use of a variable, not a member's name, label or the like. */
export function isReference(id: ts.Identifier): boolean {
  const { parent } = id;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === id;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === id;
  if (ts.isBindingElement(parent)) return parent.propertyName !== id;
  if (ts.isMethodDeclaration(parent) || ts.isPropertyDeclaration(parent) || ts.isAccessor(parent)) {
    return (parent as ts.PropertyDeclaration).initializer === id;
  }
  if (ts.isLabeledStatement(parent) || ts.isBreakOrContinueStatement(parent)) return false;
  if (ts.isMetaProperty(parent) || ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)) return false;
  return !ts.isTypeNode(parent) && !ts.isQualifiedName(parent);
}

/** Whether an identifier is where its variable is declared. */
export function isDeclarationName(id: ts.Identifier): boolean {
  const { parent } = id;
  return (
    (ts.isVariableDeclaration(parent) || ts.isParameter(parent) || ts.isBindingElement(parent)) &&
    parent.name === id
  );
}

/** How an assignment touches an identifier: not at all, overwrites it, or changes what it was. */
export function assignmentTo(id: ts.Node): 'none' | 'set' | 'update' {
  let at = id;
  while (ts.isParenthesizedExpression(at.parent) || ts.isNonNullExpression(at.parent)) at = at.parent;
  const { parent } = at;
  if (ts.isBinaryExpression(parent) && parent.left === at) {
    const op = parent.operatorToken.kind;
    if (op === ts.SyntaxKind.EqualsToken) return 'set';
    return op >= ts.SyntaxKind.FirstAssignment && op <= ts.SyntaxKind.LastAssignment ? 'update' : 'none';
  }
  if (ts.isPrefixUnaryExpression(parent) || ts.isPostfixUnaryExpression(parent)) {
    const op = parent.operator;
    return op === ts.SyntaxKind.PlusPlusToken || op === ts.SyntaxKind.MinusMinusToken ? 'update' : 'none';
  }
  if ((ts.isForOfStatement(parent) || ts.isForInStatement(parent)) && parent.initializer === at) return 'set';
  return isPatternTarget(at) ? 'set' : 'none';
}

function isPatternTarget(node: ts.Node): boolean {
  let at = node;
  while (
    ts.isArrayLiteralExpression(at.parent) ||
    ts.isObjectLiteralExpression(at.parent) ||
    ts.isShorthandPropertyAssignment(at.parent) ||
    ts.isSpreadElement(at.parent) ||
    (ts.isPropertyAssignment(at.parent) && at.parent.initializer === at)
  ) {
    at = at.parent;
  }
  const { parent } = at;
  return (
    at !== node &&
    ts.isBinaryExpression(parent) &&
    parent.operatorToken.kind === ts.SyntaxKind.EqualsToken &&
    parent.left === at
  );
}

/**
 * Variables that a function inside the one that declares them assigns to. They become objects, so that the explorer
 * can see them and put them back.
 */
export function findBoxed(file: ts.SourceFile, scopes: Scopes): ReadonlySet<Variable> {
  const boxed = new Set<Variable>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && assignmentTo(node) !== 'none' && isReference(node)) {
      const variable = scopes.resolve(node);
      if (variable !== undefined && !ts.isSourceFile(variable.fn) && functionOf(node) !== variable.fn) {
        boxed.add(variable);
      }
    }
    node.forEachChild(visit);
  };
  visit(file);
  return boxed;
}
