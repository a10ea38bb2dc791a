/** Which functions become generators: those that reach an Atomics operation, and all that share a place with them. */
import type { CannotSuspend, FileSummary, FunctionFact, RefusalFact } from './summary.ts';

export interface Colours {
  /** Whether what has this key is a generator. */
  isColoured(key: string): boolean;
  /** By file. */
  readonly refusals: ReadonlyMap<string, readonly RefusalFact[]>;
  /** Keys of functions that nothing reaches and that could not be transformed: they throw when called. */
  readonly dropped: ReadonlySet<string>;
}

export interface SolveOptions {
  readonly files: ReadonlyMap<string, FileSummary>;
  /** Files whose every function is reached. */
  readonly entry: ReadonlySet<string>;
  /** Whether plain accesses colour as well. */
  readonly plain: boolean;
  /** False: nothing is coloured (controlled dialect). */
  readonly colour: boolean;
}

class Sets {
  private readonly parent = new Map<string, string>();

  find(key: string): string {
    let root = key;
    for (let up = this.parent.get(root); up !== undefined; up = this.parent.get(root)) root = up;
    for (let at = key; at !== root;) {
      const up = this.parent.get(at) ?? root;
      this.parent.set(at, root);
      at = up;
    }
    return root;
  }

  /** False when they were one already. */
  unite(a: string, b: string): boolean {
    const x = this.find(a);
    const y = this.find(b);
    if (x === y) return false;
    this.parent.set(x, y);
    return true;
  }
}

export function solve(o: SolveOptions): Colours {
  const functions = new Map<string, { readonly fact: FunctionFact; readonly file: string }>();
  for (const [file, summary] of o.files) {
    for (const [key, fact] of summary.functions) functions.set(key, { fact, file });
  }
  const facts = [...functions.values()].map((f) => f.fact);
  const sets = unify(o.files, facts);
  const isHard = o.colour ? colour(facts, sets, (f) => f.atomics >= 0) : () => false;
  let isColoured = isHard;
  if (o.colour && o.plain) {
    const pinned = pin(o.files, facts, sets, isHard);
    isColoured = colour(
      facts,
      sets,
      (f) => f.atomics >= 0 || (f.plain && !pinned.has(sets.find(f.key))),
      pinned,
    );
  }
  const reached = reach(o, functions, sets);
  const refusals = new Map<string, RefusalFact[]>();
  const dropped = new Set<string>();
  const refuse = (file: string, r: RefusalFact): void => {
    if (!reached.has(r.owner)) {
      dropped.add(r.owner);
      return;
    }
    const list = refusals.get(file);
    if (list === undefined) refusals.set(file, [r]);
    else list.push(r);
  };
  for (const [file, summary] of o.files) {
    for (const r of summary.refusals) refuse(file, r);
    for (const s of summary.sinks) {
      if (!isHard(s.from)) continue;
      const name = functions.get(s.from)?.fact.name ?? 'the function';
      const message = `${name} may block, and cannot be handed to ${s.to}: nothing there can suspend it`;
      refuse(file, { at: s.at, message, owner: s.owner });
    }
  }
  for (const [file, { lent }] of o.files) {
    for (const l of lent) {
      if (!isHard(l.to)) continue;
      const message =
        'a library function is handed to where functions may block: put it into a function of your own';
      refuse(file, { at: l.at, message, owner: l.owner });
    }
  }
  for (const { fact, file } of functions.values()) {
    const why = o.colour ? cannotBlock(fact, isHard, functions) : undefined;
    if (why !== undefined) refuse(file, { at: why.at, message: why.message, owner: fact.key });
  }
  return { isColoured, refusals, dropped };
}

function cannotBlock(
  fact: FunctionFact,
  isColoured: (key: string) => boolean,
  functions: ReadonlyMap<string, { readonly fact: FunctionFact }>,
): { readonly at: number; readonly message: string } | undefined {
  if (fact.cannot === '') return undefined;
  const where = WHERE[fact.cannot];
  if (fact.atomics >= 0) {
    return { at: fact.atomics, message: `an Atomics operation in ${where}: nothing can suspend it there` };
  }
  for (const call of fact.calls) {
    const target = call.targets.find(isColoured);
    if (target === undefined) continue;
    const name = functions.get(target)?.fact.name ?? 'what is called here';
    return {
      at: call.at,
      message: `${name} may block, and is called in ${where}: nothing can suspend it there`,
    };
  }
  return undefined;
}

const WHERE: Readonly<Record<Exclude<CannotSuspend, ''>, string>> = {
  constructor: 'a constructor',
  accessor: 'a getter or setter',
  'async function': 'an async function',
  generator: 'a generator',
  'class field initialiser': 'a class field initialiser',
  'parameter initialiser': 'a parameter initialiser',
  'top-level code': 'top-level code',
};

/** Unites functions that one call may reach through one name: flows count where their target is called in the end. */
function unify(files: ReadonlyMap<string, FileSummary>, facts: readonly FunctionFact[]): Sets {
  const sets = new Sets();
  const live = new Set<string>();
  for (const f of facts) for (const c of f.calls) for (const t of c.targets) live.add(t);
  // What may be called at one place.
  for (const f of facts) for (const c of f.calls) for (const t of c.targets) sets.unite(t, c.targets[0]);
  for (const s of files.values()) for (const sink of s.sinks) live.add(sink.from);
  let open = [...files.values()].flatMap((s) => s.flows);
  for (let before = -1; open.length !== before;) {
    before = open.length;
    open = open.filter(([from, to]) => {
      if (!live.has(to)) return true;
      sets.unite(from, to);
      live.add(from);
      return false;
    });
  }
  return sets;
}

/** Colours what `starts` says and all callers, up to those that are pinned. */
function colour(
  facts: readonly FunctionFact[],
  sets: Sets,
  starts: (f: FunctionFact) => boolean,
  pinned: ReadonlySet<string> = new Set(),
): (key: string) => boolean {
  const callers = new Map<string, string[]>();
  for (const f of facts) {
    for (const call of f.calls) {
      for (const t of call.targets) {
        const root = sets.find(t);
        const list = callers.get(root);
        if (list === undefined) callers.set(root, [f.key]);
        else list.push(f.key);
      }
    }
  }
  const canBe = new Map(facts.map((f) => [f.key, f.cannot === '']));
  const coloured = new Set<string>();
  const todo = facts.filter((f) => f.cannot === '' && starts(f)).map((f) => sets.find(f.key));
  for (let root = todo.pop(); root !== undefined; root = todo.pop()) {
    if (coloured.has(root)) continue;
    coloured.add(root);
    for (const caller of callers.get(root) ?? []) {
      if (canBe.get(caller) === true && !pinned.has(sets.find(caller))) todo.push(sets.find(caller));
    }
  }
  return (key) => coloured.has(sets.find(key));
}

/** What must stay plain because something that cannot suspend calls it; what blocks anyway is not among them. */
function pin(
  files: ReadonlyMap<string, FileSummary>,
  facts: readonly FunctionFact[],
  sets: Sets,
  isHard: (key: string) => boolean,
): ReadonlySet<string> {
  const pinned = new Set<string>();
  const byRoot = new Map<string, FunctionFact[]>();
  for (const f of facts) {
    const root = sets.find(f.key);
    const list = byRoot.get(root);
    if (list === undefined) byRoot.set(root, [f]);
    else list.push(f);
  }
  const todo = facts.filter((f) => f.cannot !== '').map((f) => f.key);
  for (const s of files.values()) for (const sink of s.sinks) todo.push(sink.from);
  for (const s of files.values()) for (const l of s.lent) todo.push(l.to);
  for (let key = todo.pop(); key !== undefined; key = todo.pop()) {
    const root = sets.find(key);
    if (pinned.has(root) || isHard(key)) continue;
    pinned.add(root);
    for (const f of byRoot.get(root) ?? []) for (const call of f.calls) todo.push(...call.targets);
  }
  return pinned;
}

/** Functions that may run in the build: those of its entry modules and all that they mention, and module bodies. */
function reach(
  o: SolveOptions,
  functions: ReadonlyMap<string, { readonly fact: FunctionFact; readonly file: string }>,
  sets: Sets,
): ReadonlySet<string> {
  const members = new Map<string, string[]>();
  for (const key of functions.keys()) {
    const root = sets.find(key);
    const list = members.get(root);
    if (list === undefined) members.set(root, [key]);
    else list.push(key);
  }
  const todo: string[] = [];
  for (const [key, { fact, file }] of functions) {
    if (o.entry.has(file) || (fact.cannot === 'top-level code' && key.endsWith('#'))) todo.push(key);
  }
  const reached = new Set<string>();
  for (let key = todo.pop(); key !== undefined; key = todo.pop()) {
    if (reached.has(key)) continue;
    reached.add(key);
    todo.push(...(members.get(sets.find(key)) ?? []));
    for (const next of functions.get(key)?.fact.mentions ?? []) todo.push(next);
  }
  return reached;
}
