/** From options and scenario to who runs what: the programs of a run and its sessions. */
import type { InitStatement } from '../../src/session/thd/init-connect.ts';
import type { AccessOptions, Program, ProgramSet, SessionSpec } from '../../src/session/program/program.ts';
import { group, SCAN } from '../../src/session/programs/pages.ts';
import { PRIVILEGE } from '../../src/session/thd/thd.ts';

/** What sessions are made from, after options and scenario have been put together. */
export interface Workload {
  readonly sessions: number;
  readonly nodes: number;
  readonly pages: number;
  /** Programs of the ordinary sessions, each for so many of them in turn. */
  readonly programs: readonly ProgramShare[];
  readonly access: AccessOptions;
  readonly rangePages: number;
  readonly scanPages: number;
  /** Of the sessions, how many scan. */
  readonly scanners: number;
  /** Size of the value that the last ordinary session groups from a time of the run on; 0: none does. */
  readonly hogBytes: number;
  readonly hogAtMs: number;
  /** What every connection but an administrator's begins with. */
  readonly initConnect: readonly InitStatement[];
  readonly trace: Uint32Array | null;
}

export interface ProgramShare {
  readonly program: Program;
  readonly share: number;
}

/** The sessions go round the nodes; scanners come last, the one that groups a value before them. */
export function makeWork(w: Workload): { programs: ProgramSet; sessions: SessionSpec[] } {
  const programs = w.programs.map((p) => p.program);
  const add = (program: Program): number => programs.push(program) - 1;
  const scan = w.scanners > 0 ? add(SCAN) : -1;
  const hog = w.hogBytes > 0 ? add(group({ bytes: w.hogBytes })) : -1;
  const turns = w.programs.flatMap(({ share }, program) => Array.from({ length: share }, () => program));
  const sessions = Array.from({ length: w.sessions }, (_, session): SessionSpec => {
    const scans = session >= w.sessions - w.scanners;
    const hogs = w.hogBytes > 0 && session === Math.max(0, w.sessions - w.scanners - 1);
    // Every node has sessions of every program.
    const program = scans ? scan : turns[Math.floor(session / w.nodes) % turns.length];
    return {
      session,
      node: session % w.nodes,
      name: programs[program].name,
      program,
      // oxlint-disable-next-line unicorn/no-thenable -- plain data that nobody awaits
      ...(hogs && { then: { atMs: w.hogAtMs, program: hog } }),
      // The first session is an administrator's: counted, never stopped.
      privileges: session === 0 ? PRIVILEGE.super : 0,
      transactions: 0,
      initConnect: w.initConnect,
    };
  });
  const { pages, access, rangePages, scanPages, trace } = w;
  return { programs: { programs, pages, access, rangePages, scanPages, trace }, sessions };
}
