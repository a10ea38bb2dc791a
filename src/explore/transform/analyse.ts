/** Looks a file through with the checker: its functions, whom they call, where they touch shared memory. */
import { ts } from '@ts-morph/common';
import type { Analysis } from './analysis.ts';
import { Flows } from './flows.ts';
import { displayName, keyOf } from './keys.ts';
import { findShared } from './facts-shared.ts';
import { findState } from './facts-state.ts';
import { bare } from './nodes.ts';
import { isReference } from './scopes.ts';
import type { CannotSuspend, FileSummary, FunctionFact } from './summary.ts';
import { isTaggable, tagsOf } from './tags.ts';
import { isOfProgram, Types } from './types-of.ts';

export const emptySummary = (): FileSummary => ({
  functions: new Map(),
  flows: [],
  sinks: [],
  lent: [],
  refusals: [],
  elements: new Map(),
  atomics: new Map(),
  bulk: new Map(),
  news: new Map(),
  clocks: new Map(),
  iterated: new Set(),
  guarded: new Set(),
  written: [],
  external: new Set(),
  typeOnly: new Set(),
});

/** Key of a file's top-level code. */
export const moduleKey = (file: string): string => `${file}#`;

export function analyse(file: ts.SourceFile, checker: ts.TypeChecker): FileSummary {
  const out = emptySummary();
  const types = new Types(checker);
  const a: Analysis = {
    file,
    types,
    out,
    flows: new Flows(types, out),
    refuse: (node, fn, message) => {
      out.refusals.push({ at: node.getStart(file), message, owner: fn.key });
    },
  };
  const top = newFunction(a, file, moduleKey(file.fileName), '(module)', 'top-level code', false);
  file.forEachChild((child) => visit(a, child, top));
  return out;
}

function newFunction(
  a: Analysis,
  node: ts.Node,
  key: string,
  name: string,
  cannot: CannotSuspend,
  pause: boolean,
): FunctionFact {
  const known = a.out.functions.get(key);
  if (known !== undefined) return known;
  const named = (node as ts.NamedDeclaration).name ?? node;
  const at = named.getStart(a.file);
  const calls: FunctionFact['calls'] = [];
  const fact: FunctionFact = {
    key,
    name,
    cannot,
    pause,
    at,
    atomics: -1,
    plain: false,
    calls,
    mentions: new Set(),
  };
  a.out.functions.set(key, fact);
  return fact;
}

function visit(a: Analysis, node: ts.Node, fn: FunctionFact): void {
  if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return;
  if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
  if (isTaggable(node) && tagsOf(node).has('opaque')) return;
  if (ts.canHaveModifiers(node) && isDeclare(node)) return;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    findTypeOnly(a, node);
    return;
  }
  if (ts.isFunctionLike(node)) {
    visitFunction(a, node, fn);
    return;
  }
  if (ts.isClassLike(node)) {
    visitClass(a, node, fn);
    return;
  }
  if (ts.isIdentifier(node) && !ts.isPropertyAccessExpression(node.parent)) mention(a, node, fn);
  if (ts.isCallExpression(node)) visitCall(a, node, fn);
  if (ts.isNewExpression(node)) visitNew(a, node, fn);
  if (ts.isTaggedTemplateExpression(node)) addCall(a, node, node.tag, fn);
  findShared(a, node, fn);
  findState(a, node, fn);
  if (ts.isExpression(node)) flow(a, node, fn);
  node.forEachChild((child) => visit(a, child, fn));
}

const isDeclare = (node: ts.HasModifiers): boolean =>
  ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.DeclareKeyword) === true;

function visitFunction(a: Analysis, node: ts.SignatureDeclaration, outer: FunctionFact): void {
  const { body } = node as ts.FunctionLikeDeclaration;
  const key = keyOf(node);
  if (body === undefined || key === undefined) return;
  const tags = tagsOf(node);
  const pause = tags.has('pause');
  const name = displayName(node);
  const fn = newFunction(a, node, key, name, whyNot(node), pause);
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node)) {
    outer.mentions.add(key);
    flow(a, node, outer);
  }
  if (isCalledByLanguage(node)) {
    a.out.sinks.push({ from: key, at: fn.at, to: 'the language, which calls it by itself', owner: key });
  }
  if (pause) {
    fn.atomics = fn.at;
    return;
  }
  const parameters = newFunction(a, node, `${key}/(parameters)`, name, 'parameter initialiser', false);
  fn.mentions.add(parameters.key);
  for (const p of node.parameters) {
    findShared(a, p, parameters);
    p.name.forEachChild((child) => visit(a, child, parameters));
    if (p.initializer !== undefined) visit(a, p.initializer, parameters);
  }
  if (ts.isBlock(body)) body.forEachChild((child) => visit(a, child, fn));
  else visit(a, body, fn);
}

/** Methods that are called where the text has no call. */
function isCalledByLanguage(node: ts.SignatureDeclaration): boolean {
  if (!ts.isMethodDeclaration(node)) return false;
  if (ts.isComputedPropertyName(node.name)) return node.name.getText().startsWith('[Symbol.');
  return ['toString', 'valueOf', 'toJSON', 'then'].includes(node.name.getText());
}

function whyNot(node: ts.SignatureDeclaration): CannotSuspend {
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  if (ts.isAccessor(node)) return 'accessor';
  if ((node as ts.FunctionLikeDeclaration).asteriskToken !== undefined) return 'generator';
  const isAsync =
    ts.canHaveModifiers(node) && ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.AsyncKeyword);
  return isAsync === true ? 'async function' : '';
}

function visitClass(a: Analysis, node: ts.ClassLikeDeclaration, outer: FunctionFact): void {
  const key = keyOf(node) ?? '';
  const name = node.name?.text ?? '(class)';
  const fields = newFunction(a, node, `${key}/(fields)`, name, 'class field initialiser', false);
  const { checker } = a.types;
  for (const clause of node.heritageClauses ?? []) {
    for (const base of clause.types) {
      const isBase = clause.token === ts.SyntaxKind.ExtendsKeyword;
      if (isBase) visit(a, base.expression, outer);
      const self = checker.getTypeAtLocation(node);
      a.flows.relate(self, checker.getTypeAtLocation(base), node.getStart(a.file), outer.key);
      if (isBase) {
        const statics = checker.getTypeOfSymbol(checker.getTypeAtLocation(node).symbol);
        a.flows.relate(statics, checker.getTypeAtLocation(base.expression), node.getStart(a.file), outer.key);
      }
    }
  }
  if (extendsOutside(checker.getTypeAtLocation(node))) a.out.external.add(key);
  for (const member of node.members) {
    if (member.name !== undefined && ts.isComputedPropertyName(member.name)) visit(a, member.name, outer);
    if (ts.isFunctionLike(member)) visitFunction(a, member, outer);
    else if (ts.isPropertyDeclaration(member) && member.initializer !== undefined) {
      flow(a, member.initializer, fields);
      visit(a, member.initializer, fields);
    } else if (ts.isClassStaticBlockDeclaration(member)) {
      member.body.forEachChild((child) => visit(a, child, fields));
    }
    // Methods are reached through the class.
    const memberKey = keyOf(member);
    if (memberKey !== undefined) fields.mentions.add(memberKey);
  }
  if (ts.isClassExpression(node)) outer.mentions.add(fields.key);
}

/** Whether some ancestor of a class is not of the program. */
function extendsOutside(type: ts.Type): boolean {
  if (!type.isClassOrInterface()) return true;
  const declaration = type.getSymbol()?.valueDeclaration;
  if (declaration === undefined || !isOfProgram(declaration)) return true;
  const extended = ts.isClassLike(declaration)
    ? declaration.heritageClauses?.some((h) => h.token === ts.SyntaxKind.ExtendsKeyword)
    : false;
  const bases = type.getBaseTypes() ?? [];
  return (extended === true && bases.length === 0) || bases.some(extendsOutside);
}

function visitCall(a: Analysis, node: ts.CallExpression, fn: FunctionFact): void {
  const callee = bare(node.expression);
  if (callee.kind === ts.SyntaxKind.SuperKeyword || callee.kind === ts.SyntaxKind.ImportKeyword) return;
  addCall(a, node, callee, fn);
}

function addCall(
  a: Analysis,
  node: ts.CallExpression | ts.TaggedTemplateExpression,
  callee: ts.Expression,
  fn: FunctionFact,
): void {
  const { types } = a;
  let type = types.of(callee);
  let keys = types.functionKeys(type);
  if (keys.length === 0 && ts.isPropertyAccessExpression(callee)) {
    const method = callee.name.text;
    if (method === 'call' || method === 'apply' || method === 'bind') {
      type = types.of(callee.expression);
      const ours = types.functionKeys(type);
      if (method === 'bind') {
        const owner = fn.key;
        for (const from of ours) a.out.sinks.push({ from, at: node.getStart(a.file), to: 'bind', owner });
      } else keys = ours;
    }
  }
  if (keys.length > 0) fn.calls.push({ at: node.getStart(a.file), end: node.end, targets: keys });
  for (const key of keys) fn.mentions.add(key);
  if (keys.length === 0 && types.signatures(type).length === 0 && ts.isCallExpression(node)) {
    a.out.guarded.add(node.end);
    for (const arg of node.arguments) leave(a, arg, 'a function of unknown type', fn);
  }
}

function visitNew(a: Analysis, node: ts.NewExpression, fn: FunctionFact): void {
  const made = a.types.checker.getTypeAtLocation(node).getSymbol();
  for (const d of made?.declarations ?? []) {
    const key = isOfProgram(d) && ts.isClassLike(d) ? keyOf(d) : undefined;
    if (key !== undefined)
      fn.calls.push({
        at: node.getStart(a.file),
        end: node.end,
        targets: [`${key}/constructor`, `${key}/(fields)`],
      });
    if (key !== undefined) fn.mentions.add(`${key}/constructor`).add(`${key}/(fields)`);
  }
}

/** A value that goes to code about which nothing is known. */
function leave(a: Analysis, value: ts.Expression, to: string, fn: FunctionFact): void {
  for (const from of a.types.functionKeys(a.types.of(value))) {
    a.out.sinks.push({ from, at: value.getStart(a.file), to, owner: fn.key });
  }
}

/** An expression whose value goes somewhere: into a parameter, a variable, a member, a result. */
function flow(a: Analysis, node: ts.Expression, fn: FunctionFact): void {
  if (!isValue(node)) return;
  const { checker } = a.types;
  if (ts.isArrayLiteralExpression(node) || ts.isConditionalExpression(node) || ts.isBinaryExpression(node)) {
    relateSiblings(a, node);
    return;
  }
  if (ts.isLiteralExpression(node) || ts.isPrefixUnaryExpression(node) || ts.isTemplateExpression(node))
    return;
  if (ts.isObjectLiteralExpression(node) && !flowsAsWhole(node)) return;
  const known = a.types.ofDeclared(bare(node));
  if (known !== undefined && (known.flags & ts.TypeFlags.Object) === 0) return;
  const { parent } = node;
  const isArgument = ts.isCallExpression(parent) || ts.isNewExpression(parent);
  const to = ts.isPropertyDeclaration(parent)
    ? checker.getTypeAtLocation(parent)
    : ((isArgument ? a.types.parameter(parent, node) : undefined) ?? checker.getContextualType(node));
  if (to === undefined || (to.flags & (ts.TypeFlags.Object | ts.TypeFlags.UnionOrIntersection)) === 0) return;
  if (a.types.arrayKind(to) !== undefined) return;
  const type = a.types.of(node);
  if (a.types.arrayKind(type) === undefined) a.flows.relate(type, to, node.getStart(a.file), fn.key);
}

/** An object literal flows by its members; as a whole where a library may take it, and with what is no expression. */
function flowsAsWhole(node: ts.ObjectLiteralExpression): boolean {
  return (
    ts.isCallExpression(node.parent) ||
    node.properties.some((p) => ts.isMethodDeclaration(p) || ts.isSpreadAssignment(p))
  );
}

function isValue(node: ts.Expression): boolean {
  const { parent } = node;
  switch (parent.kind) {
    case ts.SyntaxKind.CallExpression:
    case ts.SyntaxKind.NewExpression:
      return (parent as ts.CallExpression).expression !== node;
    case ts.SyntaxKind.VariableDeclaration:
    case ts.SyntaxKind.Parameter:
    case ts.SyntaxKind.PropertyDeclaration:
      // Without a declared type it keeps its own.
      return (
        (parent as ts.VariableDeclaration).initializer === node &&
        ((parent as ts.VariableDeclaration).type !== undefined ||
          ts.isArrayLiteralExpression(node) ||
          ts.isConditionalExpression(node) ||
          ts.isBinaryExpression(node) ||
          !ts.isIdentifier((parent as ts.VariableDeclaration).name))
      );
    case ts.SyntaxKind.PropertyAssignment:
    case ts.SyntaxKind.BindingElement:
      return (parent as ts.VariableDeclaration).initializer === node;
    case ts.SyntaxKind.BinaryExpression: {
      const { operatorToken, right } = parent as ts.BinaryExpression;
      const op = operatorToken.kind;
      return (
        (op >= ts.SyntaxKind.FirstAssignment && op <= ts.SyntaxKind.LastAssignment && right === node) ||
        op === ts.SyntaxKind.BarBarToken ||
        op === ts.SyntaxKind.QuestionQuestionToken ||
        (op === ts.SyntaxKind.AmpersandAmpersandToken && right === node)
      );
    }
    case ts.SyntaxKind.ConditionalExpression:
      return (parent as ts.ConditionalExpression).condition !== node;
    case ts.SyntaxKind.ArrowFunction:
      return (parent as ts.ArrowFunction).body === node;
    case ts.SyntaxKind.ShorthandPropertyAssignment:
    case ts.SyntaxKind.ArrayLiteralExpression:
    case ts.SyntaxKind.ReturnStatement:
    case ts.SyntaxKind.AsExpression:
    case ts.SyntaxKind.SatisfiesExpression:
    case ts.SyntaxKind.ParenthesizedExpression:
    case ts.SyntaxKind.SpreadElement:
    case ts.SyntaxKind.SpreadAssignment:
      return true;
    default:
      return false;
  }
}

/** Whether an operator's value is one of its operands. */
function isChoice(operator: ts.SyntaxKind): boolean {
  return (
    operator === ts.SyntaxKind.BarBarToken ||
    operator === ts.SyntaxKind.QuestionQuestionToken ||
    operator === ts.SyntaxKind.AmpersandAmpersandToken
  );
}

/**
 * The checker makes one of two functions of the same type when it unites the branches of a condition, or an array's
 * elements: they are tied here, before it forgets one.
 */
function relateSiblings(a: Analysis, node: ts.Expression): void {
  const parts: readonly ts.Expression[] = ts.isArrayLiteralExpression(node)
    ? node.elements
    : ts.isConditionalExpression(node)
      ? [node.whenTrue, node.whenFalse]
      : ts.isBinaryExpression(node) && isChoice(node.operatorToken.kind)
        ? [node.left, node.right]
        : [];
  let before: ts.Type | undefined;
  for (const part of parts) {
    if (ts.isLiteralExpression(part) || ts.isPrefixUnaryExpression(part)) continue;
    const type = a.types.of(part);
    if (before !== undefined) tie(a, before, type, 0);
    before = type;
  }
}

function tie(a: Analysis, one: ts.Type, two: ts.Type, depth: number): void {
  if (one === two || depth > 2 || (one.flags & two.flags & ts.TypeFlags.Object) === 0) return;
  for (const from of a.types.functionKeys(one)) {
    for (const to of a.types.functionKeys(two)) a.out.flows.push([from, to], [to, from]);
  }
  const symbol = one.getSymbol();
  if (symbol === undefined || !symbol.declarations?.some((d) => ts.isObjectLiteralExpression(d))) return;
  for (const p of one.getProperties()) {
    const q = two.getProperty(p.name);
    if (q !== undefined)
      tie(a, a.types.checker.getTypeOfSymbol(p), a.types.checker.getTypeOfSymbol(q), depth + 1);
  }
}

/** A function or class that is named: it may be called from wherever its name goes. */
function mention(a: Analysis, node: ts.Identifier, fn: FunctionFact): void {
  if (ts.isVariableDeclaration(node.parent) && node.parent.name === node) return;
  if (ts.isPropertyAssignment(node.parent) && node.parent.name === node) return;
  const symbol = a.types.symbolOf(node);
  if (symbol === undefined || !isReference(node)) return;
  for (const d of symbol.declarations ?? []) {
    if (!isOfProgram(d)) continue;
    if (ts.isFunctionDeclaration(d)) fn.mentions.add(keyOf(d) ?? '');
    else if (ts.isClassLike(d)) fn.mentions.add(`${keyOf(d)}/(fields)`);
    else if (ts.isVariableDeclaration(d) && d.initializer !== undefined) {
      const value = bare(d.initializer);
      if (ts.isArrowFunction(value) || ts.isFunctionExpression(value)) fn.mentions.add(keyOf(value) ?? '');
    }
  }
}

/** Names imported, or exported in a list, that are no values. */
function findTypeOnly(a: Analysis, node: ts.ImportDeclaration | ts.ExportDeclaration): void {
  const list = ts.isImportDeclaration(node)
    ? node.importClause?.namedBindings
    : node.moduleSpecifier === undefined
      ? node.exportClause
      : undefined;
  if (list === undefined || ts.isNamespaceImport(list) || ts.isNamespaceExport(list)) return;
  for (const element of list.elements) {
    const { checker } = a.types;
    let symbol = ts.isExportSpecifier(element)
      ? checker.getExportSpecifierLocalTargetSymbol(element)
      : checker.getSymbolAtLocation(element.name);
    if (symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0) {
      symbol = checker.getAliasedSymbol(symbol);
    }
    if (symbol?.declarations !== undefined && (symbol.flags & ts.SymbolFlags.Value) === 0)
      a.out.typeOnly.add(element.name.text);
  }
}
