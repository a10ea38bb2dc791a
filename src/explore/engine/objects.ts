/** JavaScript objects that set-up has made and threads change: put back between two schedules. */
import type { Registered } from './scheduling.ts';

/** What can change in place, and what it was after set-up. */
export interface Saved {
  readonly objects: {
    readonly object: Record<string, unknown>;
    readonly fields: readonly string[];
    readonly values: readonly unknown[];
  }[];
  /** Plain objects, to which threads may add members, and those that they have. */
  readonly open: { readonly object: Record<string, unknown>; readonly members: ReadonlySet<string> }[];
  readonly arrays: { readonly array: unknown[]; readonly items: readonly unknown[] }[];
  readonly maps: { readonly map: Map<unknown, unknown>; readonly entries: ReadonlyMap<unknown, unknown> }[];
  readonly sets: { readonly set: Set<unknown>; readonly values: ReadonlySet<unknown> }[];
}

function isPlain(value: object): boolean {
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === Object.prototype || proto === null;
}

/**
 * Takes the present values of all registered objects, and of what `setup` returned, as far as that is made of plain
 * objects, arrays, maps and sets: everything that can be reached through those.
 */
export function saveObjects(registered: readonly Registered[], root: unknown): Saved {
  const saved: Saved = { objects: [], open: [], arrays: [], maps: [], sets: [] };
  const seen = new Set<unknown>(registered.map((r) => r.object));
  const all = (values: Iterable<unknown>): void => {
    for (const value of values) save(value);
  };
  const saveFields = (object: object, names: readonly string[]): void => {
    const fields = names.filter((f) => typeof Reflect.get(object, f) !== 'function');
    const values = fields.map((f): unknown => Reflect.get(object, f));
    if (fields.length > 0) saved.objects.push({ object: object as Record<string, unknown>, fields, values });
    all(values);
  };
  const save = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (Array.isArray(value)) {
      const array: unknown[] = value;
      if (!Object.isFrozen(array)) saved.arrays.push({ array, items: [...array] });
      all(array);
    } else if (value instanceof Map) {
      const map: Map<unknown, unknown> = value;
      saved.maps.push({ map, entries: new Map(map) });
      all(map.keys());
      all(map.values());
    } else if (value instanceof Set) {
      const set: Set<unknown> = value;
      saved.sets.push({ set, values: new Set(set) });
      all(set);
    } else if (isPlain(value)) {
      if (Object.isFrozen(value)) all(Object.values(value));
      else {
        const names = Object.keys(value);
        saved.open.push({ object: value as Record<string, unknown>, members: new Set(names) });
        saveFields(value, names);
      }
    }
  };
  for (const { object, fields } of registered) saveFields(object, fields);
  save(root);
  return saved;
}

export function restoreObjects({ objects, open, arrays, maps, sets }: Saved): void {
  for (const { object, fields, values } of objects) {
    for (let i = 0; i < fields.length; i++) {
      if (object[fields[i]] !== values[i]) object[fields[i]] = values[i];
    }
  }
  for (const { object, members } of open) {
    for (const name in object) if (!members.has(name)) delete object[name];
  }
  for (const { array, items } of arrays) putBack(array, items);
  for (const { map, entries } of maps) {
    map.clear();
    for (const [k, v] of entries) map.set(k, v);
  }
  for (const { set, values } of sets) {
    set.clear();
    for (const v of values) set.add(v);
  }
}

function putBack(array: unknown[], items: readonly unknown[]): void {
  if (array.length !== items.length) array.length = items.length;
  for (let i = 0; i < items.length; i++) if (array[i] !== items[i]) array[i] = items[i];
}
