/**
 * How a shared record is declared, and what follows from the declaration.
 *
 * A record is a list of fields in the order in which they lie in memory. The unit is the 32-bit word; a cache
 * line is 16 words. Everything else that is known about shared memory (offsets, sizes, the memory map in the
 * docs, the false-sharing check, the list of what to look at after a holder has died) is derived from here.
 */

/** Bytes in a word of the arena. */
export const WORD_BYTES = 4;
/** Words in a cache line (64 bytes on every machine that we know of with SharedArrayBuffer). */
export const LINE_WORDS = 16;
/** The null of a word that holds an address: no record lies at word 0 (the arena starts with a blank line). */
export const NIL = 0;

/**
 * Who writes a word, as far as cache-line traffic goes. Two *hot* words with different writers must not share a
 * line.
 * - `accessor`: any thread that uses the page or object, in the course of a hit
 * - `contender`: any thread that takes or releases the latch
 * - `holder`: only the thread that holds the guard named beside it
 * - `owner`: one thread for its whole life (a session, a worker)
 * - `setup`: the main thread, before any other thread exists
 * - `monitor`: the main thread while others run
 */
export type Writer = 'accessor' | 'contender' | 'holder' | 'owner' | 'setup' | 'monitor';

export interface FieldSpec {
  /** Size in words; 1 when absent, or the size of `record`. */
  readonly words?: number;
  /** The record embedded here. */
  readonly record?: AnyRecord;
  /** What must be held to write it: a latch field's name, or a rule in words. */
  readonly guard: string;
  /** Why reads without the guard are safe. Absent: reads need the guard as well. */
  readonly dirtyRead?: string;
  readonly writer: Writer;
  /** Written on a hit, or each time that a latch is taken. */
  readonly hot?: true;
  /** Statistics: nothing that a thread does, and no check, depends on it. Exploration leaves it out of states. */
  readonly telemetry?: true;
  /** Starts a new cache line with this name. */
  readonly line?: string;
  readonly doc: string;
}

export interface Field extends FieldSpec {
  readonly name: string;
  /** Word offset in the record. */
  readonly at: number;
  readonly words: number;
}

export interface RecordLayout<K extends string> {
  readonly name: string;
  /** The MySQL structure that it stands for, or a word on why there is none. */
  readonly mysql: string;
  /** Size in words, a multiple of `align`. */
  readonly words: number;
  /** Alignment in words. */
  readonly align: number;
  /** Word offset of each field. */
  readonly at: Readonly<Record<K, number>>;
  readonly fields: readonly Field[];
}

export type AnyRecord = RecordLayout<string>;

const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;

/**
 * Declares a record. Fields lie in the order given, each at its own alignment (that of the embedded record, else
 * one word); a field with `line` starts on a new cache line, which makes the whole record line-aligned.
 * @throws Error when an array field is no whole number of its records
 */
export function record<const F extends Readonly<Record<string, FieldSpec>>>(
  name: string,
  mysql: string,
  fields: F,
  align = 1,
): RecordLayout<keyof F & string> {
  const placed: Field[] = [];
  const at: Record<string, number> = {};
  let next = 0;
  let recordAlign = align;
  for (const [fieldName, spec] of Object.entries(fields)) {
    const words = spec.words ?? spec.record?.words ?? 1;
    if (spec.record !== undefined && spec.words !== undefined && spec.words % spec.record.words !== 0) {
      throw new Error(`${name}.${fieldName}: ${spec.words} words are no whole number of ${spec.record.name}`);
    }
    const fieldAlign = spec.record?.align ?? 1;
    recordAlign = Math.max(recordAlign, spec.line === undefined ? fieldAlign : LINE_WORDS);
    next = roundUp(next, spec.line === undefined ? fieldAlign : LINE_WORDS);
    placed.push({ ...spec, name: fieldName, at: next, words });
    at[fieldName] = next;
    next += words;
  }
  return {
    name,
    mysql,
    align: recordAlign,
    words: roundUp(next, recordAlign),
    at: at as Record<keyof F & string, number>,
    fields: placed,
  };
}

/** A field of a record with the words of embedded records laid open, for checks and the map. */
export interface FlatField extends Field {
  readonly path: string;
}

/** All leaf fields of a record, embedded records and arrays of them opened. */
export function flatten(layout: AnyRecord, base = 0, prefix = ''): FlatField[] {
  const out: FlatField[] = [];
  for (const field of layout.fields) {
    const path = prefix + field.name;
    if (field.record === undefined) {
      out.push({ ...field, at: base + field.at, path });
      continue;
    }
    for (let i = 0; i * field.record.words < field.words; i++) {
      const many = field.words > field.record.words ? `${path}[${i}]` : path;
      out.push(...flatten(field.record, base + field.at + i * field.record.words, `${many}.`));
    }
  }
  return out;
}
