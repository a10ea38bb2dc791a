/** Renders accesses of shared memory, clocks and calls as the hook calls of hooks.ts. */
import { ts } from '@ts-morph/common';
import { RMW } from '../hooks.ts';
import type { Emitter } from './emitter.ts';
import { bare, isInLongerChain } from './nodes.ts';

export function renderShared(e: Emitter, node: ts.Node): string | undefined {
  if (ts.isCallExpression(node)) return renderCall(e, node);
  if (ts.isNewExpression(node)) return renderNew(e, node);
  if (ts.isElementAccessExpression(node)) {
    return isWatched(e, node) ? inLines(e, node, renderRead(e, node)) : undefined;
  }
  if (ts.isBinaryExpression(node)) {
    const left = bare(node.left);
    const op = node.operatorToken;
    if (op.kind < ts.SyntaxKind.FirstAssignment || op.kind > ts.SyntaxKind.LastAssignment) return undefined;
    return isWatched(e, left) ? inLines(e, node, renderAssignment(e, node, left)) : undefined;
  }
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
    const { operator } = node;
    const operand = bare(node.operand);
    const isStep = operator === ts.SyntaxKind.PlusPlusToken || operator === ts.SyntaxKind.MinusMinusToken;
    return isStep && isWatched(e, operand) ? inLines(e, node, renderStep(e, node, operand)) : undefined;
  }
  if (ts.isPropertyAccessExpression(node)) {
    const clock = e.facts.clocks.get(node.end);
    return clock !== undefined && !clock.call ? `(() => ${clockCall(e, node, clock.hook)})` : undefined;
  }
  return undefined;
}

function isWatched(e: Emitter, node: ts.Node): node is ts.ElementAccessExpression {
  return ts.isElementAccessExpression(node) && e.watchesPlain && e.facts.elements.has(node.end);
}

function clockCall(e: Emitter, node: ts.Node, hook: string): string {
  return `$x.${hook}(${hook === 'random' ? e.site(node) : ''})`;
}

/** A scheduling point in its two halves. */
function point(e: Emitter, node: ts.Node, first: string, second: string): string {
  if (!e.frame.coloured) return dead(e, node);
  const top = e.state ? `, $x.top(${e.localsAt(node)})` : '';
  return `(${first}${top} && (yield), ${second})`;
}

/** Code that cannot be explored, in a function that nothing reaches. */
function dead(e: Emitter, node: ts.Node): string {
  const { line } = e.file.getLineAndCharacterOfPosition(e.start(node));
  const where = `${e.file.fileName}:${line + 1}`;
  return `(() => { throw new Error(${JSON.stringify(`${where}: this cannot be explored`)}); })()`;
}

/** Keeps the lines of what follows a node where they were: puts missing line breaks before its last parenthesis. */
function inLines(e: Emitter, node: ts.Node, text: string): string {
  const wanted = e.lines(e.start(node), node.end).length;
  const missing = wanted - (text.length - text.replaceAll('\n', '').length);
  if (missing <= 0) return text;
  return `${text.slice(0, -1)}${'\n'.repeat(missing)}${text.slice(-1)}`;
}

/** Arguments without their parentheses and a last comma. */
function args(e: Emitter, node: ts.CallExpression | ts.NewExpression): string {
  const list = node.arguments;
  if (list === undefined) return '';
  let out = '';
  let at = list.pos;
  for (const arg of list) {
    out += e.source(at, e.start(arg)) + e.render(arg);
    at = arg.end;
  }
  return out + e.lines(at, list.end);
}

function renderCall(e: Emitter, node: ts.CallExpression): string | undefined {
  const operation = e.facts.atomics.get(node.end);
  if (operation !== undefined) return inLines(e, node, renderAtomics(e, node, operation));
  const clock = e.facts.clocks.get(node.end);
  if (clock?.call === true) return inLines(e, node, clockCall(e, node, clock.hook));
  const bulk = e.facts.bulk.get(node.end);
  if (bulk !== undefined && e.watchesPlain) return inLines(e, node, renderMethod(e, node, bulk));
  if (e.callsColoured(node)) return inLines(e, node, renderColoured(e, node));
  if (e.facts.guarded.has(node.end) && e.options.dialect === 'explore' && !ts.isOptionalChain(node)) {
    if (node.expression.kind === ts.SyntaxKind.ImportKeyword) return undefined;
    const { line, character } = e.file.getLineAndCharacterOfPosition(e.start(node));
    return `$g(${e.compose(node)}, '${line + 1}:${character + 1}')`;
  }
  return undefined;
}

function renderAtomics(e: Emitter, node: ts.CallExpression, operation: string): string {
  e.prepare(node.arguments);
  const given = node.arguments.length;
  const list = e.lines(e.start(node), node.arguments.pos) + args(e, node);
  const site = e.site(node);
  const more = (wanted: number): string =>
    `${list}${', undefined'.repeat(Math.max(0, wanted - given))}, ${site}`;
  const isControlled = e.options.dialect === 'controlled';
  const two = (name: string, first: string, second: string): string =>
    isControlled ? `$x.${name}(${first})` : point(e, node, `$x.${name}(${first})`, `$x.${second}()`);
  switch (operation) {
    case 'load':
      return two('load', more(2), 'doLoad');
    case 'store':
      return two('store', more(3), 'doStore');
    case 'compareExchange':
      return two('cas', more(4), 'doCas');
    case 'notify':
      return two('notify', more(3), 'doNotify');
    case 'pause':
      return isControlled ? `$x.pause(${site})` : point(e, node, `$x.pause(${site})`, 'undefined');
    case 'wait': {
      if (isControlled) return `$x.wait(${more(4)})`;
      return point(e, node, `$x.wait(${more(4)})`, '$x.doWait() && (yield), $x.waited()');
    }
    default:
      return two('rmw', `${RMW[operation as keyof typeof RMW]}, ${more(3)}`, 'doRmw');
  }
}

/** The body of a function marked `@explore pause`. */
export function pauseStep(e: Emitter, node: ts.Node): string {
  if (e.options.dialect === 'controlled') return `$x.pause(${e.site(node)})`;
  return point(e, node, `$x.pause(${e.site(node)})`, 'undefined');
}

function renderNew(e: Emitter, node: ts.NewExpression): string | undefined {
  const kind = e.facts.news.get(node.end);
  if (kind === undefined) return undefined;
  e.prepare(node.arguments ?? []);
  const list = args(e, node);
  if (kind === 'sab') return inLines(e, node, `$x.sab(${list})`);
  if (kind === 'date') return inLines(e, node, 'new Date($x.dateNow())');
  const sep = list === '' ? '' : ', ';
  return inLines(e, node, `$x.view(${node.expression.getText(e.file)}, ${e.site(node)}${sep}${list})`);
}

function renderMethod(e: Emitter, node: ts.CallExpression, hook: 'bulk' | 'dv'): string {
  const callee = node.expression as ts.PropertyAccessExpression;
  const { expression, name } = callee;
  e.prepare([expression, ...node.arguments]);
  const receiver = e.render(expression);
  const isOptional = ts.isOptionalChain(node);
  const temp = isOptional ? e.temp() : '';
  const list = e.withPending(isOptional ? [temp] : [], () => args(e, node));
  const sep = list === '' ? '' : ', ';
  const rest = `'${name.text}', ${e.site(node)}${sep}${list}`;
  if (!isOptional) return `$x.${hook}(${receiver}, ${rest})`;
  return `((${temp} = ${receiver}) == null ? undefined : $x.${hook}(${temp}, ${rest}))`;
}

function renderColoured(e: Emitter, node: ts.CallExpression): string {
  if (!e.frame.coloured) return dead(e, node);
  const run = (call: string): string =>
    e.state ? `$x.pop(yield* $x.sub(${call}, ${e.site(node)}, ${e.localsAt(node)}))` : `(yield* ${call})`;
  if (!ts.isOptionalChain(node)) return run(e.compose(node));
  if (isInLongerChain(node)) {
    e.refuse(node, 'optional chaining goes on after a call that may block: take it apart');
    return '';
  }
  const callee = node.expression;
  const test = e.temp();
  const list = (...kept: readonly string[]): string => e.withPending(kept, () => args(e, node));
  if (!ts.isPropertyAccessExpression(callee)) {
    return `((${test} = ${e.render(callee)}) == null ? undefined : ${run(`${test}(${list(test)})`)})`;
  }
  const name = callee.name.text;
  const receiver = e.render(callee.expression);
  if (node.questionDotToken === undefined) {
    const call = `${test}.${name}(${list(test)})`;
    return `((${test} = ${receiver}) == null ? undefined : ${run(call)})`;
  }
  const self = e.temp();
  const dot = callee.questionDotToken === undefined ? '.' : '?.';
  const sep = node.arguments.length > 0 ? ', ' : '';
  const call = `${test}.call(${self}${sep}${list(test, self)})`;
  return `((${test} = (${self} = ${receiver})${dot}${name}) == null ? undefined : ${run(call)})`;
}

/** Reads an element whose array and index are given as texts. */
function read(e: Emitter, node: ts.Node, array: string, index: string): string {
  const operands = `${array}, ${index}, ${e.site(node)}`;
  if (isPoint(e)) return point(e, node, `$x.pr(${operands})`, '$x.doR()');
  return `$x.r(${operands})`;
}

function write(e: Emitter, node: ts.Node, array: string, index: string, value: string): string {
  const operands = `${array}, ${index}, ${value}, ${e.site(node)}`;
  if (isPoint(e)) return point(e, node, `$x.pw(${operands})`, '$x.doW()');
  return `$x.w(${operands})`;
}

/** Whether the access may suspend; notes where it should and cannot. */
function isPoint(e: Emitter): boolean {
  if (!e.points || e.options.dialect === 'controlled') return false;
  if (!e.frame.coloured) e.plainNotPoints.push(e.sites.length - 1);
  return e.frame.coloured;
}

function renderRead(e: Emitter, node: ts.ElementAccessExpression): string {
  e.prepare([node.expression, node.argumentExpression]);
  const array = e.render(node.expression);
  const index = e.render(node.argumentExpression);
  if (!ts.isOptionalChain(node)) return read(e, node, array, index);
  const temp = e.temp();
  return `((${temp} = ${array}) == null ? undefined : ${read(e, node, temp, index)})`;
}

/** An operand that is used twice: as it is the first time, and again. */
interface Twice {
  readonly first: string;
  readonly again: string;
}

function twice(e: Emitter, node: ts.Expression): Twice {
  const text = e.render(node);
  const core = bare(node);
  const isStable =
    core.kind === ts.SyntaxKind.ThisKeyword ||
    ts.isNumericLiteral(core) ||
    (ts.isIdentifier(core) && e.locals.isConstant(core));
  if (isStable) return { first: text, again: text };
  const temp = e.temp();
  return { first: `${temp} = ${text}`, again: temp };
}

/** What of an operand must be kept while the thread is suspended. */
const kept = (operands: readonly Twice[]): string[] =>
  operands.map((o) => o.again).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name));

/** The array and the index of an element that is read and then written. */
function place(
  e: Emitter,
  target: ts.ElementAccessExpression,
): { readonly array: Twice; readonly index: Twice } {
  const array = twice(e, target.expression);
  const index = e.withPending(kept([array]), () => twice(e, target.argumentExpression));
  return { array, index };
}

function renderAssignment(e: Emitter, node: ts.BinaryExpression, target: ts.ElementAccessExpression): string {
  const op = node.operatorToken.getText(e.file).slice(0, -1);
  if (op === '') {
    e.prepare([target.expression, target.argumentExpression, node.right]);
    const array = e.render(target.expression);
    const index = e.render(target.argumentExpression);
    return write(e, node, array, index, e.render(node.right));
  }
  const { array, index } = place(e, target);
  const keeps = kept([array, index]);
  if (op === '&&' || op === '||' || op === '??') {
    const before = e.withPending(keeps, () => read(e, target, array.first, index.first));
    const value = e.withPending(keeps, () => e.render(node.right));
    return `(${before} ${op} ${write(e, node, array.again, index.again, value)})`;
  }
  let old = e.withPending(keeps, () => read(e, target, array.again, index.again));
  if (e.state && e.suspends(node.right)) {
    const temp = e.temp();
    old = `(${temp} = ${old})`;
    keeps.push(temp);
  }
  const value = e.withPending(keeps, () => e.render(node.right));
  return write(e, node, array.first, index.first, `${old} ${op} (${value})`);
}

function renderStep(
  e: Emitter,
  node: ts.PrefixUnaryExpression | ts.PostfixUnaryExpression,
  target: ts.ElementAccessExpression,
): string {
  const sign = node.operator === ts.SyntaxKind.PlusPlusToken ? '+' : '-';
  const one = e.facts.elements.get(target.end) === 'bigint' ? '1n' : '1';
  const { array, index } = place(e, target);
  const before = e.withPending(kept([array, index]), () => read(e, target, array.again, index.again));
  if (ts.isPrefixUnaryExpression(node) || isUnused(node)) {
    return write(e, node, array.first, index.first, `${before} ${sign} ${one}`);
  }
  const old = e.temp();
  const written = e.withPending([old], () =>
    write(e, node, array.first, index.first, `(${old} = ${before}) ${sign} ${one}`),
  );
  return `(${written}, ${old})`;
}

function isUnused(node: ts.Expression): boolean {
  const { parent } = node;
  return ts.isExpressionStatement(parent) || (ts.isForStatement(parent) && parent.incrementor === node);
}
