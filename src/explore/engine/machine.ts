/**
 * The machine that transformed code runs on: what each hook does (hooks.ts). `scheduling.ts` says who goes on,
 * `effects.ts` what an operation leaves behind; `engine.ts` loads scenarios and runs schedules.
 *
 * Every operation of every schedule passes through here, so the common case (int32 operands on the main view) is written
 * out in each hook and everything else is a call away.
 */
import { type AnyTypedArray, type Element, type ExploreHooks, RMW } from '../hooks.ts';
import { casHits, indexOf, notifyCount, performReal, rmwInt32, timeoutOf, waitMatches } from './atomics.ts';
import { bulkAccess, dataViewAccess, type Ranges } from './bulk.ts';
import { Effects } from './effects.ts';
import { ATTR } from './scheduling.ts';
import { ACCESS } from './shadow.ts';
import { KIND, STATUS, type VThread } from './vthread.ts';

const { dirtyRead: DIRTY } = ATTR;

export abstract class Machine extends Effects implements ExploreHooks {
  private begin(t: VThread, kind: number, a: AnyTypedArray, i: number, site: number): void {
    t.ops += t.owes;
    t.owes = 0;
    this.paused &= ~t.bit;
    t.kind = kind;
    t.site = site;
    t.array = a;
    if (a === this.main && typeof i === 'number' && (i | 0) === i && i >= 0 && i < this.length) {
      t.index = i;
      t.word = i + this.base;
      t.fast = true;
    } else {
      t.index = kind >= KIND.read ? i : indexOf(a, i, kind === KIND.wait || kind === KIND.notify);
      t.word = typeof t.index === 'number' ? this.wordOf(a, t.index) : -1;
      t.fast = false;
    }
  }

  load(a: AnyTypedArray, i: number, site: number): boolean {
    const t = this.cur;
    this.begin(t, KIND.load, a, i, site);
    return this.point(t);
  }

  store(a: AnyTypedArray, i: number, v: Element, site: number): boolean {
    const t = this.cur;
    this.begin(t, KIND.store, a, i, site);
    t.v = v;
    if (typeof v !== 'number' || (v | 0) !== v) t.fast = false;
    return this.point(t);
  }

  rmw(op: number, a: AnyTypedArray, i: number, v: Element, site: number): boolean {
    const t = this.cur;
    this.begin(t, KIND.rmw, a, i, site);
    t.op = op;
    t.v = v;
    if (typeof v !== 'number' || (v | 0) !== v) t.fast = false;
    return this.point(t);
  }

  cas(a: AnyTypedArray, i: number, e: Element, r: Element, site: number): boolean {
    const t = this.cur;
    this.begin(t, KIND.cas, a, i, site);
    t.v = e;
    t.w = r;
    if (typeof e !== 'number' || typeof r !== 'number' || (e | 0) !== e || (r | 0) !== r) t.fast = false;
    return this.point(t);
  }

  notify(a: AnyTypedArray, i: number, count: number | undefined, site: number): boolean {
    const t = this.cur;
    this.begin(t, KIND.notify, a, i, site);
    // Converted when it is done: that may throw.
    t.v = count === undefined ? Infinity : count;
    return this.point(t);
  }

  wait(a: AnyTypedArray, i: number, v: Element, timeout: number | undefined, site: number): boolean {
    const t = this.cur;
    this.begin(t, KIND.wait, a, i, site);
    t.v = v;
    t.timeout = timeout === undefined ? Infinity : timeout;
    t.w = t.timeout;
    return this.point(t);
  }

  pause(site: number): boolean {
    const t = this.cur;
    if (!this.live) return false;
    t.ops += t.owes;
    // It has no second half: it counts as done when the thread comes to its next point.
    t.owes = 1;
    t.kind = KIND.pause;
    t.site = site;
    t.word = -1;
    this.paused |= t.bit;
    if (this.trace !== null) this.push(t, 'pause', site, -1, t.ops);
    return this.point(t);
  }

  pr(a: AnyTypedArray, i: number, site: number): boolean {
    const t = this.cur;
    this.begin(t, KIND.read, a, i, site);
    t.isPoint = this.live && t.word >= 0 && (this.plain === 'all' || (this.attr[t.word] & DIRTY) !== 0);
    return t.isPoint && !this.stateful ? this.decide(t) : false;
  }

  pw(a: AnyTypedArray, i: number, v: Element, site: number): boolean {
    const t = this.cur;
    this.begin(t, KIND.write, a, i, site);
    t.v = v;
    t.isPoint = this.live && t.word >= 0 && (this.plain === 'all' || (this.attr[t.word] & DIRTY) !== 0);
    return t.isPoint && !this.stateful ? this.decide(t) : false;
  }

  doLoad(): Element {
    const t = this.cur;
    if (!t.fast) return this.doGeneric(t);
    const value = this.main[t.index];
    if (this.live) {
      t.ops++;
      this.sign(t, false);
      if (this.shadow !== null) this.check(ACCESS.atomicRead, t);
      if (this.trace !== null) this.step(t, 'load', value);
    }
    return value;
  }

  doStore(): Element {
    const t = this.cur;
    if (!t.fast) return this.doGeneric(t);
    const value = t.v as number;
    const before = this.main[t.index];
    if (this.live) {
      t.ops++;
      this.sign(t, true);
      if (this.shadow !== null) this.check(ACCESS.atomicWrite, t);
      if (this.trace !== null) this.step(t, 'store', undefined, value);
    }
    this.put(t, before, value);
    return value;
  }

  doRmw(): Element {
    const t = this.cur;
    if (!t.fast) return this.doGeneric(t);
    const before = this.main[t.index];
    const value = t.op === RMW.add ? (before + (t.v as number)) | 0 : rmwInt32(t.op, before, t.v as number);
    if (this.live) {
      t.ops++;
      this.sign(t, true);
      if (this.shadow !== null) this.checkRmw(t);
      if (this.trace !== null) this.step(t, 'rmw', before, value);
    }
    this.put(t, before, value);
    return before;
  }

  doCas(): Element {
    const t = this.cur;
    if (!t.fast) return this.doGeneric(t);
    const before = this.main[t.index];
    const hit = before === t.v;
    if (this.live) {
      t.ops++;
      this.sign(t, true);
      if (this.shadow !== null) {
        if (hit) this.checkRmw(t);
        else this.check(ACCESS.atomicRead, t);
      }
      if (this.trace !== null) this.step(t, 'cas', before, hit ? t.w : undefined);
    }
    if (hit) this.put(t, before, t.w as number);
    return before;
  }

  doNotify(): number {
    const t = this.cur;
    if (this.live) t.ops++;
    // Throws as the real one does when array or index are none.
    if (!t.fast) Atomics.notify(t.array as Int32Array, t.index, 0);
    const count = notifyCount(t.v);
    let woken = 0;
    if (this.live) {
      this.sign(t, true);
      for (let left = count; left >= 1; left--) {
        const sleeper = this.firstSleeper(t.word);
        if (sleeper === null) break;
        woken++;
        this.shadow?.words.wake(t.id, sleeper.id);
        this.awake(sleeper, 'ok');
      }
      if (woken > 0) this.paused &= t.bit;
      if (this.trace !== null) this.step(t, 'notify', woken);
      if (!this.quiet) this.afterStep();
    }
    return woken;
  }

  doWait(): boolean {
    const t = this.cur;
    if (this.live) t.ops++;
    const easy = t.fast && typeof t.v === 'number';
    const matches = easy ? this.main[t.index] === ((t.v as number) | 0) : waitMatches(t.array, t.index, t.v);
    const timeout = timeoutOf(t.timeout);
    t.answer = matches ? 'timed-out' : 'not-equal';
    if (!this.live) {
      if (matches && timeout > 0) throw new Error('set-up or a check would sleep for ever in Atomics.wait');
      return false;
    }
    this.sign(t, true);
    if (this.shadow !== null) this.check(ACCESS.atomicRead, t);
    const sleeps = matches && timeout > 0;
    if (this.trace !== null) this.step(t, 'wait', sleeps ? 'asleep' : t.answer);
    if (!sleeps) return false;
    t.status = STATUS.asleep;
    t.sleepWord = t.word;
    t.sleepValue = t.v;
    t.sleepSite = t.site;
    t.sleepStep = this.steps;
    t.sleepNo = ++this.sleepCount;
    t.deadline = this.nowMs + timeout;
    this.ready &= ~t.bit;
    this.paused &= ~t.bit;
    this.findTimers();
    this.keys?.status(t.id, STATUS.asleep, this.rankOf(t));
    return true;
  }

  waited(): 'ok' | 'not-equal' | 'timed-out' {
    const t = this.cur;
    if (t.answer !== 'not-equal' && this.live && t.sleepWord >= 0) {
      // Waking up is a point of its own number, so that a schedule string can name what follows it.
      t.ops++;
      t.sleepWord = -1;
      if (this.trace !== null) this.step(t, t.answer === 'ok' ? 'wake' : 'timeout', t.answer);
    }
    return t.answer;
  }

  doR(): Element {
    const t = this.cur;
    if (!t.isPoint) return this.r(t.array, t.index, t.site);
    t.ops++;
    this.sign(t, false);
    return this.r(t.array, t.index, t.site);
  }

  doW(): Element {
    const t = this.cur;
    if (!t.isPoint) return this.w(t.array, t.index, t.v, t.site);
    t.ops++;
    this.sign(t, true);
    return this.w(t.array, t.index, t.v, t.site);
  }

  r(a: AnyTypedArray, i: number, site: number): Element {
    if (!this.live) return a[i];
    const t = this.cur;
    let word: number;
    if (a === this.main && (i | 0) === i && i >= 0 && i < this.length) word = i + this.base;
    else {
      word = this.wordOf(a, i);
      if (word < 0) return a[i];
    }
    if (++this.steps > this.maxSteps) this.outOfSteps();
    if (this.sharing !== null) this.noteRange(word, a.BYTES_PER_ELEMENT, t, false);
    if (this.shadow !== null && (this.attr[word] & DIRTY) === 0)
      this.checkAt(ACCESS.plainRead, t, a, i, word, site);
    if (this.trace !== null) this.plainStep(t, 'read', site, word, a[i]);
    return a[i];
  }

  w(a: AnyTypedArray, i: number, v: Element, site: number): Element {
    const t = this.cur;
    if (a === this.main && (i | 0) === i && i >= 0 && i < this.length) {
      const word = i + this.base;
      const before = this.main[i];
      this.memory.touch(word);
      this.main[i] = v as number;
      this.wrote(t, word, before, this.main[i]);
      if (this.live) {
        if (++this.steps > this.maxSteps) this.outOfSteps();
        if (this.sharing !== null) this.sharing.note(word, t.id, true);
        if (this.shadow !== null) this.checkAt(ACCESS.plainWrite, t, a, i, word, site);
        if (this.trace !== null) this.plainStep(t, 'write', site, word, undefined, this.main[i]);
      }
      return v;
    }
    const word = this.wordOf(a, i);
    if (word < 0) {
      (a as Int32Array)[i] = v as number;
      return v;
    }
    this.around(t, word, a.BYTES_PER_ELEMENT, () => {
      (a as Int32Array)[i] = v as number;
    });
    if (this.live) {
      if (++this.steps > this.maxSteps) this.outOfSteps();
      if (this.sharing !== null) this.noteRange(word, a.BYTES_PER_ELEMENT, t, true);
      if (this.shadow !== null) this.checkAt(ACCESS.plainWrite, t, a, i, word, site);
      if (this.trace !== null) this.plainStep(t, 'write', site, word, undefined, a[i]);
    }
    return v;
  }

  bulk(a: AnyTypedArray, method: string, site: number, ...args: unknown[]): unknown {
    return bulkAccess(this.ranges, a, method, site, args);
  }

  dv(view: DataView, method: string, site: number, ...args: unknown[]): unknown {
    return dataViewAccess(this.ranges, view, method, site, args);
  }

  /** What bulk.ts needs to know and do: ranges of bytes, counted over all buffers. */
  private readonly ranges: Ranges = {
    startOf: (view) => this.memory.startOf(view),
    viewOf: (ctor, buffer, offset, length) =>
      this.memory.isShared(buffer) ? this.memory.view(ctor, buffer, offset, length) : undefined,
    read: (byte, size, site) => this.range(ACCESS.plainRead, byte, size, site),
    write: (byte, size, site, perform) => {
      this.around(this.cur, byte >>> 2, (byte & 3) + size, perform);
      this.range(ACCESS.plainWrite, byte, size, site);
    },
  };

  private range(access: 0 | 1, byte: number, size: number, site: number): void {
    if (!this.live || size === 0) return;
    this.steps += 1 + (size >>> 2);
    if (this.steps > this.maxSteps) this.outOfSteps();
    const t = this.cur;
    if (this.sharing !== null) this.noteRange(byte >>> 2, (byte & 3) + size, t, access === ACCESS.plainWrite);
    if (this.shadow !== null) {
      this.shadow.range(access, t.id, byte, size, site);
      if (this.shadow.found !== null) this.raceFound();
    }
    if (this.trace !== null)
      this.plainStep(t, access === ACCESS.plainRead ? 'read' : 'write', site, byte >>> 2);
  }

  private doGeneric(t: VThread): Element {
    if (this.live) t.ops++;
    if (t.word < 0) return performReal(t);
    let result: Element = 0;
    this.around(t, t.word, t.array.BYTES_PER_ELEMENT, () => {
      result = performReal(t);
    });
    if (this.live) {
      const writes = t.kind !== KIND.load && (t.kind !== KIND.cas || casHits(t, result));
      this.sign(t, writes);
      if (this.shadow !== null) {
        const [byte, size] = this.bytesOf(t);
        if (t.kind !== KIND.store) this.shadow.range(ACCESS.atomicRead, t.id, byte, size, t.site);
        if (writes) this.shadow.range(ACCESS.atomicWrite, t.id, byte, size, t.site);
        if (this.shadow.found !== null) this.raceFound();
      }
      if (this.trace !== null) {
        const name = (['load', 'store', 'rmw', 'cas'] as const)[t.kind - KIND.load];
        this.step(t, name, result, writes ? t.array[t.index] : undefined);
      }
      if (!this.quiet) this.afterStep();
    }
    return result;
  }
}
