/** For tests: random small programs on four words of shared memory, of everything that the transform knows. */
import { Rng } from '../../layout/rng.ts';

const DEPTH = 3;

/** Writes one program: `run(m)` returns what it saw. The same seed gives the same text. */
export class ProgramWriter {
  private readonly rng: Rng;
  private readonly inLoop: boolean[] = [false];
  private fresh = 0;
  private names: string[] = [];

  constructor(seed: number) {
    this.rng = new Rng(seed, 1);
  }

  program(): string {
    const f = this.fn('f', ['a', 'b']);
    const g = this.fn('g', ['a', 'b']);
    const run = this.fn('run', []);
    return `interface Op { go(m: Int32Array, n: number): number }
class Acc { n = 0; readonly m: Int32Array; constructor(m: Int32Array) { this.m = m; }
  add(k: number, j: number): number { this.n = (this.n + k + Atomics.load(this.m, j & 3)) & 7; return this.n; }
  last(k: number): number { return this.n ^ k; } }
const quiet: Op = { go: (_m, n) => n + 1 };
const loud: Op = { go(m, n) { return Atomics.exchange(m, n & 3, n & 1); } };
function twice(m: Int32Array, h: (n: number) => number): number { const first = h(1); Atomics.store(m, 3, 0); return first + h(2); }
const plain = (a: number, b: number): number => (a * 3 + b) & 7;
${f}
${g}
export ${run}
`;
  }

  private pick<T>(...of: readonly T[]): T {
    return of[this.rng.below(of.length)];
  }

  private fn(name: string, parameters: readonly string[]): string {
    this.names = ['x', 'y', ...parameters];
    this.inLoop.splice(0, this.inLoop.length, false);
    // Nothing recursive: f calls neither, g calls f, run both.
    this.callees = name === 'f' ? [] : name === 'g' ? ['f'] : ['f', 'g'];
    const body = this.block(name === 'run' ? 5 : 3, DEPTH);
    const list = ['m: Int32Array', ...parameters.map((p) => `${p}: number`)].join(', ');
    return `function ${name}(${list}): number {
  let x = ${this.pick(0, 1)}; let y = m[0]; const acc = new Acc(m); const box = { v: 1, w: [0, 1] };
  ${body}
  return (x * 8 + y + acc.n + box.v) & 63;
}`;
  }

  private callees: readonly string[] = [];

  private block(n: number, depth: number): string {
    const before = this.names.length;
    const out = Array.from({ length: 1 + this.rng.below(n) }, () => this.statement(depth)).join('\n  ');
    this.names.length = before;
    return out;
  }

  private statement(depth: number): string {
    const e = (): string => this.expression(depth);
    const kind = depth <= 0 ? this.rng.below(4) : this.rng.below(16);
    switch (kind) {
      case 0:
        return `${this.pick('x', 'y')} = (${e()}) & 7;`;
      case 1:
        return `${this.target()} ${this.pick('=', '+=', '-=', '^=', '|=')} (${e()}) & 3;`;
      case 2:
        return `${e()};`;
      case 3: {
        const name = `c${this.fresh++}`;
        const text = `const ${name} = (${e()}) & 7;`;
        this.names.push(name);
        return text;
      }
      case 4:
      case 5:
        return `if ((${e()}) & 1) { ${this.block(2, depth - 1)} } else { ${this.block(2, depth - 1)} }`;
      case 6:
        return this.loop(depth);
      case 7:
        return this.loopOf(depth);
      case 8:
      case 9:
        return this.tryStatement(depth);
      case 10:
        return this.inLoop.at(-1) === true
          ? `if ((${e()}) & 1) ${this.pick('break', 'continue')};`
          : `if ((${e()}) === 3) return ${e()};`;
      case 11:
        return `switch ((${e()}) & 3) { case 0: ${this.block(1, depth - 1)} break; case (${e()}) & 3: x++; default: { ${this.block(1, depth - 1)} } }`.replace(
          /(continue|break);(?! case)/g,
          (s) => s,
        );
      case 12:
        return `y = twice(m, (n) => { ${this.pick('x += n;', 'x = n ^ y;', '')} return ${e()} + n; }) & 7;`;
      case 13:
        return `[x, y] = [${e()} & 7, ${e()} & 7];`;
      case 14:
        return `box.${this.pick('v', 'w[0]')} ${this.pick('=', '+=')} (${e()}) & 3; box.v &= 7;`;
      default:
        return `{ const { v, w: [w0 = ${e()}] } = box; x = (v + w0) & 7; }`;
    }
  }

  private loop(depth: number): string {
    const i = `i${this.fresh++}`;
    this.inLoop.push(true);
    this.names.push(i);
    const body = this.block(2, depth - 1);
    this.names.pop();
    this.inLoop.pop();
    return `for (let ${i} = 0; ${i} < 2; ${i}++) { ${body} }`;
  }

  private loopOf(depth: number): string {
    const k = `k${this.fresh++}`;
    const list = `[${this.expression(1)} & 1, ${this.expression(0)} & 1]`;
    this.inLoop.push(true);
    this.names.push(k);
    const body = this.block(2, depth - 1);
    this.names.pop();
    this.inLoop.pop();
    return `for (const ${k} of ${list}) { ${body} }`;
  }

  private tryStatement(depth: number): string {
    const thrown = this.rng.below(2) === 0 ? `if ((${this.expression(1)}) & 1) throw new Error('e'); ` : '';
    const tried = `try { ${thrown}${this.block(2, depth - 1)} }`;
    this.inLoop.push(false);
    const handled = ` catch { ${this.block(1, depth - 1)} }`;
    const last = ` finally { ${this.block(1, depth - 1)} }`;
    this.inLoop.pop();
    return tried + (thrown !== '' || this.rng.below(2) === 0 ? handled + this.pick('', last) : last);
  }

  /** Something to assign to: an element of the memory. */
  private target(): string {
    return `m[(${this.expression(1)}) & 3]`;
  }

  private expression(depth: number): string {
    const e = (): string => this.expression(depth - 1);
    if (depth <= 0) return this.leaf();
    switch (this.rng.below(22)) {
      case 0:
      case 1:
        return `Atomics.load(m, (${e()}) & 3)`;
      case 2:
        return `Atomics.${this.pick('add', 'exchange', 'or', 'store')}(m, (${e()}) & 3, (${e()}) & 1)`;
      case 3:
        return `Atomics.compareExchange(m, (${e()}) & 3, (${e()}) & 1, ${e()})`;
      case 4:
      case 5:
        return `(${e()} ${this.pick('+', '-', '*', '^', '|')} ${e()})`;
      case 6:
        return `((${e()}) & 1 ? ${e()} : ${e()})`;
      case 7:
        return `(${e()} ${this.pick('&&', '||', '??')} ${e()})`;
      case 8:
        return `(${e()}, ${e()})`;
      case 9:
        return `[${e()}, ${e()}, ${e()}][(${e()}) & 1]`;
      case 10:
        return `({ a: ${e()}, b: ${e()} }).${this.pick('a', 'b')}`;
      case 11:
        return `Number(\`\${(${e()}) & 7}\${(${e()}) & 7}\`)`;
      case 12:
        return `plain(${e()}, ${e()})`;
      case 13:
        return `acc.${this.pick('add', 'add', 'last')}(${e()}${this.pick('', '')}, ${e()})`.replace(
          /acc\.last\((.*)$/s,
          (_, rest: string) => `acc.add(${rest}`,
        );
      case 14:
        return `((${e()}) & 1 ? quiet : loud).go(m, ${e()})`;
      case 15:
        return `(${this.target()} ${this.pick('=', '+=', '-=', '||=')} (${e()}) & 3)`;
      case 16:
        return this.pick(`${this.target()}++`, `--${this.target()}`);
      case 17:
        return `(${this.pick('x', 'y')} ${this.pick('=', '+=')} (${e()}) & 3)`;
      case 18:
        return this.callees.length === 0 ? this.leaf() : `${this.pick(...this.callees)}(m, ${e()}, ${e()})`;
      case 19:
        return `Math.max(${e()}, ${e()})`;
      case 20:
        return `acc.n`;
      default:
        return this.leaf();
    }
  }

  private leaf(): string {
    return this.pick(
      '0',
      '1',
      '2',
      'm[1]',
      'm[2]',
      'box.v',
      this.pick(...this.names),
      this.pick(...this.names),
    );
  }
}
