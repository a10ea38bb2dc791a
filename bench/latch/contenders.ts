/** All contenders of the latch bench, by name. */
import type { LatchContender } from './contender.ts';
import { OURS } from './ours.ts';
import { RIVALS } from './rivals.ts';
import { TEXTBOOK } from './textbook.ts';

export const CONTENDERS: readonly LatchContender[] = [...OURS, ...TEXTBOOK, ...RIVALS];

export function contenderNamed(name: string): LatchContender {
  const found = CONTENDERS.find((c) => c.name === name);
  if (found === undefined) throw new Error(`no latch contender ${name}`);
  return found;
}
