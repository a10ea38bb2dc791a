/**
 * Values of MySQL's system variables, read and checked as MySQL does it: a number out of range is clamped with a
 * warning; what is no number, switch or choice is refused.
 */
import { OptionError, UNKNOWN_SYSTEM_VARIABLE, WRONG_TYPE_FOR_VAR, WRONG_VALUE_FOR_VAR } from './errors.ts';
import {
  SYSVARS,
  type Sysvar,
  type SysvarName,
  type SysvarValue,
  type SysvarValues,
} from './sysvar-table.ts';
import {
  oneLine,
  readDecimal,
  readInteger,
  readSwitch,
  showBytes,
  showInteger,
  toInteger,
  toNumber,
} from './values.ts';

export { SYSVARS, type Sysvar, type SysvarName, type SysvarValue, type SysvarValues };

export interface Parsed<V> {
  readonly value: V;
  /** MySQL's warnings, `1292 Truncated incorrect <name> value: '<text>'`. */
  readonly warnings: readonly string[];
}

/** Dashes for underscores and capitals are fine, as for MySQL. */
export function findSysvar(name: string): Sysvar | undefined {
  const wanted = name.toLowerCase().replaceAll('-', '_');
  return SYSVARS.find((v) => v.name === wanted);
}

/** Every variable at its default. */
export function defaults(): SysvarValues {
  const entries = SYSVARS.map((v): [string, SysvarValue] => [v.name, v.default]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each name met its own type, row by row
  return Object.fromEntries(entries) as SysvarValues;
}

/** @throws OptionError when there is no such variable, or it cannot have that value */
export function parseSysvar<N extends SysvarName>(name: N, text: string): Parsed<SysvarValues[N]>;
export function parseSysvar(name: string, text: string): Parsed<SysvarValue>;
export function parseSysvar(name: string, text: string): Parsed<SysvarValue> {
  const found = findSysvar(name);
  if (found === undefined) {
    throw new OptionError(name, `Unknown system variable '${name}'`, UNKNOWN_SYSTEM_VARIABLE);
  }
  return parseValue(found, text);
}

/** The value that a text gives a variable. @throws OptionError */
export function parseValue(v: Sysvar, text: string): Parsed<SysvarValue> {
  switch (v.type) {
    case 'bytes':
    case 'int': {
      const asked = readInteger(text, true);
      if (asked === null) throw wrongType(v, text);
      return parsedInteger(v, text, asked);
    }
    case 'float': {
      const asked = readDecimal(text);
      if (asked === null) throw wrongType(v, text);
      const value = Math.min(Math.max(asked, v.min), v.max);
      return { value, warnings: value === asked ? [] : [truncated(v, text)] };
    }
    case 'bool': {
      const value = readSwitch(text);
      if (value === null) throw wrongValue(v, text);
      return { value, warnings: [] };
    }
    default: {
      // By name or by position.
      const name = text.trim().toLowerCase();
      const value = v.choices.find((c, i) => c.toLowerCase() === name || String(i) === name);
      if (value === undefined) throw wrongValue(v, text);
      return { value, warnings: [] };
    }
  }
}

function parsedInteger(v: Sysvar, text: string, asked: bigint): Parsed<number> {
  const [min, max] = [toInteger(v.min), toInteger(v.max)];
  let exact = asked < min ? min : asked > max ? max : asked;
  if (v.block > 0) exact -= exact % BigInt(v.block);
  const value = toNumber(exact);
  return {
    value: v.powerOfTwo ? 2 ** Math.ceil(Math.log2(value)) : value,
    warnings: exact === asked ? [] : [truncated(v, text)],
  };
}

function truncated(v: Sysvar, text: string): string {
  return `1292 Truncated incorrect ${v.name} value: '${oneLine(text)}'`;
}

function wrongType(v: Sysvar, text: string): OptionError {
  return new OptionError(
    v.name,
    `1232 Incorrect argument type to variable '${v.name}': '${oneLine(text)}' (--${v.option} takes ${allowed(v)})`,
    WRONG_TYPE_FOR_VAR,
  );
}

function wrongValue(v: Sysvar, text: string): OptionError {
  return new OptionError(
    v.name,
    `1231 Variable '${v.name}' can't be set to the value of '${oneLine(text)}' (--${v.option} takes ${allowed(v)})`,
    WRONG_VALUE_FOR_VAR,
  );
}

/** What a variable may be, for people: `an integer, 5 ... 95`. */
export function allowed(v: Sysvar): string {
  switch (v.type) {
    case 'bool':
      return 'ON or OFF';
    case 'enum':
      return `one of ${v.choices.join(', ')}`;
    case 'bytes':
      return `bytes, also with K, M, G or T: ${showSysvar(v, v.min)} ... ${showSysvar(v, v.max)}`;
    case 'int':
      return `an integer, ${showSysvar(v, v.min)} ... ${showSysvar(v, v.max)}`;
    default:
      return `a number, ${v.min} ... ${v.max}`;
  }
}

/** A value as the user would type it: `128M`, `OFF`, 18446744073709551615 for Infinity. */
export function showSysvar(v: Sysvar, value: SysvarValue): string {
  if (typeof value === 'boolean') return value ? 'ON' : 'OFF';
  if (typeof value === 'string') return value;
  if (v.type === 'bytes') return showBytes(value);
  return v.type === 'int' ? showInteger(value) : String(value);
}

/**
 * The rules between variables that `innodb_init_params` applies once all are known.
 * @param isSet whether somebody gave the variable a value, on the command line or in a scenario
 */
export function settleSysvars(
  values: SysvarValues,
  isSet: (name: SysvarName) => boolean,
): Parsed<SysvarValues> {
  const value = { ...values };
  const warnings: string[] = [];
  if (!isSet('innodb_io_capacity_max')) {
    value.innodb_io_capacity_max = Math.min(Math.max(2 * value.innodb_io_capacity, 2000), 2 ** 32 - 1);
  } else if (value.innodb_io_capacity > value.innodb_io_capacity_max) {
    warnings.push(lowered('innodb_io_capacity', 'innodb_io_capacity_max', value.innodb_io_capacity_max));
    value.innodb_io_capacity = value.innodb_io_capacity_max;
  }
  if (value.innodb_max_dirty_pages_pct_lwm > value.innodb_max_dirty_pages_pct) {
    const pct = value.innodb_max_dirty_pages_pct;
    // A default that a lower ceiling pushes down surprises nobody.
    if (isSet('innodb_max_dirty_pages_pct_lwm')) {
      warnings.push(lowered('innodb_max_dirty_pages_pct_lwm', 'innodb_max_dirty_pages_pct', pct));
    }
    value.innodb_max_dirty_pages_pct_lwm = pct;
  }
  return { value, warnings };
}

function lowered(name: SysvarName, ceiling: SysvarName, value: number): string {
  return `${name} cannot be set higher than ${ceiling}; it is set to ${value}`;
}
