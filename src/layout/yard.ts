/** Records of the yard: where a stress run of all allocators keeps what its threads share (src/session/program/yard-plan.ts). */
import { record } from './schema.ts';

/** A place where one thread leaves a block and another finds it. */
export const EXCHANGE_SLOT = record('ExchangeSlot', 'none: blocks that change hands in a stress run', {
  block: {
    guard: 'Atomics.exchange by anyone: who takes a block out of it owns the block',
    writer: 'accessor',
    hot: true,
    doc: 'address or handle of a block, 0 none',
  },
});
