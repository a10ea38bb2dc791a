/** Renders functions as generators where they are coloured, classes with their registration, and what suspends in them. */
import { ts } from '@ts-morph/common';
import { pauseStep, renderShared } from './emit-shared.ts';
import type { Emitter, Frame } from './emitter.ts';
import { blank, type Edit, isErased, notErasable } from './erase.ts';
import { keyOf } from './keys.ts';
import { contains } from './locals.ts';
import { isDeclarationName, isReference } from './scopes.ts';
import { isWithin, tagsOf } from './tags.ts';

/** Renders a node that needs more than its children and the blanking of types; undefined for all others. */
export function renderSpecial(e: Emitter, node: ts.Node): string | undefined {
  const why = notErasable(node);
  if (why !== undefined) e.refuse(node, why);
  if (isErased(node)) return `${blank(e.source(e.start(node), node.end))};`;
  if (ts.isFunctionLike(node)) return renderFunction(e, node);
  if (ts.isClassLike(node)) return renderClass(e, node);
  if (ts.isParameter(node)) return renderParameter(e, node);
  if (ts.isPropertyDeclaration(node)) return renderField(e, node);
  if (ts.isClassStaticBlockDeclaration(node)) {
    return e.inFrame(node, false, (frame) => {
      const body = e.render(node.body);
      return `static {${prologue(e, frame)}${body.slice(1)}`;
    });
  }
  if (ts.isIdentifier(node)) return renderIdentifier(e, node);
  if (ts.isPrivateIdentifier(node)) return renderPrivate(node);
  if (ts.isShorthandPropertyAssignment(node)) {
    const value = e.render(node.name);
    const init = node.objectAssignmentInitializer;
    const rest = init === undefined ? '' : ` = ${e.render(init)}`;
    return value === node.name.text ? `${value}${rest}` : `${node.name.text}: ${value}${rest}`;
  }
  if (ts.isVariableDeclaration(node)) return renderVariable(e, node);
  if (ts.isForOfStatement(node) || ts.isForInStatement(node)) return renderLoop(e, node);
  if (ts.isTryStatement(node)) return renderTry(e, node);
  if (ts.isSwitchStatement(node)) return renderSwitch(e, node);
  if (ts.isTaggedTemplateExpression(node) && e.callsColoured(node)) {
    e.refuse(node, 'a template tag that may block: call it as a function');
  }
  if (ts.isReturnStatement(node)) return renderReturn(e, node);
  if (ts.isBreakOrContinueStatement(node)) return renderJump(e, node);
  return renderShared(e, node);
}

/** Declarations at the start of a body. */
function prologue(e: Emitter, frame: Frame): string {
  let out = '';
  if (frame.temps > 0) out += `let ${Array.from({ length: frame.temps }, (_, i) => `$${i + 1}`).join(', ')};`;
  if (frame.usesDepth) out += 'const $d = $x.depth();';
  const parameters = ts.isFunctionLike(frame.node) ? frame.node.parameters : [];
  for (const p of parameters) {
    for (const name of namesIn(p.name)) {
      if (isBoxed(e, name)) out += `${name.text} = new $Box(${name.text});`;
    }
  }
  return out;
}

function namesIn(name: ts.BindingName): ts.Identifier[] {
  if (ts.isIdentifier(name)) return [name];
  return name.elements.flatMap((x) => (ts.isBindingElement(x) ? namesIn(x.name) : []));
}

function renderFunction(e: Emitter, node: ts.SignatureDeclaration): string {
  const { body } = node as ts.FunctionLikeDeclaration;
  if (body === undefined) return '';
  const coloured = e.isColouredFunction(node);
  const isPause = e.facts.functions.get(keyOf(node) ?? '')?.pause === true;
  const edits: Edit[] = [];
  const text = e.inFrame(node, coloured, (frame) => {
    if (isPause) {
      const lines = e.lines(e.start(body), body.end);
      return `{ ${pauseStep(e, ts.isArrowFunction(node) ? node : (node.name ?? node))};${lines} }`;
    }
    const inner = e.render(body);
    const start = prologue(e, frame);
    if (ts.isBlock(body)) return `{${start}${inner.slice(1)}`;
    return coloured || start !== '' ? `{ ${start}return ${inner}; }` : inner;
  });
  e.setReady(body, text);
  if (!coloured) return e.compose(node, edits);
  const at = e.start(node);
  if (!ts.isArrowFunction(node)) {
    const name = ts.isMethodDeclaration(node) ? e.start(node.name) : undefined;
    const from = name ?? keywordEnd(e, node);
    edits.push({ from, to: from, text: '*' });
    return e.compose(node, edits);
  }
  const arrow = node.equalsGreaterThanToken;
  const bound = usesThis(e, node);
  const isBare = e.source(at, at + 1) !== '(' && node.typeParameters === undefined;
  edits.push({ from: at, to: at, text: `${bound ? '(' : ''}function* ${isBare ? '(' : ''}` });
  edits.push({ from: e.start(arrow), to: arrow.end, text: isBare ? ')' : '' });
  return e.compose(node, edits) + (bound ? ').bind(this)' : '');
}

function keywordEnd(e: Emitter, node: ts.SignatureDeclaration): number {
  const modifiers = ts.canHaveModifiers(node) ? ts.getModifiers(node) : undefined;
  const from = modifiers?.at(-1)?.end ?? e.start(node);
  return e.file.text.indexOf('function', from) + 'function'.length;
}

/** Whether an arrow function needs the `this` of its surroundings; what it cannot take along is refused. */
function usesThis(e: Emitter, arrow: ts.ArrowFunction): boolean {
  let found = false;
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.ThisKeyword) found = true;
    if (node.kind === ts.SyntaxKind.SuperKeyword) e.refuse(node, 'super in an arrow function that may block');
    if (ts.isIdentifier(node) && node.text === 'arguments' && isReference(node)) {
      e.refuse(node, 'arguments in an arrow function that may block');
    }
    if (ts.isFunctionLike(node) && !ts.isArrowFunction(node)) return;
    if (!ts.isTypeNode(node)) node.forEachChild(visit);
  };
  arrow.forEachChild(visit);
  return found;
}

/** An expression outside of any body: what temporaries it needs it brings along. */
function alone(frame: Frame, text: string): string {
  if (frame.temps === 0) return text;
  const temps = Array.from({ length: frame.temps }, (_, i) => `$${i + 1}`).join(', ');
  return `(() => { let ${temps}; return ${text}; })()`;
}

function renderParameter(e: Emitter, node: ts.ParameterDeclaration): string {
  return e.inFrame(node, false, (frame) => {
    const { initializer } = node;
    if (initializer !== undefined) {
      const text = e.render(initializer);
      e.setReady(initializer, alone(frame, text));
    }
    const before = frame.temps;
    const text = e.compose(node);
    if (frame.temps > before) e.refuse(node, 'a parameter pattern that changes an element of a typed array');
    return text;
  });
}

function renderField(e: Emitter, node: ts.PropertyDeclaration): string | undefined {
  const { initializer } = node;
  if (initializer === undefined) return undefined;
  return e.inFrame(node, false, (frame) => {
    const text = e.render(initializer);
    e.setReady(initializer, alone(frame, text));
    return e.compose(node);
  });
}

function renderClass(e: Emitter, node: ts.ClassLikeDeclaration): string {
  const key = keyOf(node) ?? '';
  if (e.facts.external.has(key) || isWithin(node, 'opaque') || !e.facts.functions.has(`${key}/(fields)`)) {
    return e.compose(node);
  }
  const names = (e.written.get(key) ?? []).map(
    (name) => `'${name.startsWith('#') ? privateName(node, name) : name}'`,
  );
  const isHashed = !tagsOf(node).has('unhashed');
  const end = node.end - 1;
  const text = ` #$x = $x.reg(this, [${names.join(', ')}], ${isHashed}); `;
  return e.compose(node, [{ from: end, to: end, text }]);
}

/** Private fields are made visible, so that the explorer can read and reset them. */
function privateName(cls: ts.ClassLikeDeclaration, name: string): string {
  return `$${cls.name?.text ?? ''}_${name.slice(1)}`;
}

function renderPrivate(node: ts.PrivateIdentifier): string {
  let at: ts.Node = node.parent;
  while (!ts.isSourceFile(at)) {
    if (ts.isClassLike(at)) {
      const isOwn = at.members.some(
        (m) => m.name !== undefined && ts.isPrivateIdentifier(m.name) && m.name.text === node.text,
      );
      if (isOwn) break;
    }
    at = at.parent;
  }
  if (!ts.isClassLike(at)) return node.text;
  const name = privateName(at, node.text);
  const isTest = ts.isBinaryExpression(node.parent) && node.parent.left === node;
  return isTest ? `'${name}'` : name;
}

function isBoxed(e: Emitter, id: ts.Identifier): boolean {
  if (e.boxed.size === 0) return false;
  const variable = e.scopes.resolve(id);
  return variable !== undefined && e.boxed.has(variable);
}

function renderIdentifier(e: Emitter, node: ts.Identifier): string | undefined {
  if (e.boxed.size === 0 || !isReference(node) || isDeclarationName(node)) return undefined;
  return isBoxed(e, node) ? `${node.text}.v` : undefined;
}

function renderVariable(e: Emitter, node: ts.VariableDeclaration): string | undefined {
  const boxed = namesIn(node.name).find((name) => isBoxed(e, name));
  if (boxed === undefined) {
    if (e.state && !ts.isIdentifier(node.name) && node.initializer !== undefined && e.suspends(node.name)) {
      // A default value that suspends: what is taken apart is part of the state.
      const source = e.temp();
      e.setReady(node.initializer, `(${source} = ${e.render(node.initializer)})`);
      e.setReady(
        node.name,
        e.withPending([source], () => e.render(node.name)),
      );
    }
    return undefined;
  }
  const statement = node.parent.parent;
  if (!ts.isIdentifier(node.name) || !ts.isVariableStatement(statement)) {
    const what = 'a variable of a loop, a catch clause or a pattern';
    e.refuse(node, `${what} that a closure assigns to: take a variable of its own`);
    return undefined;
  }
  const { initializer } = node;
  if (initializer === undefined)
    return `${node.name.text} = new $Box(undefined)${e.lines(e.start(node), node.end)}`;
  e.setReady(initializer, `new $Box(${e.render(initializer)})`);
  return undefined;
}

/** State of the iterator is out of sight: how far it is, and over what, are kept beside it. */
function renderLoop(e: Emitter, node: ts.ForOfStatement | ts.ForInStatement): string | undefined {
  if (!e.state || !e.frame.coloured || !e.suspends(node.statement)) return undefined;
  const count = e.temp();
  const over = e.temp();
  e.setReady(node.expression, `(${over} = ${e.render(node.expression)}, ${count} = 0, ${over})`);
  const body = e.withPending([count, over], () => e.render(node.statement));
  const inner = ts.isBlock(node.statement) ? `{${count}++;${body.slice(1)}` : `{${count}++;${body}}`;
  e.setReady(node.statement, inner);
  return undefined;
}

/** What is compared with the cases is part of the state while one of them is evaluated. */
function renderSwitch(e: Emitter, node: ts.SwitchStatement): undefined {
  const cases = node.caseBlock.clauses.filter((c) => ts.isCaseClause(c));
  if (!e.state || !e.frame.coloured || !cases.some((c) => e.suspends(c.expression))) return;
  const subject = e.temp();
  e.setReady(node.expression, `${subject} = ${e.render(node.expression)}`);
  for (const c of cases)
    e.setReady(
      c.expression,
      e.withPending([subject], () => e.render(c.expression)),
    );
}

const COMPLETION = { threw: 0, fellThrough: 1, returned: 2 } as const;

function renderTry(e: Emitter, node: ts.TryStatement): string | undefined {
  const { frame } = e;
  if (!e.state || !frame.coloured) return undefined;
  frame.usesDepth = true;
  const { tryBlock, catchClause, finallyBlock } = node;
  const cut = '$x.cut($d);';
  const after = (text: string, insert: string): string => `{${insert}${text.slice(1)}`;
  const mustKeep = finallyBlock !== undefined && e.suspends(finallyBlock);
  if (!mustKeep) {
    if (catchClause !== undefined) e.setReady(catchClause.block, after(e.render(catchClause.block), cut));
    if (finallyBlock !== undefined) e.setReady(finallyBlock, after(e.render(finallyBlock), cut));
    return undefined;
  }
  // How the block ended decides what happens after the finally block: it is part of the state in there.
  const how = e.temp();
  const result = e.temp();
  const error = e.temp();
  frame.tries.push({ node, how, result });
  const whole = (block: ts.Block, start: string): string => {
    const text = e.render(block);
    return `{${start}${text.slice(1, -1)};${how} = ${COMPLETION.fellThrough};}`;
  };
  const begin = `${how} = ${COMPLETION.threw};`;
  let tried = whole(tryBlock, `${begin}${result} = ${error} = undefined;`);
  if (catchClause === undefined) tried += ` catch ($t) { throw ${error} = $t; }`;
  else e.setReady(catchClause.block, whole(catchClause.block, cut + begin));
  e.setReady(tryBlock, tried);
  frame.tries.pop();
  const kept = [how, result, error];
  e.setReady(
    finallyBlock,
    e.withPending(kept, () => after(e.render(finallyBlock), cut)),
  );
  return undefined;
}

function renderReturn(e: Emitter, node: ts.ReturnStatement): string | undefined {
  const { tries } = e.frame;
  if (tries.length === 0) return undefined;
  const value = node.expression === undefined ? 'undefined' : e.render(node.expression);
  const results = tries.map((t) => `${t.result} = `).join('');
  const hows = tries.map((t) => `${t.how} = `).join('');
  const last = tries.at(-1)?.result;
  return `return (${results}${value}, ${hows}${COMPLETION.returned}, ${last});`;
}

function renderJump(e: Emitter, node: ts.BreakOrContinueStatement): string | undefined {
  const target = jumpTarget(node);
  const crossed = e.frame.tries.filter((t) => target === undefined || !contains(t.node, target));
  if (crossed.length === 0) return undefined;
  const hows = crossed.map((t) => `${t.how} = `).join('');
  return `{ ${hows}${e.start(node) + 3}; ${node.getText(e.file)} }`;
}

function jumpTarget(node: ts.BreakOrContinueStatement): ts.Node | undefined {
  for (let at: ts.Node = node.parent; !ts.isSourceFile(at); at = at.parent) {
    if (node.label !== undefined) {
      if (ts.isLabeledStatement(at) && at.label.text === node.label.text) return at;
    } else if (ts.isIterationStatement(at, false)) return at;
    else if (ts.isBreakStatement(node) && ts.isSwitchStatement(at)) return at;
    if (ts.isFunctionLike(at)) return undefined;
  }
  return undefined;
}
