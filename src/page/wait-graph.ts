/** Who waits for whom, as a drawing: waiting threads, the latches they want, and who holds those. */
import { shortInstrument } from './chart-spec.ts';
import { num } from './format.ts';
import { html, Html } from './html.ts';

export interface WaitingThread {
  readonly who: string;
  readonly waitsFor: {
    readonly instrument: string;
    readonly mode: string;
    readonly place: string;
    readonly waitedMs: number;
    readonly asleep: boolean;
    readonly heldBy: readonly string[];
  } | null;
}

const ROW = 46;
const BOX = 34;
const COLUMN = [
  { x: 8, width: 170 },
  { x: 270, width: 290 },
  { x: 652, width: 170 },
] as const;
const WIDTH = 830;
const HEAD = 26;
const BASELINE = 15;

/** @param cycles names of threads that wait for each other; they stand out */
export function waitGraph(threads: readonly WaitingThread[], cycles: readonly (readonly string[])[]): Html {
  const waiting = threads.flatMap((t) => (t.waitsFor === null ? [] : [{ who: t.who, ...t.waitsFor }]));
  const latches = unique(waiting.map(latchKey));
  // Waiters of one latch stand together, so that lines seldom cross.
  const ordered = waiting.toSorted((a, b) => latches.indexOf(latchKey(a)) - latches.indexOf(latchKey(b)));
  const holders = unique(ordered.flatMap((w) => w.heldBy));
  const rows = Math.max(ordered.length, latches.length, holders.length, 1);
  const height = HEAD + rows * ROW;
  const y = (i: number, of: number): number => HEAD + ((i + 0.5) * rows * ROW) / of - BOX / 2;
  const inCycle = new Set(cycles.flat());
  const waits = new Set(waiting.map((w) => w.who));
  const tone = (who: string): string => (inCycle.has(who) ? 'cycle' : '');

  const parts: Html[] = [];
  for (const [i, w] of ordered.entries()) {
    const from = y(i, ordered.length);
    const latch = latches.indexOf(latchKey(w));
    const state = `${num(w.waitedMs)} ms, ${w.asleep ? 'asleep' : 'spinning'}`;
    parts.push(edge(0, from, 1, y(latch, latches.length)));
    parts.push(box(0, from, w.who, inCycle.has(w.who) ? `${state}, in a cycle` : state, tone(w.who)));
  }
  for (const [i, key] of latches.entries()) {
    const w = ordered.filter((x) => latchKey(x) === key);
    const at = y(i, latches.length);
    for (const holder of unique(w.flatMap((x) => x.heldBy))) {
      parts.push(edge(1, at, 2, y(holders.indexOf(holder), holders.length)));
    }
    const held = w.every((x) => x.heldBy.length === 0) ? ', looks free' : '';
    parts.push(
      box(1, at, `${shortInstrument(w[0].instrument)} ${modes(w)}`, `${w[0].place}${held}`, 'latch'),
    );
  }
  for (const [i, who] of holders.entries()) {
    parts.push(box(2, y(i, holders.length), who, waits.has(who) ? 'waits, too' : 'does not wait', tone(who)));
  }
  const told = ordered.map((w) => {
    const by = w.heldBy.length === 0 ? 'which looks free' : `held by ${w.heldBy.join(', ')}`;
    return `${w.who} waits for ${shortInstrument(w.instrument)} (${w.place}), ${by}`;
  });
  const heads = ['waits', 'for the latch', 'held by'].map(
    (text, i) => html`<text class="sub" x="${COLUMN[i].x}" y="14">${text}</text>`,
  );
  return html`<div class="scroll">
    <svg
      class="graph"
      role="img"
      width="${WIDTH}"
      height="${height}"
      viewBox="0 0 ${WIDTH} ${height}"
      aria-label="Who waits for whom. ${told.join('. ')}"
    >
      ${heads}${parts}
    </svg>
  </div>`;
}

type Wait = NonNullable<WaitingThread['waitsFor']>;
const latchKey = (w: Wait): string => `${w.instrument}\n${w.place}`;
const unique = (names: readonly string[]): string[] => [...new Set(names)];
const modes = (waits: readonly Wait[]): string => {
  const wanted = unique(waits.map((w) => w.mode).filter((m) => m !== 'mutex'));
  return wanted.length === 0 ? '' : `(${wanted.join(', ')})`;
};

function box(column: 0 | 1 | 2, y: number, title: string, sub: string, tone: string): Html {
  const { x, width } = COLUMN[column];
  const room = Math.floor(width / 6.6);
  return html`<rect class="${tone}" x="${x}" y="${y.toFixed(1)}" width="${width}" height="${BOX}" rx="3" />
    <text x="${x + 8}" y="${(y + BASELINE).toFixed(1)}">${cut(title, room)}</text
    ><text class="sub" x="${x + 8}" y="${(y + BASELINE + 13).toFixed(1)}">${cut(sub, room)}</text>`;
}

const cut = (text: string, room: number): string =>
  text.length > room ? `${text.slice(0, room - 1)}…` : text;

function edge(from: 0 | 1, fromY: number, to: 1 | 2, toY: number): Html {
  const x1 = COLUMN[from].x + COLUMN[from].width;
  const x2 = COLUMN[to].x;
  const y1 = fromY + BOX / 2;
  const y2 = toY + BOX / 2;
  const bend = (x1 + x2) / 2;
  return html`<path
      d="M${x1} ${y1.toFixed(1)}C${bend} ${y1.toFixed(1)} ${bend} ${y2.toFixed(1)} ${x2 - 6} ${y2.toFixed(1)}"
    /><path class="arrow" d="M${x2} ${y2.toFixed(1)}l-8 -4v8z" />`;
}
