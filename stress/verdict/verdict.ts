/** The verdict: every invariant of a run, as checks that name what they saw. */
import { validateInstance } from '../../src/buffer/validate.ts';
import type { Attached, EngineShare } from '../../src/engine.ts';
import { GLOBAL_CONN_MEM, THD } from '../../src/layout/session.ts';
import { LOG_SYS } from '../../src/layout/buffer.ts';
import { THREAD } from '../../src/layout/thread.ts';
import { getU53 } from '../../src/layout/words.ts';
import { accountDefects } from '../../src/memory/psi/account-check.ts';
import { heapLiveBlocks } from '../../src/memory/heap/malloc.ts';
import { osTotalDefects } from '../../src/memory/os/os-check.ts';
import { osMemoryDefects } from '../../src/memory/os/os-memory.ts';
import { numaStatDefects } from '../../src/memory/os/placement.ts';
import { OS_MEMORY } from '../../src/layout/os-memory.ts';
import { verifyDataDir } from '../../src/storage/data-dir.ts';
import { StorageError } from '../../src/storage/errors.ts';

export interface Verdict {
  readonly invariant: string;
  /** Empty: it holds. */
  readonly violations: readonly string[];
  /** What was looked at. */
  readonly checked: string;
}

/** Sum of the sessions' shares and the global counter: equal while all are parked, both 0 when all have closed. */
export function checkConnectionMemory(share: EngineShare, when: 'open' | 'closed'): Verdict {
  const mem = new Int32Array(share.buffer);
  const { thds, globalConnMem } = share.plan;
  const global = getU53(mem, globalConnMem + GLOBAL_CONN_MEM.at.counter);
  let sum = 0;
  for (let i = 0; i < share.config.sessions; i++)
    sum += getU53(mem, thds + i * THD.words + THD.at.globMemCounter);
  const violations: string[] = [];
  if (sum !== global)
    violations.push(`sessions have reserved ${sum} bytes, the global counter says ${global}`);
  if (when === 'closed' && (sum !== 0 || global !== 0)) {
    violations.push(`after all sessions closed: ${sum} bytes reserved, global counter ${global}`);
  }
  return {
    invariant: when === 'open' ? 'Σ session counters = Global_connection_memory' : 'both 0 after close',
    violations,
    checked: `${share.config.sessions} sessions, ${global} bytes`,
  };
}

/** All structural invariants of the buffer pool, at rest. */
export function checkPool({ thr, pool }: Attached): Verdict[] {
  return pool.instances.map((inst) => ({
    invariant: `buffer pool instance ${inst.no}: lists, hash, states, latches at rest`,
    violations: validateInstance(thr, pool, inst, true),
    checked: `${inst.chunks.reduce((n, c) => n + c.size, 0)} blocks, ${inst.nStripes} stripes`,
  }));
}

/** Memory accounts, and that nobody holds anything any more. */
export function checkClosed({ share, env }: Attached): Verdict[] {
  const mem = new Int32Array(share.buffer);
  const { plan } = share;
  const allOs = plan.osMemory.map((o) => o.at);
  const memory = accountDefects(mem, env.psi, allOs);
  for (const os of allOs) memory.push(...osMemoryDefects(mem, os));
  memory.push(...osTotalDefects(mem, plan.osTotal, allOs), ...numaStatDefects(mem, allOs));
  const live = allOs.reduce((n, os) => n + heapLiveBlocks(mem, os), 0);
  if (live !== 0) memory.push(`${live} blocks are live after all sessions closed`);

  const held: string[] = [];
  for (let i = 0; i < plan.runtime.nThreads; i++) {
    const at = plan.runtime.threads + i * THREAD.words;
    if (mem[at + THREAD.at.held] !== 0) held.push(`thread ${i + 1} holds a latch`);
    if (mem[at + THREAD.at.memo] !== 0) held.push(`thread ${i + 1} has an open mini-transaction`);
  }
  const mutexes: [string, number][] = [
    ['log_sn_mutex', plan.pool.logSys + LOG_SYS.at.snMutex],
    ['log_closer_mutex', plan.pool.logSys + LOG_SYS.at.closerMutex],
    ['LOCK_global_conn_mem_limit', plan.globalConnMem + GLOBAL_CONN_MEM.at.mutex],
    ...allOs.map((os, node): [string, number] => [`os_memory[${node}]`, os + OS_MEMORY.at.mutex]),
  ];
  for (let i = 0; i < share.config.sessions; i++) {
    mutexes.push([`LOCK_thd_data of session ${i}`, plan.thds + i * THD.words + THD.at.dataMutex]);
  }
  for (const [name, at] of mutexes) if (mem[at] !== 0) held.push(`${name} is held (word ${mem[at]})`);
  return [
    {
      invariant: 'allocated − freed = live, for every key',
      violations: memory,
      checked: `${allOs.length} nodes`,
    },
    {
      invariant: 'every latch is free',
      violations: held,
      checked: `${mutexes.length} mutexes, ${plan.runtime.nThreads} threads`,
    },
  ];
}

/** Every page on disk is sound and shows what its updaters raised it to. */
export function checkFiles(share: EngineShare, onProgress?: (done: number, total: number) => void): Verdict {
  const mem = new Int32Array(share.buffer);
  const { pagesPerSpace, dataDir } = share.config;
  const violations: string[] = [];
  let pages = 0;
  try {
    verifyDataDir(dataDir, {
      ...(onProgress && { onProgress }),
      onPage: (space, pageNo, counter) => {
        pages++;
        const expected = mem[share.plan.ledger + (space - 1) * pagesPerSpace + pageNo] >>> 0;
        if (counter !== expected && violations.length < 20) {
          violations.push(`space ${space}, page ${pageNo}: ${counter} on disk, raised to ${expected}`);
        }
      },
    });
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    violations.push(error.message);
  }
  return {
    invariant: 'every page on disk: checksum, number, counter as raised',
    violations,
    checked: `${pages} pages`,
  };
}
