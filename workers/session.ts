/** Worker entry: one session, from connect to close, as one long task of its node's pool. */
import type { RecordableHistogram } from 'node:perf_hooks';
import { attachEngine, awaitStart, type EngineShare, sessionSlot } from '../src/engine.ts';
import { THD } from '../src/layout/session.ts';
import type { SessionResult, SessionSpec } from '../src/session/program.ts';
import { runSession } from '../src/session/session.ts';
import { Yard } from '../src/session/yard.ts';
import { THREAD_KIND } from '../src/sync/thread.ts';
import { type Outcome, settle } from './outcome.ts';
import { profileTarget, sessionProfile } from './profile.ts';

export interface SessionTask {
  readonly share: EngineShare;
  readonly spec: SessionSpec;
  readonly latency: RecordableHistogram;
  readonly traceLength: number;
  /** Directory for the thread's CPU profile; null: none. */
  readonly profileDir: string | null;
}

export const sessionName = (no: number): string => `session ${no}`;

export default function session(task: SessionTask): Outcome<SessionResult> {
  const { share, spec, latency, traceLength } = task;
  const { config, plan } = share;
  return settle(
    share,
    sessionName(spec.session),
    profileTarget(task.profileDir, sessionProfile(spec.node, spec.session)),
    () => attachEngine(share, sessionSlot(spec.session), THREAD_KIND.session, spec.node, spec.session),
    (a) => {
      awaitStart(a);
      const result = runSession(
        {
          thr: a.thr,
          pool: a.pool,
          alloc: a.alloc,
          yard:
            plan.yard === null
              ? null
              : new Yard({
                  thr: a.thr,
                  env: a.env,
                  alloc: a.alloc,
                  pool: a.pool,
                  plan: plan.yard,
                  session: spec.session,
                  sessions: config.sessions,
                }),
          thd: plan.thds + spec.session * THD.words,
          latency,
          traceLength,
          pages: {
            pool: a.pool,
            ledger: plan.ledger,
            pagesPerSpace: config.pagesPerSpace,
            count: config.tablespaces * config.pagesPerSpace,
          },
        },
        spec,
      );
      a.store.close();
      return { ...result, ...a.store.counts };
    },
  );
}
