/**
 * The part of a file that other files' types can depend on: all of it but comments and the bodies of functions with a
 * given type.
 */
import { ts } from '@ts-morph/common';

const shapes = new WeakMap<ts.SourceFile, string>();

export function shapeOf(file: ts.SourceFile | undefined): string {
  if (file === undefined) return '';
  const known = shapes.get(file);
  if (known !== undefined) return known;
  const cuts: { readonly from: number; readonly to: number }[] = [];
  const visit = (node: ts.Node): void => {
    const { body, type } = node as ts.FunctionLikeDeclaration;
    if (
      ts.isFunctionLike(node) &&
      body !== undefined &&
      (type !== undefined || ts.isConstructorDeclaration(node))
    ) {
      // Functions inside have names that other files may know (keys.ts) only through types, which this one states.
      cuts.push({ from: body.pos, to: body.end });
      for (const p of node.parameters) visit(p);
      return;
    }
    node.forEachChild(visit);
  };
  visit(file);
  let out = '';
  let at = 0;
  for (const { from, to } of [...cuts, { from: file.text.length, to: 0 }]) {
    out += tokens(file.text.slice(at, from));
    at = to;
  }
  shapes.set(file, out);
  return out;
}

function tokens(text: string): string {
  const scanner = ts.createScanner(ts.ScriptTarget.ES2022, true, ts.LanguageVariant.Standard, text);
  let out = '';
  while (scanner.scan() !== ts.SyntaxKind.EndOfFileToken) out += `${scanner.getTokenText()} `;
  return out;
}
