/** From the profiles of a run to its pictures, and the check that each shows what it is for. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAIN_PROFILE } from '../../workers/profile.ts';
import { type ClinicData, writeClinicData } from './clinic-data.ts';
import { FlameError, runClinic } from './clinic.ts';
import { profiledThreads, readProfile } from './cpu-profile.ts';
import { speedscopeFile } from './speedscope.ts';
import { type Stack, type ThreadStacks, threadStacks } from './stacks.ts';

export const PROFILES = 'profiles';
export const FLAME = 'flame.html';
export const WAITS = 'waits.html';
export const SPEEDSCOPE = 'flame.speedscope.json';

export interface Pictures {
  readonly threads: readonly ThreadStacks[];
  readonly flame: string;
  /** null: nobody waited for a latch. */
  readonly waits: string | null;
  readonly speedscope: string;
  /** Length of a tick in the pictures, us. */
  readonly tickUs: number;
}

export interface Drawing {
  /** Directory with PROFILES in it, where the pictures go. */
  readonly dir: string;
  /** Title of the speedscope file. */
  readonly title: string;
  readonly project: string;
  /** Called before each step that takes a while. */
  readonly note: (text: string) => void;
}

/** @throws FlameError, one line, when a picture did not come or does not show its threads and latches */
export async function draw({ dir, title, project, note }: Drawing): Promise<Pictures> {
  const profiles = join(dir, PROFILES);
  const threads = profiledThreads(profiles).map((t) => threadStacks(t, readProfile(profiles, t)));
  const seconds = Math.max(0, ...threads.map((t) => t.spanUs)) / 1e6;
  const picture = async (file: string, show: (stack: Stack) => boolean): Promise<ClinicData> => {
    const name = file.replace(/\.html$/, '');
    const data = writeClinicData(dir, name, { threads, show, entryOf: entryOf(project), root: project });
    if (data.ticks === 0) return data;
    const { folder } = data;
    const html = join(dir, file);
    note(`drawing ${html}`);
    await runClinic({ tool: 'flame', args: ['--visualize-only', folder], folder, html, seconds });
    checkPicture(html, data);
    return data;
  };
  const all = await picture(FLAME, (s) => s.doing !== 'idle');
  if (all.ticks === 0) throw new FlameError(`the profiles in ${profiles} hold no sample of a thread at work`);
  const waits = await picture(WAITS, (s) => s.doing === 'wait');
  const speedscope = join(dir, SPEEDSCOPE);
  const first = threads.find((t) => t.thread !== MAIN_PROFILE && t.thread.includes('-thread'));
  writeFileSync(speedscope, JSON.stringify(speedscopeFile(title, threads, first?.thread ?? MAIN_PROFILE)));
  return {
    threads,
    flame: join(dir, FLAME),
    waits: waits.ticks === 0 ? null : join(dir, WAITS),
    speedscope,
    tickUs: all.tickUs,
  };
}

/** Clinic's exit status says nothing: the towers and the latches must be in its page. */
function checkPicture(html: string, { threads, latches }: ClinicData): void {
  const page = readFileSync(html, 'utf8');
  const tower = threads.find((t) => !page.includes(`"${t} `));
  if (tower !== undefined) throw new FlameError(`${html} has no tower of ${tower}`);
  const latch = latches.find((l) => !page.includes(`park_${l} `) && !page.includes(`spin_${l} `));
  if (latch !== undefined) throw new FlameError(`${html} has no wait for ${latch}`);
}

/** The file that a tower's foot points to. */
const entryOf =
  (project: string) =>
  (thread: string): string => {
    const entry = { main: 'stress/run', cleaner: 'workers/page-cleaner', session: 'workers/session' };
    const kind = thread === MAIN_PROFILE ? 'main' : thread.includes('cleaner') ? 'cleaner' : 'session';
    return join(project, 'dist', `${entry[kind]}.js`);
  };
