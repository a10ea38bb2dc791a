/**
 * What TypeScript has and JavaScript has not, as ranges to blank out of a node's own text (its children render
 * themselves). Only syntax that can be blanked: no enum, namespace or parameter property.
 */
import { ts } from '@ts-morph/common';

/** Text to put in place of a part of the source; what it covers is not rendered. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Nothing but the line breaks of a text, and a space that keeps its neighbours apart. */
export const blank = (text: string): string => ` ${text.replaceAll(/[^\n]/g, '')}`;

/** Whether a statement or member is nothing at run time. */
export function isErased(node: ts.Node): boolean {
  if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return true;
  if (ts.isIndexSignatureDeclaration(node) || ts.isNamespaceExportDeclaration(node)) return true;
  if (ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node) || ts.isConstructorDeclaration(node)) {
    if (node.body === undefined) return true;
  }
  if (!ts.canHaveModifiers(node)) return false;
  const modifiers = ts.getModifiers(node) ?? [];
  if (modifiers.some((m) => m.kind === ts.SyntaxKind.DeclareKeyword)) return true;
  const isAbstract = modifiers.some((m) => m.kind === ts.SyntaxKind.AbstractKeyword);
  return isAbstract && !ts.isClassDeclaration(node);
}

/** Why a node cannot be blanked out or kept; undefined when it can. */
export function notErasable(node: ts.Node): string | undefined {
  if (ts.isEnumDeclaration(node)) return 'an enum is no erasable syntax: use a const object';
  if (ts.isModuleDeclaration(node)) return 'a namespace is no erasable syntax';
  if (ts.isParameter(node) && ts.isParameterPropertyDeclaration(node, node.parent)) {
    return 'a parameter property is no erasable syntax: declare the field and assign it';
  }
  if (ts.isImportEqualsDeclaration(node) || ts.isExportAssignment(node)) {
    if (ts.isImportEqualsDeclaration(node) || node.isExportEquals === true)
      return 'import = and export = are no ES modules';
  }
  if (ts.isDecorator(node)) return 'decorators cannot be explored';
  return undefined;
}

const ERASED_MODIFIERS = new Set([
  ts.SyntaxKind.PublicKeyword,
  ts.SyntaxKind.PrivateKeyword,
  ts.SyntaxKind.ProtectedKeyword,
  ts.SyntaxKind.ReadonlyKeyword,
  ts.SyntaxKind.OverrideKeyword,
  ts.SyntaxKind.AbstractKeyword,
]);

export class Eraser {
  private readonly text: string;
  private readonly file: ts.SourceFile;

  constructor(file: ts.SourceFile) {
    this.file = file;
    this.text = file.text;
  }

  /** The edits of one node. */
  edits(node: ts.Node): Edit[] {
    const out: Edit[] = [];
    if (ts.canHaveModifiers(node)) {
      for (const m of ts.getModifiers(node) ?? []) {
        if (ERASED_MODIFIERS.has(m.kind)) this.cut(out, m.getStart(this.file), m.end);
      }
    }
    if (ts.isParameter(node) || ts.isVariableDeclaration(node) || ts.isPropertyDeclaration(node)) {
      const { exclamationToken } = node as ts.VariableDeclaration;
      const { questionToken } = node as ts.ParameterDeclaration;
      for (const token of [exclamationToken, questionToken]) {
        if (token !== undefined) this.cut(out, token.getStart(this.file), token.end);
      }
      if (node.type !== undefined) this.cut(out, this.colon(node.type), node.type.end);
    }
    if (ts.isFunctionLike(node)) this.functionEdits(node, out);
    if (ts.isClassLike(node)) {
      this.typeList(node.typeParameters, out);
      for (const h of node.heritageClauses ?? []) {
        if (h.token === ts.SyntaxKind.ImplementsKeyword) this.cut(out, h.getStart(this.file), h.end);
      }
    }
    if (ts.isCallExpression(node) || ts.isNewExpression(node) || ts.isTaggedTemplateExpression(node)) {
      this.typeList(node.typeArguments, out);
    }
    if (ts.isExpressionWithTypeArguments(node)) this.typeList(node.typeArguments, out);
    if (ts.isAsExpression(node) || ts.isSatisfiesExpression(node))
      this.cut(out, node.expression.end, node.end);
    if (ts.isNonNullExpression(node)) this.cut(out, node.expression.end, node.end);
    if (ts.isTypeAssertionExpression(node)) {
      this.cut(out, node.getStart(this.file), node.expression.getStart(this.file));
    }
    if (isStatementOrField(node) && !this.text.slice(node.getStart(this.file), node.end).endsWith(';')) {
      out.push({ from: node.end, to: node.end, text: ';' });
    }
    return out;
  }

  private functionEdits(node: ts.SignatureDeclaration, out: Edit[]): void {
    this.typeList(node.typeParameters, out);
    const { questionToken } = node as ts.MethodDeclaration;
    if (questionToken !== undefined) this.cut(out, questionToken.getStart(this.file), questionToken.end);
    const first = node.parameters.at(0);
    if (first !== undefined && ts.isIdentifier(first.name) && first.name.text === 'this') {
      const next = node.parameters.at(1);
      this.cut(out, first.getStart(this.file), next?.getStart(this.file) ?? node.parameters.end);
    }
    if (node.type !== undefined) {
      // No line may begin between the parameters of an arrow function and its arrow.
      const from = this.colon(node.type);
      const close = this.text.lastIndexOf(')', from);
      const isBroken = ts.isArrowFunction(node) && this.text.slice(close, node.type.end).includes('\n');
      if (isBroken) {
        const lines = blank(this.text.slice(close + 1, node.type.end));
        out.push({ from: close, to: node.type.end, text: `${lines})` });
      } else this.cut(out, from, node.type.end);
    }
  }

  /** Type parameters or arguments with their angle brackets. */
  private typeList(list: ts.NodeArray<ts.Node> | undefined, out: Edit[]): void {
    if (list === undefined) return;
    this.cut(out, list.pos - 1, this.text.indexOf('>', list.end) + 1);
  }

  /** Where the colon of a type annotation is. */
  private colon(type: ts.TypeNode): number {
    return this.text.lastIndexOf(':', type.pos);
  }

  private cut(out: Edit[], from: number, to: number): void {
    out.push({ from, to, text: blank(this.text.slice(from, to)) });
  }
}

/** What ends with a semicolon; blanked types could otherwise join a statement to the next. */
function isStatementOrField(node: ts.Node): boolean {
  return (
    ts.isExpressionStatement(node) ||
    ts.isVariableStatement(node) ||
    ts.isReturnStatement(node) ||
    ts.isThrowStatement(node) ||
    ts.isPropertyDeclaration(node)
  );
}
