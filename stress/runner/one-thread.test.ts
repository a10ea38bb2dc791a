/** one-thread-per-connection as the main thread sees it: whom it ends when the run is over, and who has parked. */
import { expect, it } from 'vitest';
import { attachEngine, createEngine, MAIN_SLOT, sessionAt, thdAt } from '../../src/engine.ts';
import { SESSION, SESSION_STATE, THD } from '../../src/layout/session.ts';
import { CONTROL } from '../../src/layout/thread.ts';
import { handOverConnect, handOverOut, handOverState } from '../../src/session/hand-over.ts';
import { KILLED, thdAwake } from '../../src/session/limits/kill.ts';
import { THREAD_KIND } from '../../src/sync/thread.ts';
import type { Crew } from './crew.ts';
import { OneThreadPerConnection } from './one-thread.ts';
import { plan, TINY } from '../test-kit.ts';
import { connectedAtOnce } from '../options/thread-handling.ts';

it('clients that never had a thread are ended; those that had one park by themselves, and count once', async () => {
  const planned = await plan(...TINY, '--sessions=4');
  planned.cleanUp();
  const share = createEngine(planned.run.engine);
  const { thr } = attachEngine(share, MAIN_SLOT, THREAD_KIND.main, 0);
  const { mem } = thr;
  const { control } = share.plan.runtime;
  const crew = { send: () => new Promise<number>(() => undefined) } as unknown as Crew;
  const model = new OneThreadPerConnection(crew, share, false);
  const waiting = (): number => mem[control + CONTROL.at.waiting];
  const at = (s: number): number => sessionAt(share.plan, s);
  model.begin();
  expect([waiting(), model.parked(), model.out().length]).toEqual([4, 0, 4]);
  // 0 is connected; the connection of 1 was ended, and it is about to connect again.
  for (const s of [0, 1]) {
    handOverConnect(thr, at(s));
    Atomics.sub(mem, control + CONTROL.at.waiting, 1);
    mem[at(s) + SESSION.at.connections]++;
  }
  handOverOut(thr, at(1));
  model.tick();
  expect([waiting(), model.parked()]).toEqual([2, 0]);

  Atomics.store(mem, control + CONTROL.at.stop, 1);
  for (let n = 0; n < 2; n++) {
    model.tick();
    expect([waiting(), model.parked()]).toEqual([0, 2]);
  }
  expect([0, 1, 2, 3].map((s) => handOverState(mem, at(s)))).toEqual([
    SESSION_STATE.running,
    SESSION_STATE.ended,
    SESSION_STATE.ended,
    SESSION_STATE.ended,
  ]);
  // What they do at their end.
  Atomics.add(mem, control + CONTROL.at.parked, 2);
  model.tick();
  expect(model.parked()).toBe(4);
  // One that is killed while it is parked closes before all is at rest.
  const thd = thdAt(share.plan, 0);
  mem[thd + THD.at.sessionId] = 1;
  thdAwake(thr, thd, KILLED.connection);
  expect(model.parked()).toBe(3);
  mem[thd + THD.at.sessionId] = 0;
  expect(model.parked()).toBe(4);
});

it.each([
  ['pool-of-threads', 1000, 8, 1000],
  ['one-thread-per-connection', 1000, 8, 8],
  ['one-thread-per-connection', 4, 8, 4],
  ['one-thread-per-connection', 0, 1, 1],
] as const)('%s: of %i clients on %i threads %i share the rate', (model, sessions, threads, share) => {
  expect(connectedAtOnce(model, sessions, threads)).toBe(share);
});
