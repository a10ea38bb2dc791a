/** What an actor does in a loop that waits for another actor: nothing, on real threads. */

/**
 * The thread cannot go on before something that it read has changed.
 * @explore pause
 */
export function relax(): void {}
