/** State that lives outside shared memory: fields of objects, and top-level variables, which threads would share. */
import { ts } from '@ts-morph/common';
import { keyOf } from './keys.ts';
import type { Analysis } from './analysis.ts';
import { bare } from './nodes.ts';
import type { FunctionFact } from './summary.ts';
import { isTaggable, tagsOf } from './tags.ts';
import { isOfProgram } from './types-of.ts';

const MUTATORS = new Set([
  'push',
  'pop',
  'shift',
  'unshift',
  'splice',
  'sort',
  'reverse',
  'fill',
  'copyWithin',
  'set',
  'add',
  'delete',
  'clear',
]);

const SHARED = 'threads would share it in one isolate, while in production each worker has its own';

export function findState(a: Analysis, node: ts.Node, fn: FunctionFact): void {
  if (ts.isVariableDeclaration(node)) findTopLevelLet(a, node, fn);
  const target = changedBy(node);
  if (target !== undefined) changed(a, target, node, fn);
}

function findTopLevelLet(a: Analysis, node: ts.VariableDeclaration, fn: FunctionFact): void {
  if (fn.cannot !== 'top-level code' || !ts.isVariableDeclarationList(node.parent)) return;
  if ((node.parent.flags & ts.NodeFlags.Const) !== 0) return;
  const inModule = ts.isVariableStatement(node.parent.parent) && ts.isSourceFile(node.parent.parent.parent);
  if (inModule) a.refuse(node.name, fn, `top-level variable ${node.name.getText()} is not const: ${SHARED}`);
}

/** What a node changes: the left side of an assignment, or the object of a method that changes it. */
function changedBy(node: ts.Node): ts.Expression | undefined {
  if (ts.isBinaryExpression(node)) {
    const op = node.operatorToken.kind;
    if (op >= ts.SyntaxKind.FirstAssignment && op <= ts.SyntaxKind.LastAssignment) return node.left;
  } else if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
    const op = node.operator;
    if (op === ts.SyntaxKind.PlusPlusToken || op === ts.SyntaxKind.MinusMinusToken) return node.operand;
  } else if (ts.isDeleteExpression(node)) return node.expression;
  else if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    if (MUTATORS.has(node.expression.name.text)) return node.expression.expression;
  }
  return undefined;
}

function changed(a: Analysis, given: ts.Expression, by: ts.Node, fn: FunctionFact): void {
  const target = bare(given);
  if (ts.isArrayLiteralExpression(target)) {
    for (const e of target.elements) changed(a, e, by, fn);
    return;
  }
  if (ts.isObjectLiteralExpression(target)) {
    for (const p of target.properties) if (ts.isPropertyAssignment(p)) changed(a, p.initializer, by, fn);
    return;
  }
  const isCall = ts.isCallExpression(by);
  if (isCall && !isLibraryCollection(a, target)) return;
  if (!isCall && ts.isIdentifier(target)) return;
  field(a, target, fn);
  root(a, target, by, fn);
}

/** Array, Map, Set ... : a method of that name in a class of the program is looked into by itself. */
function isLibraryCollection(a: Analysis, node: ts.Expression): boolean {
  const type = a.types.of(node);
  if (a.types.arrayKind(type) !== undefined) return ts.isIdentifier(node);
  return type.getSymbol()?.declarations?.some((d) => !isOfProgram(d)) === true;
}

/** Notes a field of a class that changes after construction. */
function field(a: Analysis, target: ts.Expression, fn: FunctionFact): void {
  let at = target;
  while (ts.isElementAccessExpression(at)) {
    if (a.types.arrayKind(a.types.of(at.expression)) !== undefined) return;
    at = bare(at.expression);
  }
  if (!ts.isPropertyAccessExpression(at)) return;
  const declaration = a.types.checker.getSymbolAtLocation(at.name)?.valueDeclaration;
  if (declaration === undefined || !ts.isPropertyDeclaration(declaration) || !isOfProgram(declaration))
    return;
  const cls = keyOf(declaration.parent);
  if (cls === undefined) return;
  const ownConstructor = fn.key === `${cls}/constructor` && at.expression.kind === ts.SyntaxKind.ThisKeyword;
  if (!ownConstructor || at !== target) a.out.written.push({ cls, name: at.name.text });
}

/** Refuses changes, by functions, of what a top-level constant holds. */
function root(a: Analysis, target: ts.Expression, by: ts.Node, fn: FunctionFact): void {
  if (fn.cannot === 'top-level code' || fn.cannot === 'class field initialiser') return;
  let at = target;
  while (ts.isPropertyAccessExpression(at) || ts.isElementAccessExpression(at)) {
    at = bare(at.expression);
  }
  if (!ts.isIdentifier(at)) return;
  const symbol = a.types.symbolOf(at);
  const declaration = symbol?.valueDeclaration;
  if (declaration === undefined || !ts.isVariableDeclaration(declaration) || !isOfProgram(declaration))
    return;
  const statement = declaration.parent.parent;
  if (!ts.isVariableStatement(statement) || !ts.isSourceFile(statement.parent)) return;
  if (isTaggable(declaration) && tagsOf(declaration).has('opaque')) return;
  a.refuse(by, fn, `top-level ${at.text} is changed by a function: ${SHARED}`);
}
