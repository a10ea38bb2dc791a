/** A made-up machine for tests: procfs, sysfs and a taskset that remembers. */
import { cpuListText, type Host, parseCpuList } from './host.ts';

const PID = 4700;
const TID = 4711;

export interface FakeHostOptions {
  readonly platform?: string;
  /** CPUs that the process may use; `0-3` when absent. */
  readonly cpus?: string;
  /** CPUs that are online; sysfs does not say when absent. */
  readonly online?: string;
  /** CPU list of each host node; one node with all when absent. */
  readonly nodes?: Readonly<Record<number, string>>;
  /** Other files by path. */
  readonly files?: Readonly<Record<string, string>>;
  readonly noProc?: boolean;
  readonly noSelf?: boolean;
  /** What taskset says instead of doing it. */
  readonly refuse?: string;
  /** taskset does nothing, and says that it went well. */
  readonly deaf?: boolean;
}

export class FakeHost implements Host {
  readonly platform: string;
  readonly ran: string[] = [];
  /** CPUs that the calling thread may run on. */
  allowed: string;
  /** Called when the thread has been bound. */
  onBind: (cpus: string) => void = () => undefined;
  private readonly o: FakeHostOptions;
  private readonly all: string;

  constructor(o: FakeHostOptions = {}) {
    this.o = o;
    this.platform = o.platform ?? 'linux';
    this.all = o.cpus ?? '0-3';
    this.allowed = this.all;
  }

  readFile(path: string): string | null {
    const status = (cpus: string): string => `Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t${cpus}\n`;
    if (path.startsWith('/proc/') && this.o.noProc === true) return null;
    if (path === '/proc/self/status') return status(this.all);
    if (path === '/sys/devices/system/cpu/online') return this.o.online ?? null;
    if (path === `/proc/${PID}/task/${TID}/status`) return status(this.allowed);
    const node = /node(\d+)\/cpulist$/.exec(path)?.[1];
    if (node !== undefined) return this.nodes[Number(node)] ?? null;
    return this.o.files?.[path] ?? null;
  }

  list(path: string): readonly string[] {
    return path.endsWith('/node') ? ['possible', ...Object.keys(this.nodes).map((n) => `node${n}`)] : [];
  }

  link(): string | null {
    return this.o.noSelf === true ? null : `${PID}/task/${TID}`;
  }

  run(program: string, args: readonly string[]): string | null {
    this.ran.push([program, ...args].join(' '));
    if (this.o.refuse !== undefined) return this.o.refuse;
    if (this.o.deaf === true) return null;
    this.allowed = cpuListText(parseCpuList(args[1]));
    this.onBind(this.allowed);
    return null;
  }

  private get nodes(): Readonly<Record<number, string>> {
    return this.o.nodes ?? { 0: this.all };
  }
}
