/**
 * CPU profiles as V8's inspector writes them (`NAME.cpuprofile`): a tree of call frames, and which of its nodes was on
 * top at which moment. Times are microseconds of the machine's monotonic clock, the one of `process.hrtime`, so that
 * threads can be laid side by side.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../src/config/errors.ts';
import { profileFile } from '../../workers/profile.ts';

const NODE = z.object({
  id: z.number(),
  callFrame: z.object({
    functionName: z.string(),
    url: z.string(),
    /** From 0; -1 where there is no source. */
    lineNumber: z.number(),
    columnNumber: z.number(),
  }),
  children: z.array(z.number()).optional(),
});
const PROFILE = z.object({
  nodes: z.array(NODE),
  startTime: z.number(),
  endTime: z.number(),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

export type ProfileNode = z.infer<typeof NODE>;
export type CpuProfile = z.infer<typeof PROFILE>;

/** One sample: the node on top at `at`, and until the next sample. */
export interface Sample {
  readonly node: number;
  readonly at: number;
  readonly us: number;
}

/**
 * The samples in order of time. V8 may note one late, with a negative delta: they are sorted first. The last one
 * lasts until the end of the profile.
 */
export function samplesOf(profile: CpuProfile): Sample[] {
  const { samples, timeDeltas, startTime, endTime } = profile;
  let now = startTime;
  const found = samples.map((node, i) => ({ node, at: (now += timeDeltas[i] ?? 0) }));
  found.sort((a, b) => a.at - b.at);
  return found.map(({ node, at }, i) => {
    const next = i + 1 < found.length ? found[i + 1].at : endTime;
    return { node, at, us: Math.max(0, next - at) };
  });
}

/** A span of time, us. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The clock that profiles count in. */
export const profileClockUs = (): number => Number(process.hrtime.bigint() / 1000n);

/** What was sampled in a span. Time before the first sample in it is nobody's. */
export function trimProfile(profile: CpuProfile, span: Span): CpuProfile {
  const from = Math.max(span.from, profile.startTime);
  const to = Math.max(from, Math.min(span.to, profile.endTime));
  const kept = samplesOf(profile).filter((s) => s.at >= from && s.at < to);
  let last = from;
  const timeDeltas = kept.map((s) => {
    const delta = s.at - last;
    last = s.at;
    return delta;
  });
  return { nodes: profile.nodes, startTime: from, endTime: to, samples: kept.map((s) => s.node), timeDeltas };
}

/** Names of the threads whose profiles are in a directory, by node and number. */
export function profiledThreads(dir: string): string[] {
  const suffix = profileFile('');
  const files = readdirSync(dir).filter((file) => file.endsWith(suffix));
  const { compare } = new Intl.Collator('en', { numeric: true });
  return files.map((file) => file.slice(0, -suffix.length)).toSorted(compare);
}

/** @throws UserError naming the file, when it is not there or no CPU profile */
export function readProfile(dir: string, thread: string): CpuProfile {
  const file = join(dir, profileFile(thread));
  try {
    return PROFILE.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    const why =
      error instanceof z.ZodError ? z.prettifyError(error).split('\n')[0] : (error as Error).message;
    throw new UserError(`${file} is no CPU profile: ${why}`, { cause: error });
  }
}

/** Leaves in a thread's profile only what was sampled in the span. @throws like `readProfile` */
export function trimProfileFile(dir: string, thread: string, span: Span): void {
  writeFileSync(join(dir, profileFile(thread)), JSON.stringify(trimProfile(readProfile(dir, thread), span)));
}
