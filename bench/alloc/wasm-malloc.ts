/**
 * A rival: malloc and free of a C library (dlmalloc as Emscripten has it), compiled to WebAssembly: package walloc. Its
 * memory is its own: it cannot be shared between threads, so each has one.
 */
import { createRequire } from 'node:module';

/** What the package exports; it has no types. */
interface Walloc {
  malloc(bytes: number): number;
  free(address: number): void;
}
/** What of the global WebAssembly is used here: the types of Node 20 do not have it. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
interface WasmGlobal {
  readonly WebAssembly: {
    readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => WasmMemory;
  };
}
type WallocClass = new (options: {
  readonly memory: WasmMemory;
  readonly DYNAMICTOP_PTR: number;
  readonly STACKTOP: number;
  getTotalMemory(): number;
}) => Walloc;

/** The module says so. */
const PAGES = 256;
/** Byte address of the word with the program break, and where the heap begins. */
const BREAK_AT = 8;
const HEAP_BEGINS = 65_536;
/** Bytes that a thread can have: its heap is what is left of 16 MiB. */
export const WASM_HEAP_BYTES = PAGES * 65_536 - HEAP_BEGINS;

export function makeWasmMalloc(): Walloc {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the package has no types
  const Class = createRequire(import.meta.url)('walloc') as WallocClass;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is there
  const { WebAssembly: Wasm } = globalThis as unknown as WasmGlobal;
  const memory = new Wasm.Memory({ initial: PAGES, maximum: PAGES });
  new Int32Array(memory.buffer)[BREAK_AT >> 2] = HEAP_BEGINS;
  return new Class({
    memory,
    DYNAMICTOP_PTR: BREAK_AT,
    STACKTOP: HEAP_BEGINS,
    getTotalMemory: () => memory.buffer.byteLength,
  });
}
