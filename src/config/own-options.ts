/** A program's own options: strict, unlike MySQL's variables. A value out of range is refused, never bent. */
import { OptionError } from './errors.ts';
import { oneLine, readDecimal, readInteger, showBytes } from './values.ts';

interface Common {
  /** With dashes, without the leading two. */
  readonly name: string;
  readonly doc: string;
}

export interface NumberOption extends Common {
  /** 'bytes' takes K, M, G, T, P, E; 'int' and 'float' do not. */
  readonly kind: 'int' | 'float' | 'bytes';
  /** null: the program decides, or does without. */
  readonly default: number | null;
  readonly min: number;
  /** Inclusive. At most 2^53 - 1 for whole numbers. */
  readonly max: number;
}

export interface TextOption extends Common {
  readonly kind: 'string' | 'path';
  readonly default: string | null;
}

export interface EnumOption extends Common {
  readonly kind: 'enum';
  readonly default: string | null;
  readonly choices: readonly string[];
}

export interface FlagOption extends Common {
  readonly kind: 'flag';
}

export type OwnOption = NumberOption | TextOption | EnumOption | FlagOption;

type OwnValue<E extends OwnOption> = E extends FlagOption
  ? boolean
  : | (E extends NumberOption ? number : E extends EnumOption ? E['choices'][number] : string)
    | (E extends { readonly default: null } ? null : never);

/** By option name; null only where the default is null. */
export type OwnValues<O extends readonly OwnOption[]> = { [E in O[number] as E['name']]: OwnValue<E> };

export function ownDefault(option: OwnOption): number | string | boolean | null {
  return option.kind === 'flag' ? false : option.default;
}

/** @throws OptionError naming the option, the value and what is allowed */
export function readOwn(option: Exclude<OwnOption, FlagOption>, text: string): number | string;
export function readOwn(option: OwnOption, text: string): number | string;
export function readOwn(option: OwnOption, text: string): number | string {
  switch (option.kind) {
    case 'int':
    case 'bytes': {
      const value = readInteger(text, option.kind === 'bytes');
      if (value === null || value < BigInt(option.min) || value > BigInt(option.max))
        throw refused(option, text);
      return Number(value);
    }
    case 'float': {
      const value = readDecimal(text);
      if (value === null || value < option.min || value > option.max) throw refused(option, text);
      return value;
    }
    case 'enum':
      if (!option.choices.includes(text)) throw refused(option, text);
      return text;
    case 'string':
    case 'path':
      // A NUL would end the name early in the operating system.
      if (text === '' || text.includes('\0')) throw refused(option, text);
      return text;
    default:
      throw refused(option, text);
  }
}

function refused(option: OwnOption, text: string): OptionError {
  return new OptionError(
    `--${option.name}`,
    `--${option.name}: '${oneLine(text)}' is not ${ownAllowed(option)}`,
  );
}

function ownAllowed(option: OwnOption): string {
  switch (option.kind) {
    case 'int':
      return `an integer from ${option.min} to ${option.max}`;
    case 'float':
      return `a number from ${option.min} to ${option.max}`;
    case 'bytes':
      return `a number of bytes from ${showBytes(option.min)} to ${showBytes(option.max)}`;
    case 'enum':
      return `one of ${option.choices.join(', ')}`;
    case 'string':
      return 'a text';
    case 'path':
      return 'a file name';
    default:
      return 'wanted: it takes no value';
  }
}

export function ownPlaceholder(option: OwnOption): string {
  const names = {
    int: 'n',
    float: 'x',
    bytes: 'bytes',
    string: 'text',
    path: 'path',
    enum: 'name',
    flag: '',
  };
  return names[option.kind];
}

/** The line of the help: what it is, its default and its range. */
export function ownDescription(option: OwnOption): string {
  if (option.kind === 'flag') return `${option.doc} (default off)`;
  const shown =
    option.kind === 'bytes' && option.default !== null ? showBytes(option.default) : option.default;
  return `${option.doc} (default ${shown ?? 'none'}; ${ownAllowed(option)})`;
}
