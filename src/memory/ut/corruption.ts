/** Damaged memory: one report that says what is known, and the end of the run. Damage is never spread. */
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { type Origin, originAround, originOf } from './origin.ts';
import { osPageOf } from '../os/os-memory.ts';
import { MEM_KEYS } from '../psi/psi-keys.ts';
import { sitePlace } from './site.ts';

const { base: BASE, origins: ORIGINS, sites: SITES } = OS_MEMORY.at;
/** Words of the block that a report shows. */
const SHOWN_WORDS = 8;

/** Said when places are not recorded. */
export const ORIGINS_ARE_OFF = 'not recorded: plan the memory with origins (NodeMemoryOptions.origins)';

/** What was found, in the words of the report's lines. */
export interface CorruptionFacts {
  /** `double free`, `foreign address`, `overwritten magic`, `wrong allocator` … */
  readonly what: string;
  /** The call that found it: `my_free`. */
  readonly call: string;
  /** Word address that the caller gave. */
  readonly at: number;
  /** What was expected, and what is there. */
  readonly detail?: string;
  /** The thread that found it: its clock tells how long ago things happened. */
  readonly thr?: Thread;
}

/** A block is damaged, or given back to whom it does not belong. Nothing has been changed when it is thrown. */
export class MemoryCorruption extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MemoryCorruption';
  }
}

/**
 * The error, with all that is known of the block at `block` (its first word, header included): instrument, where it was
 * allocated, where freed. `os`: the memory that it lies in, NIL when in none.
 */
export function corruption(
  mem: Int32Array,
  os: number,
  block: number,
  facts: CorruptionFacts,
): MemoryCorruption {
  const { what, call, at, detail, thr } = facts;
  const lines = [`${call}(@${at}): ${what}${detail === undefined ? '' : `: ${detail}`}`];
  const say = (name: string, text: string): void => {
    lines.push(`  ${name.padEnd(12)}${text}`);
  };
  if (thr !== undefined) say('found by', `thread ${thr.id}`);
  if (os === NIL || osPageOf(mem, os, block) < 0) {
    say('block', `@${block}, in the memory of no node`);
  } else {
    say('block', `@${block}, byte ${(block - mem[os + BASE]) * 4} of the memory at @${mem[os + BASE]}`);
    for (const [name, text] of originLines(mem, os, block, thr)) say(name, text);
  }
  if (block > 0 && block < mem.length) say('lies there', firstWords(mem, block));
  return new MemoryCorruption(lines.join('\n'));
}

function originLines(
  mem: Int32Array,
  os: number,
  block: number,
  thr: Thread | undefined,
): readonly (readonly [string, string])[] {
  if (mem[os + ORIGINS] === NIL) return [['allocated', ORIGINS_ARE_OFF]];
  const around = originAround(mem, os, block);
  const known = around ?? originOf(mem, os, block);
  if (known === null) return [['allocated', 'no tracked block ever started there']];
  const lines: (readonly [string, string])[] = [];
  if (around !== null) lines.push(['inside of', `the block @${around.block}`]);
  if (known.freed === 0) lines.push(['size', `${known.bytes} bytes with its header`]);
  lines.push(
    ['instrument', MEM_KEYS[known.key]?.name ?? `key ${known.key}`],
    [
      'allocated',
      `${sitePlace(mem, mem[os + SITES], known.site)}, by thread ${known.thread}${ago(known, thr)}`,
    ],
    ['freed', known.freed === 0 ? 'not freed' : sitePlace(mem, mem[os + SITES], known.freed)],
  );
  return lines;
}

function ago({ bornTicks }: Origin, thr: Thread | undefined): string {
  if (thr === undefined) return `, at tick ${bornTicks}`;
  const ticks = (thr.clock.ticks() - bornTicks) >>> 0;
  return `, ${(ticks / thr.clock.ticksPerMs / 1000).toFixed(3)} s ago`;
}

function firstWords(mem: Int32Array, at: number): string {
  const words: string[] = [];
  for (let i = at; i < Math.min(at + SHOWN_WORDS, mem.length); i++) {
    words.push((mem[i] >>> 0).toString(16).padStart(8, '0'));
  }
  return words.join(' ');
}
