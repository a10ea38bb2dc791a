/**
 * What set-up leaves in JavaScript objects, as far as program states are concerned (state-keys.ts): every object that
 * can be reached counts as itself; the fields that change are part of the state; nothing else may change.
 */
import type { ValueHash } from './value-hash.ts';

/** A registered object and its fields that change. Arrays, maps and sets count with all that is in them. */
export interface KeyedObject {
  readonly object: object;
  readonly fields: readonly string[];
  readonly hashed: boolean;
}

/** Most objects that get an id from the walk after set-up. */
const IDENTIFY_LIMIT = 200_000;
const SALT = 0x1bad_5eed;

/** Keys and values of an object's members. */
interface Members {
  readonly keys: readonly unknown[];
  readonly values: readonly unknown[];
}

/** Something that existed after set-up, as it was then. */
interface Snapshot extends Members {
  readonly object: object;
  readonly path: string;
}

/** A field that is part of the state, as set-up left it; `within`: what was in an array, map or set. */
interface Field {
  readonly object: Record<string, unknown>;
  readonly name: string;
  readonly value: unknown;
  readonly within: Members | null;
}

export class SetupObjects {
  private registered: readonly KeyedObject[] = [];
  private keyed: Field[] = [];
  private snapshots: Snapshot[] = [];
  private readonly hash: ValueHash;

  constructor(hash: ValueHash) {
    this.hash = hash;
  }

  /** Gives everything that can be reached from `roots` an id; once, after set-up. */
  identify(roots: readonly unknown[]): void {
    this.snapshots = [];
    const seen = new Set<object>();
    const queue: { o: object; path: string }[] = [];
    const visit = (v: unknown, path: string): void => {
      if ((typeof v !== 'object' && typeof v !== 'function') || v === null || seen.has(v)) return;
      if (seen.size >= IDENTIFY_LIMIT) return;
      seen.add(v);
      queue.push({ o: v, path });
    };
    roots.forEach((r, i) => visit(r, roots.length === 1 ? 's' : `root ${i}`));
    for (let next = 0; next < queue.length; next++) {
      const { o, path } = queue[next];
      this.hash.identify(o);
      if (ArrayBuffer.isView(o)) visit(o.buffer, `${path}.buffer`);
      if (typeof o !== 'function' && !(o instanceof SharedArrayBuffer) && !isShared(o)) {
        const { keys, values } = shallow(o);
        this.snapshots.push({ object: o, path, keys, values });
        keys.forEach((k) => visit(k, `a key of ${path}`));
        values.forEach((v, i) => visit(v, member(path, keys[i], Array.isArray(o))));
      }
    }
  }

  /**
   * Where something that existed after set-up is no longer as it was then, although nobody hands it over: then states
   * that differ may have one key. Null when all is well. Looks at each object, so for now and then.
   */
  changed(): string | null {
    const fieldsOf = new Map(this.registered.map((r) => [r.object, r.fields]));
    const handedOver = new Set(this.keyed.filter((f) => f.within !== null).map((f) => f.value));
    for (const { object, path, keys, values } of this.snapshots) {
      if (handedOver.has(object)) continue;
      const fields = fieldsOf.get(object);
      const now = shallow(object);
      if (now.keys.length !== keys.length) return path;
      for (let i = 0; i < keys.length; i++) {
        if (now.keys[i] !== keys[i]) return path;
        if (!Object.is(now.values[i], values[i]) && fields?.includes(String(keys[i])) !== true) {
          return member(path, keys[i], Array.isArray(object));
        }
      }
    }
    return null;
  }

  /** Objects whose named fields are part of the state; as they are now is how every schedule finds them. */
  fields(list: readonly KeyedObject[]): void {
    this.registered = list;
    this.keyed = [];
    for (const { object, fields, hashed } of list) {
      if (!hashed) continue;
      for (const name of fields) {
        const value = (object as Record<string, unknown>)[name];
        const within = isContainer(value) ? shallow(value) : null;
        this.keyed.push({ object: object as Record<string, unknown>, name, value, within });
      }
    }
  }

  /** Whether a field of this object is not as set-up left it. */
  hasChanged(object: object): boolean {
    return this.keyed.some((f) => {
      const now = f.object[f.name];
      return (
        f.object === object && (now !== f.value || (f.within !== null && !isSame(now as object, f.within)))
      );
    });
  }

  /** Hashes the fields that are not as set-up left them. False: there are none to look at. */
  absorb(): boolean {
    const { hash, keyed } = this;
    if (keyed.length === 0) return false;
    hash.start(SALT);
    for (let i = 0; i < keyed.length; i++) {
      const { object, name, value, within } = keyed[i];
      const now = object[name];
      if (now === value && (within === null || isSame(now as object, within))) continue;
      hash.int(i);
      if (now === value) hash.contents(now as object);
      else hash.value(now);
    }
    hash.finish();
    return true;
  }
}

const isContainer = (o: unknown): o is object => Array.isArray(o) || o instanceof Map || o instanceof Set;

const isShared = (o: object): boolean => ArrayBuffer.isView(o) && o.buffer instanceof SharedArrayBuffer;

const member = (path: string, key: unknown, array: boolean): string =>
  array || typeof key !== 'string' ? `${path}[${String(key)}]` : `${path}.${key}`;

/** An object's own members. */
function shallow(o: object): Members {
  if (o instanceof Map) return { keys: [...(o.keys() as Iterable<unknown>)], values: [...o.values()] };
  if (o instanceof Set) return { keys: [...o], values: [...o] };
  const keys = Object.keys(o);
  return { keys, values: keys.map((k) => (o as Record<string, unknown>)[k]) };
}

/** Whether an array, map or set still has these members, in this order. */
function isSame(o: object, { keys, values }: Members): boolean {
  if (Array.isArray(o)) {
    if (o.length !== values.length) return false;
    for (let i = 0; i < values.length; i++) if (o[i] !== values[i]) return false;
    return true;
  }
  const size = (o as Map<unknown, unknown> | Set<unknown>).size;
  if (size !== values.length) return false;
  let i = 0;
  for (const entry of (o as Map<unknown, unknown> | Set<unknown>).entries()) {
    if (entry[0] !== keys[i] || entry[1] !== values[i]) return false;
    i++;
  }
  return true;
}
