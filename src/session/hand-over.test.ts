import { describe, expect, it } from 'vitest';
import { SESSION, SESSION_STATE, THD } from '../layout/session.ts';
import { LINE_WORDS } from '../layout/schema.ts';
import { TestKit } from '../sync/test-kit.ts';
import * as H from './hand-over.ts';
import { KILLED } from './limits/kill.ts';

const ME = 2;
const OTHER = 3;

/** States, as the test calls them: running is running by a certain thread. */
type Name = 'out' | 'idle' | 'queued' | 'mine' | 'others' | 'ended';
const NAMES: readonly Name[] = ['out', 'idle', 'queued', 'mine', 'others', 'ended'];

function setUp() {
  const kit = new TestKit();
  const { mem } = kit;
  const lines = (words: number): number => {
    const at = kit.line();
    for (let w = LINE_WORDS; w < words; w += LINE_WORDS) kit.line();
    return at;
  };
  const session = lines(SESSION.words);
  const thd = lines(THD.words);
  mem[session + SESSION.at.thd] = thd;
  return { mem, session, thd, me: kit.thread(ME), other: kit.thread(OTHER) };
}

type Kit = ReturnType<typeof setUp>;

/** Brings a new session there, by the functions themselves. */
function bring({ mem, session, me, other }: Kit, to: Name): void {
  if (to === 'out') return;
  if (to === 'ended') {
    H.handOverEnd(mem, session);
    return;
  }
  H.handOverConnect(to === 'others' ? other : me, session);
  if (to === 'mine' || to === 'others') return;
  H.handOverIdle(me, session);
  if (to === 'queued') H.handOverQueue(mem, session);
}

function nameOf({ mem, session }: Kit): Name {
  const state = H.handOverState(mem, session);
  const runner = H.handOverRunner(mem, session);
  if (state === SESSION_STATE.running) return runner === ME ? 'mine' : 'others';
  expect(runner).toBe(0);
  return NAMES.find((name) => SESSION_STATE[name as keyof typeof SESSION_STATE] === state) ?? 'others';
}

const FUNCTIONS = {
  handOverQueue: ({ mem, session }: Kit) => H.handOverQueue(mem, session),
  handOverTake: ({ me, session }: Kit) => H.handOverTake(me, session),
  handOverConnect: ({ me, session }: Kit) => H.handOverConnect(me, session),
  handOverIdle: ({ me, session }: Kit) => H.handOverIdle(me, session),
  handOverOut: ({ me, session }: Kit) => {
    H.handOverOut(me, session);
    return true;
  },
  handOverEnd: ({ mem, session }: Kit) => H.handOverEnd(mem, session),
};

/** From which states each function leads where; from all others it changes nothing: returns false, or throws. */
const CHANGES: Record<keyof typeof FUNCTIONS, { from: Name; to: Name; else: false | 'throws' }> = {
  handOverQueue: { from: 'idle', to: 'queued', else: false },
  handOverTake: { from: 'queued', to: 'mine', else: false },
  handOverConnect: { from: 'out', to: 'mine', else: false },
  handOverIdle: { from: 'mine', to: 'idle', else: 'throws' },
  handOverOut: { from: 'mine', to: 'out', else: 'throws' },
  handOverEnd: { from: 'out', to: 'ended', else: false },
};

const TABLE = (Object.keys(CHANGES) as (keyof typeof FUNCTIONS)[]).flatMap((fn) =>
  NAMES.map((from) => ({ fn, from, ...(CHANGES[fn].from === from && { to: CHANGES[fn].to }) })),
);

describe('hand-over: every function from every state', () => {
  it.each(TABLE)('$fn, $from → $to', ({ fn, from, to }) => {
    const kit = setUp();
    bring(kit, from);
    expect(nameOf(kit)).toBe(from);
    const call = (): boolean => FUNCTIONS[fn](kit);
    if (to !== undefined) expect(call()).toBe(true);
    else if (CHANGES[fn].else === 'throws') expect(call).toThrow(/gives session @\d+ back, but/);
    else expect(call()).toBe(false);
    expect(nameOf(kit)).toBe(to ?? from);
  });

  it('a killed connection is not given back: whoever runs it closes it', () => {
    const kit = setUp();
    bring(kit, 'mine');
    Atomics.store(kit.mem, kit.thd + THD.at.killed, KILLED.connection);
    expect(H.handOverIdle(kit.me, kit.session)).toBe(false);
    expect(nameOf(kit)).toBe('mine');
    H.handOverOut(kit.me, kit.session);
    expect(nameOf(kit)).toBe('out');
  });

  it.each([KILLED.not, KILLED.query, KILLED.timeout])('a kill of a statement (%i) ends none', (how) => {
    const kit = setUp();
    bring(kit, 'mine');
    Atomics.store(kit.mem, kit.thd + THD.at.killed, how);
    expect(H.handOverIdle(kit.me, kit.session)).toBe(true);
    expect(nameOf(kit)).toBe('idle');
  });

  it('whoever gives back what another runs is told who that is', () => {
    const kit = setUp();
    bring(kit, 'others');
    const { me, session } = kit;
    const text = `thread ${ME} gives session @${session} back, but thread ${OTHER} runs it`;
    expect(() => H.handOverIdle(me, session)).toThrow(text);
    H.handOverOut(kit.other, session);
    expect(() => H.handOverOut(me, session)).toThrow(`back, but nobody runs it`);
  });
});
