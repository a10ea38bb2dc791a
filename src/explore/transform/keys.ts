/**
 * Names of functions and function types that outlive a change elsewhere in the program: file + path of the enclosing
 * declarations. What one file knows of another it knows by these names.
 */
import { ts } from '@ts-morph/common';

const keysOfFile = new WeakMap<ts.SourceFile, ReadonlyMap<ts.Node, string>>();

/** Key of a declaration with a call signature, or of a class; undefined when it has none. */
export function keyOf(node: ts.Node): string | undefined {
  const file = node.getSourceFile();
  let keys = keysOfFile.get(file);
  if (keys === undefined) {
    keys = assignKeys(file);
    keysOfFile.set(file, keys);
  }
  return keys.get(node);
}

const hasKey = (node: ts.Node): boolean => ts.isFunctionLike(node) || ts.isClassLike(node);

function assignKeys(file: ts.SourceFile): ReadonlyMap<ts.Node, string> {
  const keys = new Map<ts.Node, string>();
  const taken = new Map<string, ts.Node>();
  const name = (path: string, node: ts.Node): string => {
    const plain = `${path}/${ownName(node)}`;
    let key = plain;
    for (let n = 2; ; n++) {
      const other = taken.get(key);
      if (other === undefined || areOneFunction(other, node)) break;
      key = `${plain}~${n}`;
    }
    taken.set(key, node);
    return key;
  };
  const visit = (node: ts.Node, path: string): void => {
    let inner = path;
    if (hasKey(node)) {
      inner = name(path, node);
      keys.set(node, inner);
    } else if (isScopeOfNames(node)) inner = `${path}/${ownName(node)}`;
    node.forEachChild((child) => visit(child, inner));
  };
  file.forEachChild((child) => visit(child, `${file.fileName}#`));
  return keys;
}

/** Overloads and their implementation, or the parts of an interface. */
function areOneFunction(a: ts.Node, b: ts.Node): boolean {
  if (a.kind !== b.kind || a.parent !== b.parent) return false;
  if (ts.isMethodSignature(a)) return true;
  return (
    (ts.isFunctionDeclaration(a) || ts.isMethodDeclaration(a) || ts.isConstructorDeclaration(a)) &&
    a.body === undefined
  );
}

function isScopeOfNames(node: ts.Node): boolean {
  return (
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isVariableDeclaration(node) ||
    ts.isPropertySignature(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isPropertyAssignment(node) ||
    ts.isParameter(node)
  );
}

function ownName(node: ts.Node): string {
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  const prefix = ts.isGetAccessor(node) ? 'get ' : ts.isSetAccessor(node) ? 'set ' : '';
  const isStatic =
    ts.canHaveModifiers(node) && ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.StaticKeyword);
  const { name } = node as ts.NamedDeclaration;
  const own = name === undefined ? '()' : ts.isIdentifier(name) ? name.text : name.getText();
  return (isStatic === true ? 'static ' : '') + prefix + own;
}

/** A function's name as people say it: `Thread.hold`, `outer/(callback)`, `(module)`. */
export function displayName(node: ts.Node): string {
  const parts: string[] = [];
  for (let at: ts.Node = node; !ts.isSourceFile(at); at = at.parent) {
    if (ts.isClassLike(at)) parts.unshift(`${at.name?.text ?? '(class)'}.`);
    else if (ts.isFunctionLike(at)) parts.unshift(`${ownFunctionName(at)}${parts.length > 0 ? '/' : ''}`);
  }
  return parts.join('') || '(module)';
}

function ownFunctionName(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined || ts.isConstructorDeclaration(node)) return ownName(node);
  let at: ts.Node = node.parent;
  while (ts.isParenthesizedExpression(at) || ts.isAsExpression(at)) at = at.parent;
  if (ts.isVariableDeclaration(at) || ts.isPropertyAssignment(at) || ts.isPropertyDeclaration(at)) {
    return at.name.getText();
  }
  return '(callback)';
}
