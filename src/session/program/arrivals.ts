/**
 * The open loop: when the transactions of a session are due, by a Poisson process of its own. The schedule never waits
 * for the session: one that is late finds more that is due, and each is late since it was due.
 *
 * The next due time and the state of its random numbers lie in SESSION, so that any thread that has the session goes on
 * with them.
 */
import { Rng } from '../../layout/rng.ts';
import { SESSION } from '../../layout/session.ts';
import { addU53, setU53 } from '../../layout/words.ts';
import type { Thread } from '../../sync/thread.ts';

const { rng: RNG, arrivalRng: ARRIVAL_RNG, nextArrivalUs: NEXT_ARRIVAL_US } = SESSION.at;

/** Which of the streams that follow from the session's random numbers. */
const ARRIVAL_STREAM = 1;

/**
 * Begins the schedule now; the session's own random numbers are set (SESSION.rng) and are left as they are. By whoever has
 * the session.
 * @param session address of SESSION
 * @param perSecond transactions of this session per second, above 0
 */
export function arrivalsBegin(thr: Thread, session: number, perSecond: number): void {
  const { mem } = thr;
  const at = session + RNG;
  const copy = Rng.ofState(mem[at], mem[at + 1], mem[at + 2], mem[at + 3]);
  new Rng(copy.next32(), ARRIVAL_STREAM).save(mem, session + ARRIVAL_RNG);
  setU53(mem, session + NEXT_ARRIVAL_US, Math.floor(thr.clock.us()));
  arrivalsNext(thr, session, perSecond);
}

/**
 * The transaction that was due has begun: when the one after it is due. Times between two are exponential, by inversion.
 * @returns us of the run, which may have passed; also in SESSION.nextArrivalUs
 */
export function arrivalsNext(thr: Thread, session: number, perSecond: number): number {
  const { mem } = thr;
  const at = session + ARRIVAL_RNG;
  const rng = Rng.ofState(mem[at], mem[at + 1], mem[at + 2], mem[at + 3]);
  const gapUs = (-Math.log1p(-rng.float()) * 1e6) / perSecond;
  rng.save(mem, at);
  return addU53(mem, session + NEXT_ARRIVAL_US, Math.round(gapUs));
}
