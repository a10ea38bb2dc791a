/** The tags by which a source talks to the transform: `@explore pause`, `@explore opaque`, `@explore unhashed`. */
import { ts } from '@ts-morph/common';

export type Tag = 'pause' | 'opaque' | 'unhashed';

const TAG = /@explore\s+(pause|opaque|unhashed)\b/g;

/** The tags in the comments before a declaration; before the statement, for a variable or what it is set to. */
export function tagsOf(node: ts.Node): ReadonlySet<Tag> {
  const tags = new Set<Tag>();
  const text = node.getSourceFile().text;
  for (const at of commentOwners(node)) {
    for (const range of ts.getLeadingCommentRanges(text, at.getFullStart()) ?? []) {
      for (const m of text.slice(range.pos, range.end).matchAll(TAG)) tags.add(m[1] as Tag);
    }
  }
  return tags;
}

function commentOwners(node: ts.Node): ts.Node[] {
  const out = [node];
  let at = node;
  while (ts.isParenthesizedExpression(at.parent) || ts.isAsExpression(at.parent)) at = at.parent;
  if (ts.isFunctionExpression(node) || ts.isArrowFunction(node) || ts.isClassExpression(node)) {
    if (ts.isPropertyAssignment(at.parent) || ts.isPropertyDeclaration(at.parent)) out.push(at.parent);
    if (ts.isVariableDeclaration(at.parent)) at = at.parent;
  }
  if (ts.isVariableDeclaration(at)) {
    out.push(at);
    if (ts.isVariableStatement(at.parent.parent)) out.push(at.parent.parent);
  }
  return out;
}

/** Whether a place lies in a declaration that is tagged so. */
export function isWithin(node: ts.Node, tag: Tag): boolean {
  for (let at: ts.Node | undefined = node; at !== undefined; at = at.parent) {
    if (isTaggable(at) && tagsOf(at).has(tag)) return true;
  }
  return false;
}

export function isTaggable(node: ts.Node): boolean {
  return ts.isFunctionLike(node) || ts.isClassLike(node) || ts.isVariableDeclaration(node);
}
