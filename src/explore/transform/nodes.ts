/** Small questions about syntax trees. */
import { ts } from '@ts-morph/common';

/** What wraps an expression without changing its value: parentheses, casts. */
export type Wrapper =
  | ts.ParenthesizedExpression
  | ts.AsExpression
  | ts.SatisfiesExpression
  | ts.NonNullExpression
  | ts.TypeAssertion;

export function isWrapper(node: ts.Node): node is Wrapper {
  return (
    ts.isParenthesizedExpression(node) ||
    ts.isAsExpression(node) ||
    ts.isSatisfiesExpression(node) ||
    ts.isNonNullExpression(node) ||
    ts.isTypeAssertionExpression(node)
  );
}

/** An expression without what wraps it. */
export function bare(node: ts.Expression): ts.Expression {
  let at = node;
  while (isWrapper(at)) at = at.expression;
  return at;
}

/** The outermost wrapper of an expression, or itself. */
export function wrapped(node: ts.Node): ts.Node {
  let at = node;
  while (isWrapper(at.parent)) at = at.parent;
  return at;
}

/** `a?.[i].x`: what comes after is skipped as well when `a` is missing. */
export function isInLongerChain(node: ts.Expression): boolean {
  const { parent } = node;
  return (
    ts.isOptionalChain(node) &&
    ts.isOptionalChain(parent) &&
    (parent as ts.CallChain).questionDotToken === undefined &&
    parent.expression === node
  );
}
