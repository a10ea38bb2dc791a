/** What the demonstration shows, as text. */
import { int } from '../../src/page/format.ts';
import { ER_DA_CONN_LIMIT } from '../../src/session/limits/thd-mem-cnt.ts';
import type { LimitDemo, LimitHog } from './demo.ts';
import { clientErrorLine } from './error-line.ts';

/** The section of a report, its title included. */
export function renderLimitDemo(d: LimitDemo): string {
  const { before, most, end, closed } = d.global;
  return [
    'Connection memory limit',
    ...d.hogs.flatMap(hogLines),
    '  error log:',
    ...(d.logged.length === 0 ? ['    nothing'] : d.logged.map((line) => `    [Error] [Server] ${line}`)),
    `  Global_connection_memory: ${int(before)} before, ${int(most)} the most seen meanwhile, ${int(end)} at the end, ` +
      `${int(closed)} when all had closed`,
  ].join('\n');
}

function hogLines(h: LimitHog): string[] {
  const limit = h.limit === null ? 'no limit' : `limit ${int(h.limit)}`;
  const who = `  session ${h.session} (${h.privileged ? 'SUPER' : 'no privilege'}), ${limit}: used up to ${int(h.used)} bytes`;
  if (h.stopped === 0) return [`${who}, was not stopped`];
  const again = h.stopped === 1 ? '' : ` (${h.stopped} times)`;
  return [
    `${who}, was stopped${again}:`,
    ...(h.text === null ? [] : [`    ${clientErrorLine(ER_DA_CONN_LIMIT, h.text)}`]),
  ];
}
