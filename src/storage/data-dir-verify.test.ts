import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { initialCounter, raiseCounter } from './counter-page.ts';
import { dataFileName, prepareDataDir, removeDataDir, verifyDataDir } from './data-dir.ts';
import { StorageError } from './errors.ts';
import { faultyIo } from './fault-io.ts';
import { realFileIo } from './file-io.ts';
import { stampPage, UNIV_PAGE_SIZE } from './page.ts';
import { Tablespace } from './tablespace.ts';

let base = '';
let dir = '';

beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), 'latchlab-verify-'));
  dir = join(base, 'data');
});
afterEach(() => fs.rmSync(base, { recursive: true }));

const prepare = (): unknown => prepareDataDir({ dir, tablespaces: 2, pagesPerSpace: 70, seed: 42 });

function caught(action: () => void): StorageError {
  try {
    action();
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Changes a page through `change` and stamps it, as a session and a cleaner would. */
function changePage(space: number, pageNo: number, change: (mem: Int32Array) => void, lsn = 9999): void {
  const file = Tablespace.open(join(dir, dataFileName(space)), space);
  const mem = new Int32Array(UNIV_PAGE_SIZE / 4);
  const bytes = new Uint8Array(mem.buffer);
  file.readPage(bytes, 0, pageNo);
  change(mem);
  if (lsn > 0) stampPage(bytes, 0, lsn);
  file.writePage(bytes, 0, pageNo);
  file.close();
}

describe('verifyDataDir', () => {
  it('reads every page and gives its counter', () => {
    prepare();
    changePage(2, 69, (mem) => {
      raiseCounter(mem, 0);
      raiseCounter(mem, 0);
    });
    const seen = new Map<string, number>();
    const told: [number, number][] = [];
    const result = verifyDataDir(dir, {
      onPage: (space, pageNo, counter) => seen.set(`${space}:${pageNo}`, counter),
      onProgress: (done, total) => told.push([done, total]),
    });
    expect(seen.size).toBe(140);
    expect(seen.get('1:69')).toBe(initialCounter(42, 1, 69));
    expect(seen.get('2:69')).toBe(initialCounter(42, 2, 69) + 2);
    expect(result).toEqual({ pages: 140, counterSum: [...seen.values()].reduce((a, b) => a + b) });
    expect(told).toEqual([
      [64, 140],
      [128, 140],
      [140, 140],
    ]);
  });

  it('reports the first defect with file and page', () => {
    const file = join(dir, 'lab_0002.ibd');
    const defects: [string, string, () => void][] = [
      ['PAGE_CORRUPT', 'wrong checksum: found 0x', () => changePage(2, 7, (mem) => void mem[50]++, 0)],
      ['PAGE_CORRUPT', 'page is all zeros, expected', () => changePage(2, 7, (mem) => void mem.fill(0), 0)],
      [
        'PAGE_NUMBER',
        'another page is in its place: expected page 7, found page 16777223',
        () => changePage(2, 7, (mem) => void mem[1]++),
      ],
      [
        'PAGE_TORN',
        'copies of the counter differ: sectors 0-30 hold ',
        () => changePage(2, 7, (mem) => void mem[16 + 31 * 128]++),
      ],
      [
        'PAGE_FILLER',
        'byte 800 or one of the next three was overwritten in memory (its checksum is right, its filler is not that of seed 42)',
        () => changePage(2, 7, (mem) => void mem[200]++),
      ],
    ];
    for (const [code, text, damage] of defects) {
      prepare();
      damage();
      let pages = 0;
      const error = caught(() => verifyDataDir(dir, { onPage: () => pages++ }));
      expect(error).toMatchObject({ code, file, page: 7 });
      expect(error.message.slice(0, file.length + ': page 7: '.length + text.length)).toBe(
        `${file}: page 7: ${text}`,
      );
      expect(pages).toBe(77);
      removeDataDir(dir);
    }
  });

  it('wants a data directory', () => {
    expect(caught(() => verifyDataDir(dir))).toMatchObject({
      code: 'NO_DATA_DIR',
      message: `${dir}: no data directory (it has no latchlab.json); prepare it first`,
    });
    prepare();
    const io = faultyIo(realFileIo, ({ op }) => (op === 'read' ? { fail: 'EIO' } : undefined));
    expect(caught(() => verifyDataDir(dir, { io })).message).toBe(
      `${join(dir, 'latchlab.json')}: cannot read: input/output error (EIO)`,
    );
  });
});
