/** Checks over declared records: false sharing, overlap, guards. Run by the tests over every record that exists. */
import { type AnyRecord, flatten, LINE_WORDS } from './schema.ts';

/**
 * Finds cache lines on which hot words of different writers lie. A record that is packed into arrays without
 * being line-aligned is laid out several times over, because then its neighbours are on the line as well.
 * @returns one sentence per offending line; empty when all is well.
 */
export function findFalseSharing(layout: AnyRecord): string[] {
  const found: string[] = [];
  const lines = new Map<number, { path: string; writer: string }[]>();
  const copies = layout.align % LINE_WORDS === 0 ? 1 : Math.ceil(LINE_WORDS / layout.words) + 1;
  for (let copy = 0; copy < copies; copy++) {
    for (const field of flatten(layout)) {
      if (field.hot !== true) continue;
      const first = Math.floor((copy * layout.words + field.at) / LINE_WORDS);
      const last = Math.floor((copy * layout.words + field.at + field.words - 1) / LINE_WORDS);
      // A word that one thread owns has another writer in each element of an array.
      let writer: string = field.writer;
      if (field.writer === 'owner') writer = `owner #${copy}`;
      else if (field.writer === 'holder') writer = `holder of ${field.guard}`;
      for (let line = first; line <= last; line++) {
        const on = lines.get(line) ?? [];
        on.push({ path: field.path, writer });
        lines.set(line, on);
      }
    }
  }
  for (const [line, on] of lines) {
    const writers = new Set(on.map((f) => f.writer));
    if (writers.size < 2) continue;
    const words = on.map((f) => `${f.path} (${f.writer})`).join(', ');
    found.push(`${layout.name}: line ${line} is written by different threads: ${words}`);
  }
  return found;
}

/** Finds fields that overlap, lie outside their record, or have no guard or doc. */
export function findDefects(layout: AnyRecord): string[] {
  const found: string[] = [];
  let end = 0;
  for (const field of layout.fields) {
    const name = `${layout.name}.${field.name}`;
    if (field.at < end) found.push(`${name} overlaps its predecessor`);
    end = field.at + field.words;
    if (end > layout.words) found.push(`${name} ends outside the record`);
    if (field.guard.trim() === '') found.push(`${name} has no guard`);
    if (field.doc.trim() === '') found.push(`${name} has no description`);
    if (field.record !== undefined && field.at % field.record.align !== 0)
      found.push(`${name} is misaligned`);
  }
  return found;
}
