/**
 * Buffers of a session that are one block of my_malloc each, reached from its THD: what the wire needs, and what its
 * present statement works with. Each function takes the session's thread; NIL or false: out of memory, which has been
 * raised (EE_OUTOFMEMORY, fatal to the statement). The old block is still there then,
 * unless said otherwise.
 */
import { NIL } from '../../layout/schema.ts';
import { THD } from '../../layout/session.ts';
import type { MemRootEnv } from '../../memory/mem-root/mem-root-env.ts';
import { alignSize, MY_WME, myFree, myMalloc, myRealloc, mySizeOf } from '../../memory/mem-root/my-malloc.ts';
import { MEM_KEY } from '../../memory/psi/psi-keys.ts';
import { here } from '../../memory/ut/site.ts';
import type { Thread } from '../../sync/thread.ts';
import { ER_NET_PACKET_TOO_LARGE, thdRaise } from './thd-error.ts';

const { netBuff: NET_BUFF, packet: PACKET, value: VALUE, valueLength: VALUE_LENGTH } = THD.at;
const { sortKeys: SORT_KEYS, uniqueBuffer: UNIQUE_BUFFER } = THD.at;

/** net_buffer_length and max_allowed_packet, as they are by default. */
export const NET_BUFFER_LENGTH = 16_384;
export const MAX_ALLOWED_PACKET = 67_108_864;
/** NET_HEADER_SIZE and COMP_HEADER_SIZE: 4 and 3 bytes. */
const NET_HEADERS = 7;
/** IO_SIZE: what net.buff grows by. */
const IO_SIZE = 4096;
/** MIN_SORT_MEMORY: the first block of sort keys. */
export const MIN_SORT_MEMORY = 32_768;

const SITE = { net: here(), packet: here(), value: here(), sort: here(), unique: here() };

/** Bytes that a block of this THD field has; 0: there is none. */
const sizeAt = (mem: Int32Array, at: number): number => (mem[at] === NIL ? 0 : mySizeOf(mem, mem[at]));

/** The buffers of a connection: net.buff, and the String for what is sent. @returns false: out of memory */
export function connectBuffers(thr: Thread, env: MemRootEnv, thd: number): boolean {
  const { mem } = thr;
  const { netBuff, stringValue } = MEM_KEY;
  mem[thd + NET_BUFF] = myMalloc(thr, env, netBuff, NET_BUFFER_LENGTH + NET_HEADERS, MY_WME, SITE.net);
  if (mem[thd + NET_BUFF] === NIL) return false;
  const packet = alignSize(NET_BUFFER_LENGTH + 1);
  mem[thd + PACKET] = myMalloc(thr, env, stringValue, packet, MY_WME, SITE.packet);
  return mem[thd + PACKET] !== NIL;
}

/**
 * `net_realloc`: a packet of so many bytes comes in. net.buff grows by whole IO_SIZE and stays as it is: the connection
 * keeps it.
 * @returns false: out of memory; or ER_NET_PACKET_TOO_LARGE was raised, at max_allowed_packet bytes or more
 */
export function thdNetBuff(thr: Thread, env: MemRootEnv, thd: number, bytes: number): boolean {
  const { mem } = thr;
  if (bytes >= MAX_ALLOWED_PACKET) {
    thdRaise(mem, thd, ER_NET_PACKET_TOO_LARGE, true);
    return false;
  }
  if (bytes + NET_HEADERS <= sizeAt(mem, thd + NET_BUFF)) return true;
  const length = Math.ceil(bytes / IO_SIZE) * IO_SIZE + NET_HEADERS;
  const grown = myRealloc(thr, env, MEM_KEY.netBuff, mem[thd + NET_BUFF], length, MY_WME, SITE.net);
  if (grown === NIL) return false;
  mem[thd + NET_BUFF] = grown;
  return true;
}

/**
 * `String::mem_realloc` of THD::packet: a row of so many bytes goes out. For a moment there are two; back to
 * net_buffer_length after the statement.
 */
export function thdPacket(thr: Thread, env: MemRootEnv, thd: number, bytes: number): boolean {
  const { mem } = thr;
  const length = alignSize(bytes + 1);
  if (length <= sizeAt(mem, thd + PACKET)) return true;
  const grown = myMalloc(thr, env, MEM_KEY.stringValue, length, MY_WME, SITE.packet);
  if (grown === NIL) return false;
  myFree(thr, env, mem[thd + PACKET]);
  mem[thd + PACKET] = grown;
  return true;
}

/**
 * `String::append` of the statement's value, which has `bytes` bytes then: one more for the final zero, up to a multiple
 * of 8; a block that has to grow gets a quarter of what it held on top (mem_realloc_exp), by my_realloc, so for a moment
 * there are two.
 * @returns address of the value; NIL: out of memory, the value is as it was
 */
export function thdValue(thr: Thread, env: MemRootEnv, thd: number, bytes: number): number {
  const { mem } = thr;
  const had = mem[thd + VALUE];
  if (had === NIL || alignSize(bytes + 1) > mySizeOf(mem, had)) {
    const more = had === NIL ? 0 : Math.floor(mem[thd + VALUE_LENGTH] / 4);
    const length = alignSize(bytes + more + 1);
    const grown = myRealloc(thr, env, MEM_KEY.stringValue, had, length, MY_WME, SITE.value);
    if (grown === NIL) return NIL;
    mem[thd + VALUE] = grown;
  }
  mem[thd + VALUE_LENGTH] = bytes;
  return mem[thd + VALUE];
}

/**
 * Sort keys of the statement's present sort: MIN_SORT_MEMORY first, then half as much again, or what is asked for. What
 * an earlier sort had in them is gone.
 * @returns address of at least so many bytes; NIL: out of memory, and there are none
 */
export function thdSortKeys(thr: Thread, env: MemRootEnv, thd: number, bytes: number): number {
  const { mem } = thr;
  const had = sizeAt(mem, thd + SORT_KEYS);
  if (had >= bytes && had > 0) return mem[thd + SORT_KEYS];
  const next = had === 0 ? MIN_SORT_MEMORY : had + Math.floor(had / 2);
  freeAt(thr, env, thd + SORT_KEYS);
  const length = Math.max(next, bytes);
  mem[thd + SORT_KEYS] = myMalloc(thr, env, MEM_KEY.filesortBufferSortKeys, length, MY_WME, SITE.sort);
  return mem[thd + SORT_KEYS];
}

/**
 * `Unique::sort_buffer`: duplicates of the statement are removed in it.
 * @returns address of at least so many bytes; NIL: out of memory, and there is none
 */
export function thdUniqueBuffer(thr: Thread, env: MemRootEnv, thd: number, bytes: number): number {
  const { mem } = thr;
  const had = mem[thd + UNIQUE_BUFFER];
  if (had !== NIL && mySizeOf(mem, had) >= bytes) return had;
  freeAt(thr, env, thd + UNIQUE_BUFFER);
  mem[thd + UNIQUE_BUFFER] = myMalloc(thr, env, MEM_KEY.uniqueSortBuffer, bytes, MY_WME, SITE.unique);
  return mem[thd + UNIQUE_BUFFER];
}

/** The statement ends: its buffers go, and packet shrinks to net_buffer_length if there is memory for that. */
export function endStatementBuffers(thr: Thread, env: MemRootEnv, thd: number): void {
  const { mem } = thr;
  freeAt(thr, env, thd + VALUE);
  freeAt(thr, env, thd + SORT_KEYS);
  freeAt(thr, env, thd + UNIQUE_BUFFER);
  mem[thd + VALUE_LENGTH] = 0;
  const length = alignSize(NET_BUFFER_LENGTH + 1);
  if (length >= sizeAt(mem, thd + PACKET)) return;
  const shrunk = myRealloc(thr, env, MEM_KEY.stringValue, mem[thd + PACKET], length, 0, SITE.packet);
  if (shrunk !== NIL) mem[thd + PACKET] = shrunk;
}

/** The connection ends: after endStatementBuffers. */
export function disconnectBuffers(thr: Thread, env: MemRootEnv, thd: number): void {
  freeAt(thr, env, thd + NET_BUFF);
  freeAt(thr, env, thd + PACKET);
}

function freeAt(thr: Thread, env: MemRootEnv, at: number): void {
  myFree(thr, env, thr.mem[at]);
  thr.mem[at] = NIL;
}
