import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import type { MemoryBill } from './bill.ts';
import { memoryMain } from './main.ts';

const DIR = mkdtempSync(join(tmpdir(), 'bill-'));
const SMALL = ['--innodb-buffer-pool-size=8M', '--innodb-log-buffer-size=1M'];

afterAll(() => rmSync(DIR, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

/** What the program prints. */
function run(...argv: string[]): { out: string; err: string } {
  const text = { out: '', err: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((s) => ((text.out += String(s)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((s) => ((text.err += String(s)), true));
  memoryMain(argv);
  return text;
}

describe('npm run memory', () => {
  it('prints every object with formula, both sizes and the difference', () => {
    const { out } = run(...SMALL);
    expect(out).toContain('buffer pool of 8M, 1 instance of 1 chunk of 8M, 512 pages of 16K');
    expect(out).toMatch(
      /buf_pool chunks +chunk \+ roundup\(pages × 440, 16K\) +1 +8,617,984 +8,617,984 +0\n/,
    );
    expect(out).toMatch(
      /lock_sys rec_hash, .* +prime\(5 × BP \/ 16K\) × 8 +3 +[\d,]+ +[\d,]+ +[\d,]+ +header 32/,
    );
    expect(out).toMatch(/\n {2}total +[\d,]+ +[\d,]+ +[\d,]+\n/);
    expect(out).toMatch(
      /\nTLB: 1,536 entries for pages of 4K reach 6M, .* of the [\d,]+ bytes mapped in them\n$/,
    );
  });

  it('follows the settings', () => {
    const more = ['--innodb-buffer-pool-debug', '--innodb-buffer-pool-instances=2', '--mutex=futex'];
    const { out, err } = run(...SMALL, ...more, '--innodb-adaptive-hash-index-parts=4', '--block-bytes=800');
    expect(out).toContain('2 instances of 1 chunk of 4M');
    expect(out).toContain('prime(BP / 8 / 64 / 4) × 8');
    expect(out).toContain('roundup(pages × 800, 16K)');
    expect(out).not.toContain('block mutexes');
    expect(err).toContain('warning: innodb_buffer_pool_chunk_size adjusted');
  });

  it('with huge pages', () => {
    const { out } = run(...SMALL, '--large-pages=2M');
    expect(out).toMatch(/buf_pool chunks .* 8,617,984 +10,485,760 +1,867,776 +whole pages\n/);
    expect(out).toContain('pages of 2M reach 3G, 100.0 % of the 10,485,760 bytes');
  });

  it('as JSON: to a file, or alone to standard output', () => {
    const file = join(DIR, 'bill.json');
    const { out } = run(...SMALL, `--json=${file}`);
    expect(out).toContain('Bill of memory');
    const bill = JSON.parse(readFileSync(file, 'utf8')) as MemoryBill;
    expect(bill.rows.map((r) => r.difference)).toEqual(bill.rows.map((r) => r.allocated - r.computed));
    expect(bill.rows.reduce((n, r) => n + r.allocated, 0)).toBe(bill.allocated);
    expect(JSON.parse(run(...SMALL, '--json=-').out)).toEqual(bill);
  });

  it('refuses what cannot be, in one line and before anything is written', () => {
    const file = join(DIR, 'none.json');
    expect(() => run('--innodb-buffer-pool-size=1P', `--json=${file}`)).toThrow(
      /^--innodb-buffer-pool-size=1P: allowed are up to 4T$/,
    );
    expect(() => run('--mutex=none')).toThrow("--mutex: 'none' is not one of event, futex");
    expect(() => run(...SMALL, `--json=${DIR}`)).toThrow('--json');
    const chunk = ['--innodb-buffer-pool-size=64G', '--innodb-buffer-pool-chunk-size=8G'];
    expect(() => run(...chunk, '--innodb-buffer-pool-instances=1')).toThrow(
      /^--innodb-buffer-pool-chunk-size: buf_pool chunks: one object of \d+ bytes is more than .*allowed is less$/,
    );
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });

  it('says what it takes', () => {
    const { out } = run('--help');
    expect(out).toContain('--innodb-buffer-pool-size');
    expect(out).toContain('--block-bytes');
  });
});
