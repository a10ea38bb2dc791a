/** Questions about types that the analysis asks. */
import { ts } from '@ts-morph/common';
import { keyOf } from './keys.ts';
import { bare } from './nodes.ts';
import { Scopes } from './scopes.ts';
import type { ArrayKind } from './summary.ts';

const ARRAYS: ReadonlyMap<string, ArrayKind> = new Map([
  ['Int8Array', 'number'],
  ['Uint8Array', 'number'],
  ['Uint8ClampedArray', 'number'],
  ['Int16Array', 'number'],
  ['Uint16Array', 'number'],
  ['Int32Array', 'number'],
  ['Uint32Array', 'number'],
  ['Float32Array', 'number'],
  ['Float64Array', 'number'],
  ['BigInt64Array', 'bigint'],
  ['BigUint64Array', 'bigint'],
]);

export const isArrayName = (name: string): boolean => ARRAYS.has(name);

/** Types that no test of a value makes smaller. */
const FIXED =
  ts.TypeFlags.Object |
  ts.TypeFlags.Number |
  ts.TypeFlags.String |
  ts.TypeFlags.Boolean |
  ts.TypeFlags.Literal |
  ts.TypeFlags.Void;

function fixed(type: ts.Type): ts.Type | undefined {
  return (type.flags & FIXED) !== 0 && (type.flags & ts.TypeFlags.Union) === 0 ? type : undefined;
}

/** Whether a declaration is part of what is transformed. */
export function isOfProgram(declaration: ts.Node): boolean {
  return !declaration.getSourceFile().isDeclarationFile;
}

export class Types {
  readonly checker: ts.TypeChecker;
  private readonly scopes = new Scopes();
  private readonly kinds = new Map<ts.Type, ArrayKind | 'mixed' | undefined>();
  private readonly declared = new Map<ts.Symbol, ts.Type | undefined>();

  constructor(checker: ts.TypeChecker) {
    this.checker = checker;
  }

  /**
   * Type of an expression. The checker follows the flow of control to each name; where the declared type leaves
   * nothing to narrow, that is spared.
   */
  of(node: ts.Expression): ts.Type {
    return this.ofDeclared(bare(node)) ?? this.checker.getTypeAtLocation(node);
  }

  /** The same where it costs nothing; undefined: the checker must be asked. */
  ofDeclared(node: ts.Expression): ts.Type | undefined {
    if (ts.isIdentifier(node)) {
      const symbol = this.symbolOf(node);
      return symbol === undefined ? undefined : this.ofSymbol(symbol);
    }
    if (ts.isPropertyAccessExpression(node) && !ts.isOptionalChain(node) && ts.isIdentifier(node.name)) {
      const owner = this.ofDeclared(bare(node.expression));
      const member = owner === undefined ? undefined : this.checker.getPropertyOfType(owner, node.name.text);
      return member === undefined ? undefined : this.ofSymbol(member);
    }
    if (ts.isElementAccessExpression(node)) {
      const array = this.ofDeclared(bare(node.expression));
      return array !== undefined && this.arrayKind(array) === 'number'
        ? this.checker.getNumberType()
        : undefined;
    }
    if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && !ts.isOptionalChain(node)) {
      const callee = this.ofDeclared(bare(node.expression));
      const signatures = ts.isCallExpression(node)
        ? callee?.getCallSignatures()
        : callee?.getConstructSignatures();
      if (signatures?.length !== 1 || signatures[0].typeParameters !== undefined) return undefined;
      return fixed(signatures[0].getReturnType());
    }
    return undefined;
  }

  /** The symbol that a name in a file means, an import followed to where it comes from; undefined for globals. */
  symbolOf(node: ts.Identifier): ts.Symbol | undefined {
    const symbol = this.scopes.resolve(node)?.symbol;
    if (symbol === undefined || (symbol.flags & ts.SymbolFlags.Alias) === 0) return symbol;
    return this.checker.getAliasedSymbol(symbol);
  }

  private ofSymbol(symbol: ts.Symbol): ts.Type | undefined {
    if (this.declared.has(symbol)) return this.declared.get(symbol);
    const value = fixed(this.checker.getTypeOfSymbol(symbol));
    this.declared.set(symbol, value);
    return value;
  }

  /** Nothing is known of it: it may be anything, an array on shared memory too. */
  isAny(type: ts.Type): boolean {
    return (type.flags & ts.TypeFlags.Any) !== 0;
  }

  /** Type that a call's argument is to become; undefined when the checker must be asked. */
  parameter(call: ts.CallExpression | ts.NewExpression, argument: ts.Expression): ts.Type | undefined {
    if (!ts.isCallExpression(call)) return undefined;
    const signatures = this.of(call.expression).getCallSignatures();
    if (signatures.length !== 1 || signatures[0].typeParameters !== undefined) return undefined;
    const parameter = signatures[0].getParameters()[call.arguments.indexOf(argument)];
    const declaration = parameter?.valueDeclaration;
    if (declaration === undefined || !ts.isParameter(declaration)) return undefined;
    return declaration.dotDotDotToken === undefined ? this.checker.getTypeOfSymbol(parameter) : undefined;
  }

  /** Which kind of typed array a type is: `mixed` when it may also be something else. */
  arrayKind(type: ts.Type): ArrayKind | 'mixed' | undefined {
    if ((type.flags & ts.TypeFlags.Any) !== 0) return undefined;
    if (this.kinds.has(type)) return this.kinds.get(type);
    this.kinds.set(type, undefined);
    const kind = this.findArrayKind(type);
    this.kinds.set(type, kind);
    return kind;
  }

  private findArrayKind(given: ts.Type): ArrayKind | 'mixed' | undefined {
    const type = this.checker.getNonNullableType(this.checker.getBaseConstraintOfType(given) ?? given);
    if (type.isUnion()) {
      const kinds = new Set(type.types.map((t) => this.arrayKind(t)));
      return kinds.size === 1
        ? [...kinds][0]
        : kinds.has('number') || kinds.has('bigint')
          ? 'mixed'
          : undefined;
    }
    if (type.isIntersection()) {
      return type.types.map((t) => this.arrayKind(t)).find((k) => k !== undefined);
    }
    const symbol = type.getSymbol();
    if (symbol === undefined) return undefined;
    const kind = ARRAYS.get(symbol.name);
    if (kind !== undefined) return isOfLib(symbol) ? kind : undefined;
    if (!type.isClassOrInterface()) return undefined;
    return (type.getBaseTypes() ?? []).map((t) => this.arrayKind(t)).find((k) => k !== undefined);
  }

  isDataView(type: ts.Type): boolean {
    const symbol = this.checker.getNonNullableType(type).getSymbol();
    return symbol?.name === 'DataView' && isOfLib(symbol);
  }

  /** Whether an identifier means the global of that name, not something declared in the program or imported. */
  isGlobal(node: ts.Expression, name: string): boolean {
    if (!ts.isIdentifier(node) || node.text !== name) return false;
    return this.scopes.resolve(node) === undefined;
  }

  /** Call signatures of a type, of all that it may be. */
  signatures(type: ts.Type): readonly ts.Signature[] {
    const present = this.checker.getNonNullableType(type);
    if (present.isUnion()) return present.types.flatMap((t) => this.signatures(t));
    return present.getCallSignatures();
  }

  /** Keys of the functions of the program that a value of this type may be. */
  functionKeys(type: ts.Type): readonly string[] {
    const keys = new Set<string>();
    for (const signature of this.signatures(type)) {
      const key = signatureKey(signature);
      if (key !== undefined) keys.add(key);
    }
    return [...keys];
  }
}

/** Key of what a signature was declared by; undefined for a library's. */
export function signatureKey(signature: ts.Signature): string | undefined {
  // The compiler's types call it always present; for signatures that it made up it is not.
  const declaration = signature.getDeclaration() as ts.SignatureDeclaration | undefined;
  return declaration !== undefined && isOfProgram(declaration) ? keyOf(declaration) : undefined;
}

export function isOfLib(symbol: ts.Symbol): boolean {
  return symbol.declarations?.some((d) => d.getSourceFile().isDeclarationFile) === true;
}
