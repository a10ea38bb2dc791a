/**
 * The command line: MySQL's variables from their table, which clamp and warn as MySQL does, and a program's own
 * options, which are strict. Nothing here prints or exits.
 */
import { Command, CommanderError, Option } from 'commander';
import { OptionError } from './errors.ts';
import { formatItem, helpWidth } from './help.ts';
import {
  type OwnOption,
  type OwnValues,
  ownDefault,
  ownDescription,
  ownPlaceholder,
  readOwn,
} from './own-options.ts';
import {
  allowed,
  defaults,
  parseValue,
  settleSysvars,
  showSysvar,
  SYSVARS,
  type Sysvar,
  type SysvarName,
  type SysvarValues,
} from './sysvars.ts';
import { oneLine } from './values.ts';

export type { OwnOption, OwnValues } from './own-options.ts';

export interface CliSpec<O extends readonly OwnOption[]> {
  /** `npm run stress --`: what the usage line begins with. */
  readonly name: string;
  /** Above the options; also made for a width in columns. */
  readonly description: string | ((width: number) => string);
  readonly own: O;
  /** Headings of the help below which options stand, by name; all others below `Run`. */
  readonly groups?: Readonly<Record<string, readonly O[number]['name'][]>>;
  /** The variables that the program takes; all unless given. */
  readonly sysvars?: readonly SysvarName[];
}

export interface ParsedOptions<O extends readonly OwnOption[]> {
  readonly help: null;
  readonly own: OwnValues<O>;
  readonly sysvars: SysvarValues;
  /** Names that the user gave: of variables with underscores, of own options with dashes. */
  readonly explicit: ReadonlySet<string>;
  /** One line each, for the user. */
  readonly warnings: readonly string[];
}

export interface HelpWanted {
  readonly help: string;
}

export interface Cli<O extends readonly OwnOption[]> {
  /**
   * @param argv without node and script
   * @throws OptionError, one line
   */
  parse(argv: readonly string[]): ParsedOptions<O> | HelpWanted;
}

/** What a scenario sets. The user's own word is stronger. */
export interface Preset<O extends readonly OwnOption[]> {
  readonly own?: Partial<OwnValues<O>>;
  readonly sysvars?: Partial<SysvarValues>;
}

const RUN_GROUP = 'Run';

export function buildCli<const O extends readonly OwnOption[]>(spec: CliSpec<O>): Cli<O> {
  const sysvars: readonly Sysvar[] = SYSVARS.filter((v) => spec.sysvars?.includes(v.name) ?? true);
  return { parse: (argv) => parse(spec, sysvars, argv) };
}

function parse<O extends readonly OwnOption[]>(
  spec: CliSpec<O>,
  sysvars: readonly Sysvar[],
  argv: readonly string[],
): ParsedOptions<O> | HelpWanted {
  const command = makeCommand(spec, sysvars);
  try {
    command.parse(argv.map(withDashes), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    refuseValue(spec.own, error);
    throw toOptionError(error);
  }
  const given = new Map<string, string | true>();
  for (const option of command.options) {
    const key = option.attributeName();
    if (command.getOptionValueSource(key) !== 'cli') continue;
    const value: unknown = command.getOptionValue(key);
    // True where there was no value to take.
    given.set(option.name(), typeof value === 'string' ? value : true);
  }
  if (given.has('help')) return { help: command.helpInformation() };
  const [stray] = command.args;
  if (stray !== undefined) throw new OptionError(stray, `unexpected argument '${oneLine(stray)}'`);

  const explicit = new Set<string>();
  const warnings: string[] = [];
  const values = defaults();
  for (const v of sysvars) {
    const text = given.get(v.option);
    if (text === undefined) continue;
    // `--innodb-numa-interleave` alone switches it on.
    const parsed = parseValue(v, text === true ? 'ON' : text);
    Object.assign(values, { [v.name]: parsed.value });
    warnings.push(...parsed.warnings);
    explicit.add(v.name);
  }
  const own: Record<string, unknown> = {};
  for (const option of spec.own) {
    const text = given.get(option.name);
    if (text === undefined) {
      own[option.name] = ownDefault(option);
      continue;
    }
    own[option.name] = text === true ? true : readOwn(option, text);
    explicit.add(option.name);
  }
  const settled = settleSysvars(values, (name) => explicit.has(name));
  return {
    help: null,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- filled from the table that the type is made from
    own: own as OwnValues<O>,
    sysvars: settled.value,
    explicit,
    warnings: [...warnings, ...settled.warnings],
  };
}

/** The options with a scenario's settings wherever the user gave none. */
export function applyPreset<O extends readonly OwnOption[]>(
  parsed: ParsedOptions<O>,
  preset: Preset<O>,
): ParsedOptions<O> {
  const isFree = ([name]: [string, unknown]): boolean => !parsed.explicit.has(name);
  const preSysvars = Object.fromEntries(Object.entries(preset.sysvars ?? {}).filter(isFree));
  const preOwn = Object.fromEntries(Object.entries(preset.own ?? {}).filter(isFree));
  const settled = settleSysvars(
    { ...parsed.sysvars, ...preSysvars },
    (name) => parsed.explicit.has(name) || name in preSysvars,
  );
  return {
    ...parsed,
    own: { ...parsed.own, ...preOwn },
    sysvars: settled.value,
    warnings: [...new Set([...parsed.warnings, ...settled.warnings])],
  };
}

function makeCommand(spec: CliSpec<readonly OwnOption[]>, sysvars: readonly Sysvar[]): Command {
  const width = helpWidth();
  const { description } = spec;
  const command = new Command(spec.name)
    .description(typeof description === 'string' ? description : description(width))
    .usage('[options]')
    .helpOption(false)
    .allowExcessArguments(true)
    .exitOverride()
    .configureHelp({ helpWidth: width, formatItem })
    .configureOutput({ writeErr: () => {}, writeOut: () => {} });
  for (const v of sysvars) {
    const flags = v.type === 'bool' ? `--${v.option} [ON|OFF]` : `--${v.option} <${placeholder(v)}>`;
    const text = `${v.doc} (default ${showSysvar(v, v.default)}; ${allowed(v)})`;
    command.addOption(new Option(flags, text).helpGroup(`${v.group}:`));
  }
  for (const option of spec.own) {
    const flags =
      option.kind === 'flag' ? `--${option.name}` : `--${option.name} <${ownPlaceholder(option)}>`;
    const group = Object.entries(spec.groups ?? {}).find(([, names]) => names.includes(option.name))?.[0];
    command.addOption(new Option(flags, ownDescription(option)).helpGroup(`${group ?? RUN_GROUP}:`));
  }
  return command.addOption(new Option('-h, --help', 'show this').helpGroup(`${RUN_GROUP}:`));
}

function placeholder(v: Sysvar): string {
  return v.type === 'enum' ? 'name' : v.unit || 'n';
}

/** MySQL's programs take an option with underscores too. */
function withDashes(argument: string): string {
  const name = /^--[a-z0-9_-]+/i.exec(argument)?.[0];
  return name === undefined
    ? argument
    : name.replaceAll('_', '-').toLowerCase() + argument.slice(name.length);
}

/** To commander a flag with a value is an unknown option. @throws OptionError, if it is one */
function refuseValue(own: readonly OwnOption[], { code, message }: CommanderError): void {
  const [, name, value] = /'--([^'=]+)=(.*)'/s.exec(message) ?? [];
  const flag = own.find((o) => o.kind === 'flag' && o.name === name);
  if (code === 'commander.unknownOption' && flag !== undefined) readOwn(flag, value);
}

/** commander's messages are two lines when they suggest something. */
function toOptionError(error: CommanderError): OptionError {
  const message = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
  return new OptionError(/'([^' =]+)/.exec(message)?.[1] ?? '', message);
}
