/** Two empty roots and all that tests of MEM_ROOT look at. */
import { expect } from 'vitest';
import { MEM_ROOT } from '../../layout/mem-root.ts';
import type { Thread } from '../../sync/thread.ts';
import { heapLiveBlocks } from '../heap/malloc.ts';
import { memRootClear } from './mem-root-blocks.ts';
import { memRootBlocks } from './mem-root-check.ts';
import { MemRootEnv, type MemRootEnvOptions } from './mem-root-env.ts';
import { memRootInit, memRootPeekEnd, memRootPeekStart } from './mem-root-state.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { MemoryKit } from '../test-kit.ts';

export const ROOT_KEY = MEM_KEY.thdMainMemRoot;

export class RootKit {
  readonly kit = new MemoryKit({ pages: [512], records: { root: [MEM_ROOT, 2] } });
  readonly mem = this.kit.mem;
  readonly one = this.kit.thread(1);
  readonly two = this.kit.thread(2);
  readonly root = this.kit.at('root');
  readonly other = this.root + MEM_ROOT.words;
  /** Errors that reached the statement. */
  readonly raised: string[] = [];
  /** Calls of the error handler. */
  handled = 0;

  constructor() {
    memRootInit(this.mem, this.root, ROOT_KEY);
    memRootInit(this.mem, this.other, ROOT_KEY);
  }

  readonly envOf = (o: Partial<MemRootEnvOptions> = {}): MemRootEnv => {
    const errorHook = {
      raise: (_thr: Thread, error: number, text: string, fatal: boolean): void => {
        this.raised.push(`${error} ${fatal ? 'fatal ' : ''}${text}`);
      },
    };
    const errorHandler = (): void => {
      this.handled++;
    };
    return new MemRootEnv({ ...this.kit.env, checked: true, errorHook, errorHandler, ...o });
  };

  readonly failNext = (times: number): void => osSetFaults(this.one, this.kit.os, { failNext: times });

  /** Payload sizes, current block first. */
  readonly sizes = (env: MemRootEnv, at = this.root): number[] =>
    memRootBlocks(this.mem, env, at).map((b) => b.bytes);

  /** Address of the first byte that block i of the first root gives. */
  readonly payload = (env: MemRootEnv, i: number): number =>
    memRootBlocks(this.mem, env, this.root)[i].at + env.headerWords;

  /** Bytes that are left in its current block. */
  readonly left = (): number => memRootPeekEnd(this.mem, this.root) - memRootPeekStart(this.mem, this.root);

  /** Clears both roots; nothing may be left. */
  readonly clearAll = (env: MemRootEnv): void => {
    memRootClear(this.one, env, this.root);
    memRootClear(this.one, env, this.other);
    expect(heapLiveBlocks(this.mem, this.kit.os)).toBe(0);
    expect(this.kit.defects()).toEqual([]);
  };
}
