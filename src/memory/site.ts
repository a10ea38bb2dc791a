/**
 * Places in source files from which memory is asked for. C++ has `__FILE__` and `__LINE__`; here a caller names its
 * place once, as a constant beside the code, and hands it on with each call.
 */

/** A place: constant data, the same in every thread. */
export interface AllocSite {
  /** As the caller wrote it, or the path of the TypeScript source. */
  readonly file: string;
  readonly line: number;
  /** From file and line: 1 to 2^31 - 1, the same in every thread. */
  readonly id: number;
}

export const NO_SITE: AllocSite = { file: '', line: 0, id: 0 };

/** A place with the names given. */
export function allocSite(file: string, line: number): AllocSite {
  let hash = 0x811c9dc5;
  for (const c of `${file}:${line}`) hash = Math.imul(hash ^ (c.codePointAt(0) ?? 0), 0x01000193);
  return { file, line, id: hash & 0x7fffffff || 1 };
}

/** The place where this is called: for constants at the top of a module, as it takes microseconds. */
export function here(): AllocSite {
  const frame = new Error('here').stack?.split('\n')[2] ?? '';
  const found = /([^(\s]+?):(\d+):\d+\)?$/.exec(frame);
  return found === null ? NO_SITE : allocSite(found[1], Number(found[2]));
}
