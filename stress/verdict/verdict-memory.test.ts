/** What is left in memory must be found, with its place: a sound yard, then one thing planted. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Attached,
  attachEngine,
  createEngine,
  type EngineShare,
  MAIN_SLOT,
  threadSlot,
} from '../../src/engine.ts';
import { NIL } from '../../src/layout/schema.ts';
import { EXCHANGE_SLOT } from '../../src/layout/yard.ts';
import { malloc } from '../../src/memory/heap/malloc.ts';
import { memAreaAlloc, MemPool } from '../../src/memory/old/mem-pool.ts';
import { MyEnv, myFree, myMalloc } from '../../src/memory/mem-root/my-malloc.ts';
import { MEM_KEY } from '../../src/memory/psi/psi-keys.ts';
import { here } from '../../src/memory/ut/site.ts';
import { Yard } from '../../src/session/program/yard.ts';
import { THREAD_KIND } from '../../src/sync/thread.ts';
import { plan, ran } from '../test-kit.ts';
import { checkNothingLeft, checkYard } from './verdict-memory.ts';

const SMALL = ['--scenario=allocators', '--sessions=2', '--nodes=1', '--innodb-buffer-pool-size=8M'];
const STATEMENTS = 60;

let main: Attached;
let yards: Yard[];

/** Two threads of a yard, which take turns here. */
beforeEach(async () => {
  const { engine } = (await plan(...SMALL)).run;
  const share = createEngine({ ...engine, checked: true });
  main = attachEngine(share, MAIN_SLOT, THREAD_KIND.main, 0);
  yards = [0, 1].map((thread) => {
    const a = attachEngine(share, threadSlot(thread), THREAD_KIND.main, 0, thread);
    const { yard } = share.plan;
    if (yard === null) throw new Error('the scenario has no yard');
    return new Yard({ ...a, plan: yard, thread, threads: 2 });
  });
});

function work(): void {
  for (let i = 0; i < STATEMENTS; i++) for (const yard of yards) yard.statement();
  for (const yard of yards) yard.close();
}

const left = (): string[] => checkNothingLeft(main).flatMap((v) => v.violations);
const found = (): string[] => [...checkYard(main).flatMap((v) => v.violations), ...left()];

describe('a yard', () => {
  it('has nothing left when its sessions have closed, with faults on the way', () => {
    work();
    expect(yards[0].refused + yards[1].refused).toBeGreaterThan(0);
    expect(found()).toEqual([]);
  });

  it('finds a block that two threads have at the same time', () => {
    const { thr, share } = main;
    for (let i = 0; i < STATEMENTS; i++) for (const yard of yards) yard.statement();
    const { slots = 0, slotsPerKind = 0 } = share.plan.yard ?? {};
    // What one thread left for another is written to by a third.
    for (let i = 0; i < slotsPerKind; i++) {
      const block = thr.mem[slots + i * EXCHANGE_SLOT.words];
      if (block !== NIL) thr.mem[block]++;
    }
    expect(() => {
      for (const yard of yards) yard.close();
    }).toThrow(/^ut_malloc block \d+ at @\d+: marks are .*: it has a second owner, or was overwritten$/);
  });

  it('that a session leaves with something in the buddy pool does not hold', () => {
    work();
    const { thr, env, share } = main;
    const { memPool = 0, utMem = 0 } = share.plan.yard ?? {};
    memAreaAlloc(thr, new MemPool(thr.mem, memPool, { at: utMem, env }), 100);
    expect(checkYard(main)[0].violations).toEqual([
      'mem_pool: 128 bytes are reserved after all sessions closed',
    ]);
  });
});

describe('a leak', () => {
  it('is named by the place that asked for the block', () => {
    work();
    expect(found()).toEqual([]);
    const { thr, env } = main;
    const my = new MyEnv(env);
    const site = here();
    const leaked = myMalloc(thr, my, MEM_KEY.thdMainMemRoot, 1000, 0, site);
    const text = left().join('\n');
    expect(text).toContain(`stress/verdict/verdict-memory.test.ts:${site.line}`);
    expect(text).toContain('memory/sql/THD::main_mem_root');
    expect(text).toContain('1 blocks, 1,032 bytes, from one place');
    expect(text).toMatch(
      /os_memory\[0\]: \d+ bytes are mapped after all sessions closed, and the heap keeps \d+/,
    );
    myFree(thr, my, leaked);
    expect(left()).toEqual([]);
  });

  it('of a block that nobody tracks shows in what is mapped', () => {
    expect(found()).toEqual([]);
    malloc(main.thr, main.env.os, 5000);
    const [, mapped, kept] = /os_memory\[0\]: (\d+) bytes .* keeps (\d+)/.exec(left().join('\n')) ?? [];
    expect(Number(mapped) - Number(kept)).toBe(8192);
  });
});

// One in fifty requests is refused there, those of a connection too: such a client tries again.
it('a run of the scenario with threads holds', async () => {
  const { report } = await ran([...SMALL, '--seconds=2', '--latch-checks=on', '--reconnect=on']);
  expect(report.verdicts.flatMap((v) => v.violations)).toEqual([]);
  expect(report.verdict).toBe('ok');
  expect(report.sessions.map((s) => s.statements.allocators > 0)).toEqual([true, true]);
});

it('a run with a planted leak fails, and its report names the place', async () => {
  const site = here();
  const plant = (share: EngineShare): void => {
    const { thr, env } = attachEngine(share, MAIN_SLOT, THREAD_KIND.main, 0);
    for (let i = 0; i < 3; i++) myMalloc(thr, new MyEnv(env), MEM_KEY.stringValue, 100, 0, site);
  };
  const { report, text } = await ran([...SMALL, '--seconds=1'], () => ({ started: plant }));
  expect(report.verdict).toBe('violated');
  expect(text).toMatch(
    /│ stress\/verdict\/verdict-memory\.test\.ts:\d+ │ memory\/sql\/String::value │ +3 │ +396 │/,
  );
  expect(text).toContain('3 blocks, 396 bytes, from one place');
});
