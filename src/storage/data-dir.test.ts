import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareDataDir, type PrepareOptions, removeDataDir, verifyDataDir } from './data-dir.ts';
import { readMeta } from './data-dir-meta.ts';
import { StorageError } from './errors.ts';
import { faultyIo } from './fault-io.ts';
import { realFileIo } from './file-io.ts';
import { LOG_START_LSN, readLsn, UNIV_PAGE_SIZE } from './page.ts';

let base = '';
let dir = '';

beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), 'latchlab-data-'));
  dir = join(base, 'deep', 'data');
});
afterEach(() => fs.rmSync(base, { recursive: true }));

const settings = (more: Partial<PrepareOptions> = {}): PrepareOptions => ({
  dir,
  tablespaces: 2,
  pagesPerSpace: 70,
  seed: 42,
  ...more,
});

function hashFiles(): string {
  const hash = createHash('sha256');
  for (const name of fs.readdirSync(dir).toSorted())
    hash.update(name).update(fs.readFileSync(join(dir, name)));
  return hash.digest('hex').slice(0, 16);
}

function caught(action: () => void): StorageError {
  try {
    action();
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('prepareDataDir', () => {
  it('makes files that follow from the seed alone', () => {
    const prepared = prepareDataDir(settings());
    expect(prepared).toMatchObject({ dir, how: 'created' });
    expect(prepared.files).toEqual([join(dir, 'lab_0001.ibd'), join(dir, 'lab_0002.ibd')]);
    expect(fs.readdirSync(dir).toSorted()).toEqual(['lab_0001.ibd', 'lab_0002.ibd', 'latchlab.json']);
    expect(fs.statSync(join(dir, 'lab_0002.ibd')).size).toBe(70 * UNIV_PAGE_SIZE);
    expect(JSON.parse(fs.readFileSync(join(dir, 'latchlab.json'), 'utf8'))).toEqual({
      format: 1,
      pageSize: 16384,
      tablespaces: 2,
      pagesPerSpace: 70,
      seed: 42,
    });
    expect(readMeta(dir)).toEqual(prepared.meta);
    expect(readLsn(fs.readFileSync(join(dir, 'lab_0001.ibd')), 5 * UNIV_PAGE_SIZE)).toBe(LOG_START_LSN);
    expect(hashFiles()).toBe('79ab1a7842682488');
    const first = hashFiles();
    removeDataDir(dir);
    prepareDataDir(settings({ seed: 43 }));
    expect(hashFiles()).not.toBe(first);
    removeDataDir(dir);
    prepareDataDir(settings());
    expect(hashFiles()).toBe(first);
  });

  it('tells its progress', () => {
    const told: [number, number][] = [];
    prepareDataDir(settings({ onProgress: (done, total) => told.push([done, total]) }));
    expect(told).toEqual([
      [64, 140],
      [70, 140],
      [134, 140],
      [140, 140],
    ]);
  });

  it('uses what is there', () => {
    prepareDataDir(settings());
    const path = join(dir, 'lab_0001.ibd');
    const used = fs.readFileSync(path);
    used[5000]++;
    fs.writeFileSync(path, used);
    const before = hashFiles();
    expect(prepareDataDir(settings())).toMatchObject({ how: 'found' });
    expect(hashFiles()).toBe(before);
  });

  it('refuses a directory that was made with other settings', () => {
    prepareDataDir(settings());
    const before = hashFiles();
    const out = 'ask for what it has, name another directory, or remove this one';
    let error = caught(() => prepareDataDir(settings({ seed: 43 })));
    expect(error).toMatchObject({ code: 'SETTINGS_DIFFER', file: dir });
    expect(error.message).toBe(
      `${dir}: the data directory was made with other settings: seed is 42 but 43 is wanted; ${out}`,
    );
    error = caught(() => prepareDataDir(settings({ tablespaces: 3, pagesPerSpace: 5 })));
    expect(error.message).toContain(
      'tablespaces is 2 but 3 is wanted, pagesPerSpace is 70 but 5 is wanted; ask',
    );
    expect(hashFiles()).toBe(before);
    const meta = join(dir, 'latchlab.json');
    fs.writeFileSync(meta, fs.readFileSync(meta, 'utf8').replace('"format": 1', '"format": 2'));
    expect(caught(() => prepareDataDir(settings())).message).toContain('format is 2 but 1 is wanted');
    expect(caught(() => verifyDataDir(dir)).message).toContain('format is 2 but 1 is wanted');
  });

  it('refuses settings that make no sense, before it touches anything', () => {
    const wrong: [Partial<PrepareOptions>, string][] = [
      [{ tablespaces: 0 }, 'tablespaces must be a whole number from 1 to 9999, found 0'],
      [{ tablespaces: 10000 }, 'tablespaces must be a whole number from 1 to 9999, found 10000'],
      [{ pagesPerSpace: 1.5 }, 'pagesPerSpace must be a whole number from 1 to 4294967295, found 1.5'],
      [{ seed: -1 }, 'seed must be a whole number from 0 to 9007199254740991, found -1'],
    ];
    for (const [more, text] of wrong) {
      const error = caught(() => prepareDataDir(settings(more)));
      expect(error).toMatchObject({ code: 'BAD_SETTING', message: `${dir}: ${text}` });
    }
    expect(fs.existsSync(dir)).toBe(false);
  });

  it('refuses files and meta files that somebody else changed', () => {
    prepareDataDir(settings());
    const file = join(dir, 'lab_0002.ibd');
    const anew = 'remove the data directory and it will be made anew';
    fs.truncateSync(file, 69 * UNIV_PAGE_SIZE);
    for (const use of [() => prepareDataDir(settings()), () => verifyDataDir(dir)]) {
      expect(caught(use)).toMatchObject({
        code: 'FILE_SIZE',
        message: `${file}: the file has 69 pages, expected 70; ${anew}`,
      });
    }
    fs.rmSync(file);
    expect(caught(() => prepareDataDir(settings()))).toMatchObject({ code: 'NO_FILE', file });
    expect(caught(() => verifyDataDir(dir)).message).toBe(
      `${file}: cannot open: no such file or directory (ENOENT)`,
    );
    const meta = join(dir, 'latchlab.json');
    const texts: [string, string][] = [
      ['{"format":', 'it is no JSON'],
      ['7', 'it holds no settings'],
      ['null', 'it holds no settings'],
      ['{"format":1,"pageSize":16384}', 'tablespaces must be a whole number from 1 to 9999, found undefined'],
    ];
    for (const [text, problem] of texts) {
      fs.writeFileSync(meta, text);
      expect(caught(() => prepareDataDir(settings()))).toMatchObject({
        code: 'BAD_META',
        message: `${meta}: unusable meta file: ${problem}; ${anew}`,
      });
    }
    removeDataDir(dir);
    expect(prepareDataDir(settings())).toMatchObject({ how: 'created' });
  });

  it('redoes a creation that was interrupted at any call', () => {
    const small = settings({ tablespaces: 2, pagesPerSpace: 65 });
    prepareDataDir(small);
    const want = hashFiles();
    removeDataDir(dir);
    const outcomes = { created: 0, redone: 0, found: 0 };
    for (let alive = 0; ; alive++) {
      // A dead process makes no call any more: no clean-up either.
      const io = faultyIo(realFileIo, ({ index }) => (index >= alive ? { fail: 'EIO' } : undefined));
      let finished = false;
      try {
        prepareDataDir({ ...small, io });
        finished = true;
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
      }
      const { how } = prepareDataDir(small);
      outcomes[how]++;
      expect(hashFiles(), `interrupted at call ${alive}`).toBe(want);
      verifyDataDir(dir);
      removeDataDir(dir);
      expect(fs.existsSync(dir)).toBe(false);
      if (finished) break;
    }
    // "found": the meta file had its name already, only the last sync was missing.
    expect(outcomes.created).toBeGreaterThan(1);
    expect(outcomes.redone).toBeGreaterThan(10);
    expect(outcomes.found).toBeGreaterThan(1);
  });

  it('forces the files to disk before the meta file has its name, and then the name', () => {
    const calls: string[] = [];
    const io = faultyIo(realFileIo, ({ op, path }) => {
      if (op === 'sync' || op === 'rename') calls.push(`${op} ${basename(path)}`);
      return undefined;
    });
    prepareDataDir(settings({ io }));
    expect(calls).toEqual([
      'sync lab_0001.ibd',
      'sync lab_0002.ibd',
      'sync latchlab.json.tmp',
      'rename latchlab.json.tmp',
      'sync data',
    ]);
  });

  it('redoes an interrupted creation with other settings, and drops files that are too many', () => {
    prepareDataDir(settings({ tablespaces: 4 }));
    fs.rmSync(join(dir, 'latchlab.json'));
    fs.writeFileSync(join(dir, 'notes.txt'), 'mine');
    expect(prepareDataDir(settings({ tablespaces: 1, seed: 5 }))).toMatchObject({ how: 'redone' });
    expect(fs.readdirSync(dir).toSorted()).toEqual(['lab_0001.ibd', 'latchlab.json', 'notes.txt']);
  });

  it('breaks off when the progress callback throws, and leaves nothing', () => {
    let calls = 0;
    const onProgress = (): void => {
      if (++calls === 2) throw new Error('enough');
    };
    expect(() => prepareDataDir(settings({ onProgress }))).toThrow('enough');
    expect(fs.existsSync(dir)).toBe(false);
  });

  it('says that a directory cannot be written to, or is a file', () => {
    for (const [errno, text] of [
      ['EACCES', 'permission denied (EACCES)'],
      ['EROFS', 'read-only file system (EROFS)'],
      ['EPERM', 'operation not permitted (EPERM)'],
    ]) {
      for (const op of ['makeDir', 'open']) {
        const io = faultyIo(realFileIo, (call) =>
          call.op === op && !call.path.endsWith('.json') ? { fail: errno } : undefined,
        );
        const error = caught(() => prepareDataDir(settings({ io })));
        expect(error).toMatchObject({ code: 'NOT_WRITABLE', file: dir });
        expect(error.message).toBe(
          `${dir}: cannot write here: ${text}; name a directory that can be written to`,
        );
        expect(fs.existsSync(dir)).toBe(false);
      }
    }
    prepareDataDir(settings());
    const io = faultyIo(realFileIo, (call) =>
      call.path.endsWith('.ibd') && call.op === 'open' ? { fail: 'EACCES' } : undefined,
    );
    expect(caught(() => prepareDataDir(settings({ io })))).toMatchObject({
      code: 'NOT_WRITABLE',
      message: `${join(dir, 'lab_0001.ibd')}: cannot open for writing: permission denied (EACCES)`,
    });
    const file = join(base, 'file');
    fs.writeFileSync(file, 'x');
    for (const place of [file, join(file, 'below')]) {
      expect(caught(() => prepareDataDir(settings({ dir: place })))).toMatchObject({
        code: 'NO_DATA_DIR',
        message: `${place}: cannot make the data directory: a file is in its place`,
      });
    }
  });
});

describe('removeDataDir', () => {
  it('removes what is ours, and says what is not', () => {
    prepareDataDir(settings());
    fs.writeFileSync(join(dir, 'lab_1.ibd'), 'not our name');
    fs.writeFileSync(join(dir, 'latchlab.json.tmp'), 'left by a crash');
    expect(removeDataDir(dir)).toEqual(['lab_1.ibd']);
    expect(fs.readdirSync(dir)).toEqual(['lab_1.ibd']);
    expect(removeDataDir(join(base, 'never'))).toEqual([]);
  });

  it('takes the meta file first, so that a removal that was cut short is no data directory', () => {
    prepareDataDir(settings());
    let removed = 0;
    const io = faultyIo(realFileIo, ({ op }) =>
      op === 'remove' && removed++ > 0 ? { fail: 'EIO' } : undefined,
    );
    const error = caught(() => removeDataDir(dir, io));
    expect(error.message).toBe(`${dir}: cannot remove: input/output error (EIO)`);
    expect(readMeta(dir)).toBeNull();
    expect(prepareDataDir(settings())).toMatchObject({ how: 'redone' });
  });
});
