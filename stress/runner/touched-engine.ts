/** An engine whose memory is placed on the nodes of the host by first touch, where that is possible. */
import { createEngine, type EngineConfig, type EngineShare } from '../../src/engine.ts';
import { allocateArena } from '../../src/layout/arena.ts';
import type { LogLine } from '../../src/layout/error-log.ts';
import { touchFirst } from '../../src/numa/first-touch.ts';
import type { Host } from '../../src/numa/host.ts';

/** As `createEngine`. What came of placing it is in the log of the share, unless the host has one node. */
export function createTouchedEngine(config: EngineConfig, host?: Host): EngineShare {
  const said: LogLine[] = [];
  const share = createEngine(config, (_words, arena) => {
    const buffer = allocateArena(arena);
    const text = touchFirst(new Int32Array(buffer), arena, host);
    if (text !== null) said.push({ priority: 'Note', subsystem: 'Server', text });
    return buffer;
  });
  return { ...share, log: [...said, ...share.log] };
}
