/** Connected sessions with their counters and the global one, for tests of connection memory. */
import { expect } from 'vitest';
import { GLOBAL_CONN_MEM, THD } from '../../layout/session.ts';
import { getU53 } from '../../layout/words.ts';
import { MemoryKit } from '../../memory/test-kit.ts';
import { PRIVILEGE, thdInit, thdPrepare, thdSetup } from '../thd/thd.ts';
import * as C from './thd-mem-cnt.ts';

const T = THD.at;

export interface CounterKitOptions {
  readonly globals?: C.GlobalConnMemValues;
  readonly session?: C.SessionConnMemValues;
  readonly privileged?: boolean;
  /** Other privileges (PRIVILEGE). */
  readonly privileges?: number;
  readonly version?: C.ConnMemVersion;
}

/** One connected session (or more) past its first command. Tracking on, chunk 1000, no limits, unless said. */
export function setUp(o: CounterKitOptions = {}) {
  const kit = new MemoryKit({ records: { conn: [GLOBAL_CONN_MEM, 1], thd: [THD, 3] } });
  const { mem, log } = kit;
  const thr = kit.thread(1);
  const conn = kit.at('conn');
  const thds = [0, 1, 2].map((i) => kit.at('thd') + i * THD.words);
  C.globalConnMemInit(mem, conn, { tracking: true, chunkSize: 1000, ...o.globals }, o.version);
  for (const [i, thd] of thds.entries()) {
    thdSetup(mem, thd, conn);
    thdInit(thr, thd, {
      sessionId: i + 1,
      privileges: o.privileges ?? (o.privileged === true ? PRIVILEGE.super : 0),
      connMem: o.session ?? {},
    });
    thdPrepare(thr, thd);
  }
  const [thd] = thds;
  const global = () => C.globalConnectionMemory(mem, conn);
  /** mem, max, glob, global as in facts A 7.5. */
  const state = (at = thd) => [
    ...[T.memCounter, T.maxConnMem, T.globMemCounter].map((f) => getU53(mem, at + f)),
    global(),
  ];
  const add = (size: number, at = thd) => C.memCntAlloc(thr, at, size, log);
  const sub = (size: number, at = thd) => C.memCntFree(mem, at, size);
  const reset = (at = thd) => C.memCntReset(thr, at, log);
  const lines = () => log.lines.map((l) => l.text);
  return { kit, mem, log, thr, conn, thd, thds, global, state, add, sub, reset, lines };
}

/** As setUp, after the first reset of the first session. */
export function connected(o: CounterKitOptions = {}) {
  const s = setUp(o);
  expect(s.reset()).toBe(0);
  return s;
}
