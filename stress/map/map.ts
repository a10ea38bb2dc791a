/** The memory map with the arena of the default scenario as its example. */
import { planEngine } from '../../src/engine.ts';
import { renderMap } from '../../src/layout/map.ts';
import { ALL_RECORDS } from '../../src/layout/records.ts';
import { planStress } from '../options/options.ts';

export async function memoryMap(): Promise<string> {
  // With a directory named, planning makes none; nothing is opened in it.
  const plan = await planStress(['--data', '.']);
  if (typeof plan === 'string') throw new Error('the default scenario has no plan');
  return renderMap(ALL_RECORDS, planEngine(plan.run.engine).arena);
}
