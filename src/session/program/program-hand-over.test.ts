/** The position of a session lies in the arena: whoever runs the next statement goes on where the last one was. */
import { describe, expect, it } from 'vitest';
import { SESSION } from '../../layout/session.ts';
import { BUILT_IN } from './program-file.ts';
import type { Program } from './program.ts';
import { ProgramKit } from './program-test-kit.ts';
import { group, report } from '../programs/pages.ts';
import { SYSBENCH_SCRIPTS } from '../programs/sysbench.ts';

const PAGES = 4000;

describe('determinism', () => {
  const trace = Uint32Array.from({ length: 5000 }, (_, i) => (i * 7919) % 3000);
  const programs = BUILT_IN.filter((p) => p.name !== 'allocators').map((p) =>
    p.name === 'report' ? report({ bytes: 200_000 }) : p.name === 'group' ? group({ bytes: 200_000 }) : p,
  );

  /** Page gets of each command, and what is changed at the end. */
  function follow(program: Program, who: (i: number) => number): unknown {
    const kit = new ProgramKit({ pages: PAGES, programs: [program], set: { trace }, seed: 5 });
    kit.connect(0, 0);
    const commands: (readonly number[])[] = [];
    for (let i = 0; i < 40; i++) {
      const before = kit.gets(0) + kit.gets(1);
      const outcome = kit.command(0, who(i));
      commands.push([outcome, kit.gets(0) + kit.gets(1) - before]);
    }
    const { ledger, count } = kit.envs[0].pages;
    const session = kit.sessions[0];
    return {
      commands,
      reads: kit.store.reads,
      ledger: [...kit.mem.subarray(ledger, ledger + count)],
      rng: [...kit.mem.subarray(session + SESSION.at.rng, session + SESSION.at.rng + 4)],
    };
  }

  it.each(programs.map((p) => [p.name, p] as const))(
    '%s touches the same pages, whichever thread runs a statement',
    (_, program) => {
      const alone = follow(program, () => 0);
      expect(follow(program, (i) => (i >> 1) % 2)).toEqual(alone);
    },
  );

  it('has every script of sysbench', () => {
    expect(programs.map((p) => p.name)).toEqual(expect.arrayContaining([...SYSBENCH_SCRIPTS]));
  });
});
