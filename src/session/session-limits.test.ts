/** What the server's variables do to a connection, through the life that both thread models give it. */
import { describe, expect, it } from 'vitest';
import { PRIVILEGE } from './thd/thd.ts';
import { NEXT } from './session.ts';
import { SessionKit, type SessionKitOptions } from './session-test-kit.ts';
import { setGlobal } from './limits/set-variable.ts';

function setUp(spec: SessionKitOptions['spec'] = {}) {
  const k = new SessionKit({ spec });
  const targets = { connMem: k.thd('connMem') };
  const set = (name: string, value: string) => setGlobal(k.thr, targets, PRIVILEGE.super, name, value).state;
  return { k, set, now: () => [k.thd('maxExecutionTime'), k.thd('chunkSize'), k.thd('tracking')] };
}

describe('variables of the server', () => {
  it('are for each connection as they are when it is made', () => {
    const { k, set, now } = setUp();
    expect([set('max_execution_time', '20'), k.connect(), now()]).toEqual(['done', true, [20, 8192, 1]]);
    set('max_execution_time', '0');
    set('connection_memory_chunk_size', '64K');
    set('global_connection_memory_tracking', 'OFF');
    expect([k.command(), now()]).toEqual([NEXT.transaction, [20, 8192, 1]]);
    k.disconnect();
    expect([k.connect(), now()]).toEqual([true, [0, 65_536, 0]]);
  });
});

describe('init_connect', () => {
  const SET = { kind: 'set', variable: 'max_execution_time', value: '50' } as const;
  const LARGE = { kind: 'select', bytes: 100_000 } as const;
  const connMem = { connectionMemoryLimit: 50_000 };

  it('is the beginning of a connection', () => {
    const { k, now } = setUp({ initConnect: [SET] });
    expect([k.connect(), now()[0], k.command()]).toEqual([true, 50, NEXT.transaction]);
  });

  it('that fails refuses it: 1184', () => {
    const { k } = setUp({ initConnect: [SET, LARGE], connMem });
    expect(k.connect()).toBe(false);
    k.disconnect();
    expect(k.result()).toMatchObject({ connections: 1, errors: { 1184: 1 }, total: 0 });
    expect(k.result().killed).toEqual({
      code: 1184,
      text: "Aborted connection 1 to db: 'unconnected' user: 'app' host: 'localhost' (init_connect command failed)",
    });
    expect(k.left()).toEqual([0, 0, 0]);
    expect(k.connect()).toBe(false);
  });

  it('is not for administrators', () => {
    const { k, now } = setUp({ initConnect: [SET, LARGE], connMem, privileges: PRIVILEGE.super });
    expect([k.connect(), now()[0]]).toEqual([true, 0]);
  });
});
