/**
 * Builds on disk, by the hash of all that goes into them: sources, options, and the transform itself. A new process, or
 * the next worker, need not transform again what nobody has changed.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Build } from './build.ts';

/** Files kept; the oldest go first. */
const MOST_FILES = 150;

/** Hash of the transform's own modules, a change of which makes all builds anew, and of the root. */
function ownHash(root: string): string {
  const dir = fileURLToPath(new URL('.', import.meta.url));
  const h = createHash('sha256').update(root);
  for (const file of readdirSync(dir).toSorted()) h.update(file).update(readFileSync(join(dir, file)));
  return h.digest('hex').slice(0, 12);
}

export class DiskCache {
  private readonly dir: string;
  private readonly root: string;
  private own = '';

  /** @param root directory whose node_modules/.cache is used; without node_modules nothing is kept */
  constructor(root: string) {
    this.root = root;
    this.dir = join(root, 'node_modules/.cache/latchlab-explore');
  }

  private fileOf(fingerprint: string): string {
    // Builds have absolute paths: a folder that was moved has builds of its own.
    this.own ||= ownHash(this.root);
    return join(this.dir, `${this.own}-${fingerprint}.json`);
  }

  /** The build with this fingerprint; undefined when it is not there, or cannot be read. */
  read(fingerprint: string): Build | undefined {
    try {
      return JSON.parse(readFileSync(this.fileOf(fingerprint), 'utf8')) as Build;
    } catch {
      return undefined;
    }
  }

  /** Keeps a build. A folder that cannot be written to is no mistake: then nothing is kept. */
  write(build: Build): void {
    try {
      if (!existsSync(join(this.root, 'node_modules'))) return;
      mkdirSync(this.dir, { recursive: true });
      const file = this.fileOf(build.fingerprint);
      // Two workers may come at once: each file appears whole.
      const part = `${file}.${process.pid}-${Math.trunc(performance.now() * 1000)}`;
      writeFileSync(part, JSON.stringify(build));
      renameSync(part, file);
      this.sweep();
    } catch {
      // Not kept.
    }
  }

  private sweep(): void {
    const files = readdirSync(this.dir).map((f) => join(this.dir, f));
    if (files.length <= MOST_FILES) return;
    const byAge = files.map((f) => ({ f, at: statSync(f).mtimeMs })).toSorted((a, b) => a.at - b.at);
    for (const { f } of byAge.slice(0, files.length - MOST_FILES)) rmSync(f, { force: true });
  }
}
