/** `--init-connect`: what a server has in its variable init_connect, statements that every ordinary connection begins with. */
import { OptionError } from '../../src/config/errors.ts';
import { allowed, findSysvar, parseValue, SYSVARS } from '../../src/config/sysvars.ts';
import { oneLine, readInteger } from '../../src/config/values.ts';
import type { InitStatement } from '../../src/session/thd/init-connect.ts';
import { MAX_ALLOWED_PACKET } from '../../src/session/thd/thd-buffers.ts';

const FORMS = "SET [SESSION] variable = value, SET @name = REPEAT('x', bytes), SELECT REPEAT('x', bytes)";
const SET = /^SET\s+(?:(?:SESSION|LOCAL)\s+|@@(?:(?:SESSION|LOCAL)\s*\.\s*)?)?([a-z][\w-]*)\s*:?=\s*(.*)$/is;
const SET_VAR = /^SET\s+@(\w+)\s*:?=\s*REPEAT\s*\(\s*'[^';]'\s*,([^)]*)\)$/is;
const SELECT = /^SELECT\s+REPEAT\s*\(\s*'[^';]'\s*,([^)]*)\)$/is;

/**
 * Reads `SET SESSION max_execution_time = 50; SELECT REPEAT('x', 100K)`.
 * @throws OptionError naming --init-connect, the statement and what is allowed
 */
export function parseInitConnect(text: string): readonly InitStatement[] {
  const statements: InitStatement[] = [];
  const names: string[] = [];
  for (const part of text.split(';')) {
    const piece = part.trim();
    if (piece !== '') statements.push(parseStatement(piece, names));
  }
  return statements;
}

function parseStatement(piece: string, names: string[]): InitStatement {
  const select = SELECT.exec(piece);
  if (select !== null) return { kind: 'select', bytes: parseBytes(piece, select[1]) };
  const setVar = SET_VAR.exec(piece);
  if (setVar !== null) {
    // User variables have the same name in either case.
    const name = setVar[1].toLowerCase();
    if (!names.includes(name)) names.push(name);
    return { kind: 'setVar', variable: names.indexOf(name) + 1, bytes: parseBytes(piece, setVar[2]) };
  }
  const set = SET.exec(piece);
  if (set === null) throw mistake(piece, 'not a statement of init_connect', FORMS);
  return parseSet(piece, set[1], set[2].trim());
}

function parseSet(piece: string, name: string, value: string): InitStatement {
  const v = findSysvar(name);
  if (v === undefined || v.scope !== 'both') {
    const why =
      v === undefined
        ? `Unknown system variable '${oneLine(name)}'`
        : `Variable '${v.name}' is a GLOBAL variable`;
    throw mistake(piece, why, SYSVARS.flatMap((s) => (s.scope === 'both' ? [s.name] : [])).join(', '));
  }
  if (value.toUpperCase() !== 'DEFAULT') {
    try {
      parseValue(v, value);
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      throw mistake(piece, `value '${oneLine(value)}'`, `${allowed(v)}, or DEFAULT`);
    }
  }
  return { kind: 'set', variable: v.name, value };
}

function parseBytes(piece: string, text: string): number {
  const bytes = Number(readInteger(text, true) ?? 0);
  if (bytes >= 1 && bytes <= MAX_ALLOWED_PACKET) return bytes;
  throw mistake(piece, `bytes '${oneLine(text.trim())}'`, `1 ... ${MAX_ALLOWED_PACKET}, also with K or M`);
}

function mistake(piece: string, why: string, isAllowed: string): OptionError {
  return new OptionError(
    '--init-connect',
    `--init-connect: '${oneLine(piece)}': ${why}; allowed: ${isAllowed}`,
  );
}
