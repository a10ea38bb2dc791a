/**
 * Whether a thread really is in V8's list of those who sleep in Atomics.wait. V8 counts them for its own tests only,
 * through a native function; it is called here for the same purpose. (The operating system's view, a thread in state S,
 * would not do: a thread is in that state also when it waits for V8's mutex on the way there.)
 */
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';

const SOURCE = '(words, index) => %AtomicsNumWaitersForTesting(words, index)';

type Count = (words: Int32Array, index: number) => number;

/**
 * Number of threads of this process that sleep on a word of shared memory, whichever view they sleep through.
 * @throws SyntaxError when this V8 has no such function
 */
export function countWaiters(words: Int32Array, index: number): number {
  // Compiled anew at each call: what V8 compiles lazily, or has thrown away meanwhile, it parses again, and must then
  // be allowed to. The flag concerns the parser alone.
  setFlagsFromString('--allow-natives-syntax');
  try {
    const count = runInThisContext(SOURCE) as Count;
    return count(words, index);
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}
