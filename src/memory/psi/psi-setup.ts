/** What is counted: setup_instruments, setup_consumers, setup_threads. All may be changed while threads run. */
import { PSI_CLASS, PSI_THREAD } from '../../layout/psi.ts';
import { PSI_FLAG } from './psi-keys.ts';
import { CLASS_STATE, CONSUMER, type Psi } from './psi-plan.ts';
import { psiThreadAt, THREAD_STATE } from './psi-thread.ts';

const YES_NO = ['NO', 'YES'] as const;
const CLASS_AT = PSI_CLASS.at.state;

/** A row of setup_instruments, with MySQL's columns in MySQL's order. */
export interface SetupInstrument {
  readonly NAME: string;
  readonly ENABLED: 'YES' | 'NO';
  /** Memory is counted, not timed. */
  readonly TIMED: null;
  /** Words separated by commas. */
  readonly PROPERTIES: string;
  readonly FLAGS: '' | 'controlled';
  readonly VOLATILITY: number;
  readonly DOCUMENTATION: string | null;
}

/** Instruments that exist. */
export function setupInstruments(mem: Int32Array, psi: Psi): SetupInstrument[] {
  const rows: SetupInstrument[] = [];
  for (const { key, name, flags, volatility, documentation } of psi.keys) {
    const state = Atomics.load(mem, psi.classes + key * PSI_CLASS.words + CLASS_AT);
    if ((state & CLASS_STATE.exists) === 0) continue;
    const properties: string[] = [];
    if ((flags & PSI_FLAG.onlyGlobalStat) !== 0) properties.push('global_statistics');
    if ((flags & PSI_FLAG.memCollect) !== 0) properties.push('controlled_by_default');
    rows.push({
      NAME: name,
      ENABLED: YES_NO[(state & CLASS_STATE.enabled) === 0 ? 0 : 1],
      TIMED: null,
      PROPERTIES: properties.join(','),
      FLAGS: (state & CLASS_STATE.controlled) === 0 ? '' : 'controlled',
      VOLATILITY: volatility,
      DOCUMENTATION: documentation === '' ? null : documentation,
    });
  }
  return rows;
}

/**
 * UPDATE setup_instruments SET ENABLED, FLAGS. An instrument that is counted globally only is never controlled.
 * @throws RangeError when the key has no instrument
 */
export function psiSetInstrument(
  mem: Int32Array,
  psi: Psi,
  key: number,
  set: { readonly enabled?: boolean; readonly controlled?: boolean },
): void {
  const at = psi.classes + key * PSI_CLASS.words + CLASS_AT;
  const state = key > 0 && key < psi.nKeys ? Atomics.load(mem, at) : 0;
  if (state === 0) throw new RangeError(`key ${key} has no instrument`);
  if (set.enabled !== undefined) setBits(mem, at, CLASS_STATE.enabled, set.enabled);
  if (set.controlled !== undefined && (state & CLASS_STATE.onlyGlobal) === 0) {
    setBits(mem, at, CLASS_STATE.controlled, set.controlled);
  }
}

/** UPDATE setup_consumers. Threads are counted only while both are on. */
export function psiSetConsumers(
  mem: Int32Array,
  psi: Psi,
  set: Readonly<Partial<Record<keyof typeof CONSUMER, boolean>>>,
): void {
  if (set.globalInstrumentation !== undefined) {
    setBits(mem, psi.consumers, CONSUMER.globalInstrumentation, set.globalInstrumentation);
  }
  if (set.threadInstrumentation !== undefined) {
    setBits(mem, psi.consumers, CONSUMER.threadInstrumentation, set.threadInstrumentation);
  }
}

/** UPDATE threads SET INSTRUMENTED, of a thread that exists. */
export function psiSetInstrumented(mem: Int32Array, psi: Psi, id: number, on: boolean): void {
  setBits(mem, psiThreadAt(psi.plan, id) + PSI_THREAD.at.state, THREAD_STATE.instrumented, on);
}

function setBits(mem: Int32Array, at: number, bits: number, on: boolean): void {
  if (on) Atomics.or(mem, at, bits);
  else Atomics.and(mem, at, ~bits);
}
