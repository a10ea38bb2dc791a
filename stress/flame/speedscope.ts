/**
 * A speedscope file: one profile for each thread, in order of time. Its format is in speedscope's package
 * (dist/release/file-format-schema.json).
 */
import type { Frame, ThreadStacks } from './stacks.ts';

interface SpeedscopeFrame {
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
  readonly col?: number;
}

interface SampledProfile {
  readonly type: 'sampled';
  readonly name: string;
  readonly unit: 'microseconds';
  readonly startValue: number;
  readonly endValue: number;
  /** Indices of frames, from the bottom. */
  readonly samples: readonly (readonly number[])[];
  readonly weights: readonly number[];
}

export interface SpeedscopeFile {
  readonly $schema: 'https://www.speedscope.app/file-format-schema.json';
  readonly name: string;
  readonly exporter: string;
  readonly activeProfileIndex: number;
  readonly shared: { readonly frames: readonly SpeedscopeFrame[] };
  readonly profiles: readonly SampledProfile[];
}

/** @param active thread that is shown first */
export function speedscopeFile(
  name: string,
  threads: readonly ThreadStacks[],
  active: string,
): SpeedscopeFile {
  const frames: SpeedscopeFrame[] = [];
  const known = new Map<string, number>();
  const indexOf = (frame: Frame): number => {
    const key = JSON.stringify(frame);
    const index = known.get(key) ?? frames.push(speedscopeFrame(frame)) - 1;
    known.set(key, index);
    return index;
  };
  const profiles = threads.map(({ thread, stacks, runs }): SampledProfile => {
    const indices = stacks.map((s) => s.frames.map(indexOf));
    const weights = runs.map((r) => r.us);
    return {
      type: 'sampled',
      name: thread,
      unit: 'microseconds',
      startValue: 0,
      endValue: weights.reduce((a, b) => a + b, 0),
      samples: runs.map((r) => indices[r.stack]),
      weights,
    };
  });
  return {
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    name,
    exporter: 'latchlab',
    activeProfileIndex: Math.max(
      0,
      threads.findIndex((t) => t.thread === active),
    ),
    shared: { frames },
    profiles,
  };
}

function speedscopeFrame({ name, file, line, column }: Frame): SpeedscopeFrame {
  if (file === '') return { name };
  return line === 0 ? { name, file } : { name, file, line, col: column };
}
