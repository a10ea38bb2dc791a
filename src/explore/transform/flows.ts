/**
 * Where function values go: an argument into a parameter, a method into the interface that its class implements. What
 * may be called through one place must be a generator all together or not at all.
 */
import { ts } from '@ts-morph/common';
import type { FileSummary } from './summary.ts';
import { isOfProgram, signatureKey, type Types } from './types-of.ts';

const DEEPEST = 4;
const LIB = 'a library function';

export class Flows {
  private readonly seen = new Set<string>();
  private readonly types: Types;
  private readonly out: FileSummary;

  constructor(types: Types, out: FileSummary) {
    this.types = types;
    this.out = out;
  }

  /** A value of type `from` becomes one of type `to`, at a node in a function. */
  relate(from: ts.Type, to: ts.Type, at: number, owner: string, depth = 0): void {
    if (from === to || depth > DEEPEST || isPlain(from) || isPlain(to)) return;
    const id = `${typeId(from)}>${typeId(to)}`;
    if (this.seen.has(id)) return;
    const { checker } = this.types;
    const target = checker.getNonNullableType(to);
    const source = checker.getNonNullableType(from);
    if (target.isUnionOrIntersection()) {
      for (const part of target.types) this.relate(source, part, at, owner, depth);
      return;
    }
    if (source.isUnionOrIntersection()) {
      for (const part of source.types) this.relate(part, target, at, owner, depth);
      return;
    }
    const leavesBefore = this.out.sinks.length + this.out.lent.length;
    this.relateCalls(source, target, at, owner, depth);
    this.relateMembers(source, target, at, owner, depth);
    // A function that leaves the program is told of at each place where it does.
    if (this.out.sinks.length + this.out.lent.length === leavesBefore) this.seen.add(id);
  }

  private relateCalls(source: ts.Type, target: ts.Type, at: number, owner: string, depth: number): void {
    for (const from of source.getCallSignatures()) {
      const key = signatureKey(from);
      for (const to of target.getCallSignatures()) {
        const toKey = signatureKey(to);
        if (key !== undefined && toKey !== undefined && key !== toKey) this.out.flows.push([key, toKey]);
        if (key !== undefined && toKey === undefined) this.out.sinks.push({ from: key, at, to: LIB, owner });
        if (key === undefined && toKey !== undefined && depth === 0)
          this.out.lent.push({ to: toKey, at, owner });
        if (depth >= DEEPEST) continue;
        this.relate(from.getReturnType(), to.getReturnType(), at, owner, depth + 1);
        const ours = from.getParameters();
        to.getParameters().forEach((p, i) => {
          if (ours[i] === undefined) return;
          this.relate(this.typeOf(p), this.typeOf(ours[i]), at, owner, depth + 1);
        });
      }
    }
  }

  private relateMembers(source: ts.Type, target: ts.Type, at: number, owner: string, depth: number): void {
    const { checker } = this.types;
    if (isReference(source) && isReference(target) && source.target === target.target) {
      const to = checker.getTypeArguments(target);
      checker.getTypeArguments(source).forEach((arg, i) => {
        if (to[i] !== undefined) this.relate(arg, to[i], at, owner, depth + 1);
      });
      if (!isDeclaredHere(target)) return;
    }
    // Arrays, tuples and the like: by their element types alone.
    const element = target.getNumberIndexType();
    const given = source.getNumberIndexType();
    if (element !== undefined && given !== undefined) this.relate(given, element, at, owner, depth + 1);
    if (!isDeclaredHere(target) && !isDeclaredHere(source)) return;
    const byName = target.getStringIndexType();
    if (byName !== undefined) {
      for (const p of source.getProperties()) this.relate(this.typeOf(p), byName, at, owner, depth + 1);
    }
    if (isArrayLike(target) && isArrayLike(source)) return;
    for (const wanted of target.getProperties()) {
      const has = source.getProperty(wanted.name);
      if (has !== undefined && has !== wanted) {
        this.relate(this.typeOf(has), this.typeOf(wanted), at, owner, depth + 1);
      }
    }
  }

  private typeOf(symbol: ts.Symbol): ts.Type {
    return this.types.checker.getTypeOfSymbol(symbol);
  }
}

const typeId = (type: ts.Type): number => (type as unknown as { readonly id: number }).id;

const isArrayLike = (type: ts.Type): boolean => type.getNumberIndexType() !== undefined;

function isPlain(type: ts.Type): boolean {
  const { flags } = type;
  return (flags & (ts.TypeFlags.Object | ts.TypeFlags.UnionOrIntersection)) === 0;
}

function isReference(type: ts.Type): type is ts.TypeReference {
  return (type as { target?: unknown }).target !== undefined && (type.flags & ts.TypeFlags.Object) !== 0;
}

function isDeclaredHere(type: ts.Type): boolean {
  return type.getSymbol()?.declarations?.some(isOfProgram) === true;
}
