import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FlameError, runClinic } from './clinic.ts';

const dir = mkdtempSync(join(tmpdir(), 'latchlab-test-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('clinic that writes no page', () => {
  const html = join(dir, 'x.html');

  it('is found out, with its last word', async () => {
    const folder = join(dir, 'x.clinic-flame');
    mkdirSync(folder);
    const args = ['--visualize-only', folder];
    const failed = runClinic({ tool: 'flame', args, folder, html });
    await expect(failed).rejects.toThrow(FlameError);
    await expect(failed).rejects.toThrow(/^clinic flame did not write \S+x\.html \(exit status 1\): [^\n]+$/);
  });

  it('is found out when it exits with 0 and says nothing', async () => {
    const failed = runClinic({ tool: 'flame', args: ['--version'], folder: join(dir, 'none'), html });
    await expect(failed).rejects.toThrow(/^clinic flame did not write \S+x\.html \(exit status 0\): /);
    writeFileSync(join(dir, 'none.html'), '');
    const empty = runClinic({ tool: 'flame', args: ['--version'], folder: join(dir, 'none'), html });
    await expect(empty).rejects.toThrow(/^clinic flame did not write/);
  });
});
