/** The report of who-waits.ts for people, in the manner of the SEMAPHORES section of SHOW ENGINE INNODB STATUS. */
import type { LatchView, ThreadView, WaitView, WhoWaits } from './who-waits.ts';

/** Plain text lines: cycles first, then those that wait (longest first), then those that hold something. */
export function formatWhoWaits(report: WhoWaits): string {
  const names = new Map(report.threads.map((t) => [t.id, nameOf(t)]));
  const name = (id: number): string => names.get(id) ?? `thread ${id} (gone)`;
  const waiting = report.threads
    .filter((t) => waitedMs(t) >= 0)
    .toSorted((a, b) => waitedMs(b) - waitedMs(a));
  const holding = report.threads.filter((t) => waitedMs(t) < 0 && t.holds.length > 0);
  const others = report.threads.length - waiting.length - holding.length;

  const lines = [`SEMAPHORES: ${waiting.length} of ${report.threads.length} threads wait`];
  for (const cycle of report.cycles) {
    lines.push(`DEADLOCK: ${[...cycle, cycle[0]].map(name).join(' waits for ')}`);
  }
  for (const t of waiting) {
    lines.push(`${name(t.id)} in ${t.op}`);
    if (t.waitsFor !== null) lines.push(...formatWait(t.waitsFor, name));
    if (t.event !== null) lines.push(`  asleep on event ${t.event.place} for ${seconds(t.event.waitedMs)}`);
    lines.push(...formatHolds(t));
  }
  for (const t of holding) lines.push(`${name(t.id)} in ${t.op}, does not wait`, ...formatHolds(t));
  if (others > 0) lines.push(`${others} more neither wait nor hold anything`);
  return lines.join('\n');
}

/** −1: does not wait. */
const waitedMs = (t: ThreadView): number => t.waitsFor?.waitedMs ?? t.event?.waitedMs ?? -1;
const nameOf = (t: ThreadView): string => `thread ${t.id} (${t.kind} ${t.label}, node ${t.node})`;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const latchText = (l: LatchView): string =>
  `${l.latch}${l.mode === 'mutex' ? '' : ` ${l.mode}`} @${l.at} (${l.place})`;

function formatWait(wait: WaitView, name: (id: number) => string): string[] {
  const lines = [
    `  waits ${seconds(wait.waitedMs)} for ${latchText(wait)}, ${wait.asleep ? 'asleep' : 'spinning'}`,
  ];
  if (wait.ioOf !== 0) lines.push(`    held for an I/O that ${name(wait.ioOf)} started`);
  if (wait.heldBy.length > 0) lines.push(`    held by ${wait.heldBy.map(name).join(', ')}`);
  if (wait.ioOf === 0 && wait.heldBy.length === 0) lines.push('    which looks free');
  return lines;
}

function formatHolds(t: ThreadView): string[] {
  return t.holds.length === 0 ? [] : [`  holds ${t.holds.map(latchText).join(', ')}`];
}
