/** Accesses of shared memory, clocks and random numbers: what becomes a call of a hook. */
import { ts } from '@ts-morph/common';
import type { Analysis } from './analysis.ts';
import { bare, isInLongerChain, wrapped } from './nodes.ts';
import type { FunctionFact } from './summary.ts';
import { isArrayName } from './types-of.ts';

const OPERATIONS = new Set([
  'load',
  'store',
  'add',
  'sub',
  'and',
  'or',
  'xor',
  'exchange',
  'compareExchange',
  'notify',
  'wait',
  'pause',
]);

export function findShared(a: Analysis, node: ts.Node, fn: FunctionFact): void {
  if (ts.isIdentifier(node)) {
    if (node.text === 'Atomics') findAtomics(a, node, fn);
  } else if (ts.isElementAccessExpression(node)) findElement(a, node, fn);
  else if (ts.isCallExpression(node)) findMethod(a, node, fn);
  else if (ts.isNewExpression(node)) findNew(a, node);
  else if (ts.isPropertyAccessExpression(node)) findClock(a, node, fn);
  else if (ts.isForOfStatement(node) || ts.isSpreadElement(node)) findIterated(a, node, fn);
  else if (ts.isVariableDeclaration(node) || ts.isParameter(node)) findPattern(a, node, fn);
}

function findAtomics(a: Analysis, node: ts.Identifier, fn: FunctionFact): void {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) {
    a.refuse(node, fn, 'Atomics must be called by its plain name');
    return;
  }
  if (!ts.isPropertyAccessExpression(parent) && !ts.isExpression(parent) && !ts.isVariableDeclaration(parent))
    return;
  if (!a.types.isGlobal(node, 'Atomics')) return;
  const outer = wrapped(node);
  const access = outer.parent;
  if (ts.isBinaryExpression(access) && access.operatorToken.kind === ts.SyntaxKind.InKeyword) return;
  if (!ts.isPropertyAccessExpression(access) || access.expression !== outer) {
    a.refuse(
      node,
      fn,
      'Atomics can only be called as it is, e.g. Atomics.load(...): no other use of the object',
    );
    return;
  }
  const name = access.name.text;
  const used = wrapped(access);
  if (name === 'isLockFree' || ts.isTypeOfExpression(used.parent)) return;
  const call = used.parent;
  if (!ts.isCallExpression(call) || call.expression !== used) {
    a.refuse(access, fn, `Atomics.${name} can only be called, not used as a value`);
    return;
  }
  if (!OPERATIONS.has(name)) {
    a.refuse(access, fn, `Atomics.${name} cannot be explored`);
    return;
  }
  if (call.arguments.some((x) => ts.isSpreadElement(x)) || call.questionDotToken !== undefined) {
    a.refuse(call, fn, `Atomics.${name} needs its arguments one by one`);
    return;
  }
  a.out.atomics.set(call.end, name);
  if (fn.atomics < 0) fn.atomics = call.getStart(a.file);
}

function findElement(a: Analysis, node: ts.ElementAccessExpression, fn: FunctionFact): void {
  const type = a.types.of(node.expression);
  const kind = a.types.arrayKind(type);
  if (kind === undefined) {
    if (a.types.isAny(type)) findUntyped(a, node, fn);
    return;
  }
  const argument = bare(node.argumentExpression);
  if (ts.isStringLiteralLike(argument)) {
    a.refuse(node, fn, 'members of a typed array must be named by a dot');
    return;
  }
  if (kind === 'mixed') {
    a.refuse(
      node,
      fn,
      'an array that is a typed array only sometimes, or of numbers or of bigints, cannot be followed',
    );
    return;
  }
  if (isTargetOfPattern(node)) {
    a.refuse(node, fn, 'an element of a typed array cannot be assigned by destructuring');
    return;
  }
  if (ts.isDeleteExpression(node.parent)) return;
  if (isInLongerChain(node)) {
    a.refuse(node, fn, 'optional chaining across an element of a typed array: take it apart');
    return;
  }
  a.out.elements.set(node.end, kind);
  fn.plain = true;
}

/**
 * An element of `any`: it may be shared memory, so it is watched; the hooks let everything else pass as it is. What no
 * typed array has (methods, members by name) stays untouched.
 */
function findUntyped(a: Analysis, node: ts.ElementAccessExpression, fn: FunctionFact): void {
  const { parent } = node;
  const isCalled = ts.isCallExpression(parent) && parent.expression === node;
  if (isCalled || ts.isStringLiteralLike(bare(node.argumentExpression)) || ts.isDeleteExpression(parent))
    return;
  if (isTargetOfPattern(node) || ts.isOptionalChain(node) || isInLongerChain(node)) {
    a.refuse(
      node,
      fn,
      'an element of any, which may be shared memory, cannot be followed here: give it a type',
    );
    return;
  }
  a.out.elements.set(node.end, 'number');
  fn.plain = true;
}

function isTargetOfPattern(node: ts.Expression): boolean {
  const { parent } = node;
  if (ts.isForOfStatement(parent) || ts.isForInStatement(parent)) return parent.initializer === node;
  let at: ts.Node = node;
  while (
    ts.isArrayLiteralExpression(at.parent) ||
    ts.isObjectLiteralExpression(at.parent) ||
    (ts.isPropertyAssignment(at.parent) && at.parent.initializer === at) ||
    ts.isSpreadElement(at.parent)
  ) {
    at = at.parent;
  }
  if (at === node) return false;
  return (
    (ts.isBinaryExpression(at.parent) &&
      at.parent.operatorToken.kind === ts.SyntaxKind.EqualsToken &&
      at.parent.left === at) ||
    (ts.isForOfStatement(at.parent) && at.parent.initializer === at)
  );
}

/** Methods that write a range of a typed array. */
const RANGE_METHODS: ReadonlySet<string> = new Set(['fill', 'set', 'copyWithin']);

function findMethod(a: Analysis, node: ts.CallExpression, fn: FunctionFact): void {
  const callee = node.expression;
  if (!ts.isPropertyAccessExpression(callee)) return;
  const type = a.types.of(callee.expression);
  const isUntyped = a.types.isAny(type) && RANGE_METHODS.has(callee.name.text);
  const isArray = isUntyped || a.types.arrayKind(type) !== undefined;
  const isView = !isArray && /^[gs]et/.test(callee.name.text) && a.types.isDataView(type);
  if (!isArray && !isView) return;
  if (isInLongerChain(node) || (ts.isOptionalChain(callee) && node.questionDotToken !== undefined)) {
    a.refuse(node, fn, 'optional chaining across a method of a typed array: take it apart');
    return;
  }
  a.out.bulk.set(node.end, isView ? 'dv' : 'bulk');
}

function findNew(a: Analysis, node: ts.NewExpression): void {
  const { expression } = node;
  if (!ts.isIdentifier(expression) || !a.types.isGlobal(expression, expression.text)) return;
  const name = expression.text;
  if (isArrayName(name) || name === 'DataView') a.out.news.set(node.end, 'view');
  else if (name === 'SharedArrayBuffer') a.out.news.set(node.end, 'sab');
  else if (name === 'Date' && (node.arguments?.length ?? 0) === 0) a.out.news.set(node.end, 'date');
}

const CLOCKS: ReadonlyMap<string, string> = new Map([
  ['performance.now', 'perfNow'],
  ['Date.now', 'dateNow'],
  ['Math.random', 'random'],
  ['process.hrtime', 'hrtimeBigint'],
]);

function findClock(a: Analysis, node: ts.PropertyAccessExpression, fn: FunctionFact): void {
  const { expression } = node;
  if (!ts.isIdentifier(expression)) return;
  const hook = CLOCKS.get(`${expression.text}.${node.name.text}`);
  if (hook === undefined || !isGlobalOrNode(a, expression)) return;
  let access: ts.Expression = node;
  if (hook === 'hrtimeBigint') {
    const { parent } = node;
    if (!ts.isPropertyAccessExpression(parent) || parent.name.text !== 'bigint') {
      a.refuse(node, fn, 'process.hrtime() cannot be explored; process.hrtime.bigint() can');
      return;
    }
    access = parent;
  }
  const { parent } = access;
  const call = ts.isCallExpression(parent) && parent.expression === access;
  a.out.clocks.set(call ? parent.end : access.end, { hook, call });
}

function isGlobalOrNode(a: Analysis, node: ts.Identifier): boolean {
  if (a.types.isGlobal(node, node.text)) return true;
  const declared = a.types.checker.getSymbolAtLocation(node)?.declarations?.[0];
  let at: ts.Node | undefined = declared;
  while (at !== undefined && !ts.isImportDeclaration(at)) at = at.parent;
  return at !== undefined && /^'?"?(node:)?(perf_hooks|process)/.test(at.moduleSpecifier.getText());
}

function findIterated(a: Analysis, node: ts.ForOfStatement | ts.SpreadElement, fn: FunctionFact): void {
  const kind = a.types.arrayKind(a.types.of(node.expression));
  if (kind === undefined) return;
  if (kind === 'mixed')
    a.refuse(node, fn, 'an iterable that is a typed array only sometimes cannot be followed');
  else a.out.iterated.add(node.expression.end);
}

function findPattern(
  a: Analysis,
  node: ts.VariableDeclaration | ts.ParameterDeclaration,
  fn: FunctionFact,
): void {
  if (!ts.isArrayBindingPattern(node.name)) return;
  if (a.types.arrayKind(a.types.checker.getTypeAtLocation(node.name)) === undefined) {
    const { initializer } = node;
    if (initializer === undefined) return;
    if (a.types.arrayKind(a.types.of(initializer)) === undefined) return;
  }
  a.refuse(node, fn, 'a typed array cannot be taken apart by destructuring');
}
