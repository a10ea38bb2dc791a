/**
 * The registry of memory instruments (facts A 6.2): an instrument's key is its place in the list; key 0 means "not
 * instrumented". The registry is plain data that follows from the options, so every thread builds the same one.
 */
import {
  INNODB_AUTO_NAMES,
  INNODB_INFOS,
  innodbExplicit,
  type InnodbVersion,
  type MemInfo,
  SQL_INFOS,
  TEMPTABLE_INFOS,
} from './psi-instruments.ts';

export { type InnodbVersion, type MemInfo, PSI_FLAG, PSI_VOLATILITY } from './psi-instruments.ts';

/** Stored in a block's key when its instrument is one that counts for connections. */
export const PSI_MEM_CNT_BIT = 1 << 31;

/** PSI_NOT_INSTRUMENTED. */
export const KEY_NONE = 0;

/** `PFS_MAX_INFO_NAME_LENGTH` and `PFS_MAX_FULL_PREFIX_NAME_LENGTH`, the final zero included. */
const MAX_NAME_LENGTH = 128;
const MAX_PREFIX_LENGTH = 32;

export interface MemKeyInfo {
  readonly key: number;
  /** Full instrument name: `memory/<category>/<name>`; NOT_INSTRUMENTED where the version has none. */
  readonly name: string;
  readonly flags: number;
  readonly volatility: number;
  readonly documentation: string;
}

/** Name of key 0, and of keys without an instrument. */
export const NOT_INSTRUMENTED = 'not instrumented';

/** Instruments of one category, to register after MySQL's own. */
export interface MemCategory {
  readonly category: string;
  readonly infos: readonly MemInfo[];
}

export interface RegistryOptions {
  /** Which server's InnoDB instruments; 8.0.25 when absent. Keys are the same in all. */
  readonly version?: InnodbVersion;
  readonly more?: readonly MemCategory[];
}

/** The list as it is built. */
export class MemRegistry {
  readonly keys: MemKeyInfo[] = [];
  private readonly byName = new Map<string, number>();

  constructor() {
    this.skip();
  }

  /**
   * `register_memory(category, infos)`. A name that is known keeps its key and what it was registered with.
   * @returns the keys, in the order of the infos; where `infos` has null, a key without an instrument
   * @throws Error when the category or a name does not fit the server's limits
   */
  register(category: string, infos: readonly (MemInfo | null)[]): number[] {
    const prefix = `memory/${category}/`;
    if (category === '' || category.includes('/')) throw new Error(`invalid category <${category}>`);
    if (prefix.length >= MAX_PREFIX_LENGTH) throw new Error(`category too long <${category}>`);
    return infos.map((info) => (info === null ? this.skip() : this.add(prefix + info.name, info)));
  }

  private add(name: string, info: MemInfo): number {
    if (name.length >= MAX_NAME_LENGTH) throw new Error(`name of an instrument too long <${name}>`);
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const key = this.keys.length;
    const { flags = 0, volatility = 0, documentation = '' } = info;
    this.keys.push({ key, name, flags, volatility, documentation });
    this.byName.set(name, key);
    return key;
  }

  private skip(): number {
    const key = this.keys.length;
    this.keys.push({ key, name: NOT_INSTRUMENTED, flags: 0, volatility: 0, documentation: '' });
    return key;
  }
}

/** All instruments by key: the SQL layer's, temptable's, InnoDB's in two calls, then the user's. */
export function memKeys(o: RegistryOptions = {}): readonly MemKeyInfo[] {
  const standard = o.more === undefined && (o.version ?? '8.0.25') === '8.0.25';
  return standard ? MEM_KEYS : build(o);
}

function build(o: RegistryOptions): readonly MemKeyInfo[] {
  const registry = new MemRegistry();
  registry.register('sql', Object.values(SQL_INFOS));
  registry.register('temptable', Object.values(TEMPTABLE_INFOS));
  registry.register('innodb', innodbExplicit(o.version ?? '8.0.25'));
  registry.register(
    'innodb',
    INNODB_AUTO_NAMES.map((name) => ({ name })),
  );
  for (const { category, infos } of o.more ?? []) registry.register(category, infos);
  return registry.keys;
}

/** The registry of 8.0.25, without a user's instruments. */
export const MEM_KEYS: readonly MemKeyInfo[] = build({});

export type MemKeyName = keyof typeof SQL_INFOS | keyof typeof TEMPTABLE_INFOS | keyof typeof INNODB_INFOS;

/** Number of a key by its short name here. */
export const MEM_KEY = Object.fromEntries(
  [SQL_INFOS, TEMPTABLE_INFOS, INNODB_INFOS].flatMap((infos) => Object.keys(infos)).map((s, i) => [s, i + 1]),
) as Readonly<Record<MemKeyName, number>>;

/** Key of the auto list's first name; the others follow in its order. */
export const FIRST_AUTO_KEY = Object.keys(MEM_KEY).length + 1;

/** The key of a full instrument name in 8.0.25; 0 when there is none. */
export function memKeyByName(name: string): number {
  return MEM_KEYS.find((k) => k.name === name && k.key !== KEY_NONE)?.key ?? KEY_NONE;
}
