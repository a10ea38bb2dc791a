/** Errors of the limits as a client shows them. */
import { memErrorText } from '../../src/session/limits/thd-mem-cnt.ts';

/** Both have the general SQLSTATE. */
const SQLSTATE = 'HY000';

/** What `mysql` prints: `ERROR 4082 (HY000): Connection closed. …` */
export function clientErrorLine(code: number, text: string): string {
  return `ERROR ${code} (${SQLSTATE}): ${text}`;
}

/** The same, from the numbers in it. */
export function errorLine(e: {
  readonly code: number;
  readonly limit: number;
  readonly consumed: number;
}): string {
  return clientErrorLine(e.code, memErrorText(e.code, e.limit, e.consumed));
}
