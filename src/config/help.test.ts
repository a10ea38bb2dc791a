import { describe, expect, it } from 'vitest';
import { buildCli } from './cli.ts';
import { hanging, helpWidth } from './help.ts';

const help = (columns: number | undefined): string => {
  const before = Object.getOwnPropertyDescriptor(process.stdout, 'columns');
  Object.defineProperty(process.stdout, 'columns', { value: columns, configurable: true });
  try {
    const parsed = buildCli({
      name: 'test',
      description: (width) => `About ${width} columns.`,
      own: [
        {
          name: 'kind',
          kind: 'enum',
          default: null,
          choices: ['first', 'second', 'third'],
          doc: 'which one',
        },
        { name: 'html', kind: 'path', default: null, doc: 'page' },
      ],
      groups: { Reports: ['html'] },
    }).parse(['--help']);
    return parsed.help ?? '';
  } finally {
    if (before === undefined) Reflect.deleteProperty(process.stdout, 'columns');
    else Object.defineProperty(process.stdout, 'columns', before);
  }
};

const widest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

describe('the help', () => {
  it.each([60, 80, 100])('fits a terminal of %d columns', (columns) => {
    expect(help(columns)).toContain(`About ${columns} columns.`);
    expect(widest(help(columns))).toBeLessThanOrEqual(columns);
  });

  it('is no wider than can be read, also where there is no terminal', () => {
    expect(widest(help(300))).toBeLessThanOrEqual(110);
    expect(helpWidth({}, {})).toBe(110);
    expect(helpWidth({ columns: 0 }, {})).toBe(110);
    // Behind a pager.
    expect(helpWidth({}, { columns: 72 })).toBe(72);
  });

  it('has the text beside the option where there is room, else below it', () => {
    expect(help(110)).toMatch(/^ {2}--kind <name> {2,}which one \(default none;/m);
    expect(help(80)).toMatch(/^ {2}--kind <name>\n {8}which one \(default none;/m);
  });

  it('has groups, and what is in none of them below Run', () => {
    const text = help(110);
    expect(text).toMatch(/^Reports:\n {2}--html <path> /m);
    expect(text).toMatch(/^Run:\n {2}--kind <name> .*\n(?: {10,}.*\n)*? {2}-h, --help /m);
  });
});

it('text hangs behind its indentation, and no word is broken', () => {
  expect(hanging('one two three', 9, 2)).toBe('  one two\n  three');
  expect(hanging('unbreakable word', 6, 2)).toBe('  unbreakable\n  word');
});
