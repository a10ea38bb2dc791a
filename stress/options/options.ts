/** From a command line to a run: defaults, machine units, checks across options. Nothing is written here. */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { poolSizing } from '../../src/buffer/sizes.ts';
import { applyPreset, buildCli, type ParsedOptions } from '../../src/config/cli.ts';
import { OptionError } from '../../src/config/errors.ts';
import { hanging } from '../../src/config/help.ts';
import { findSysvar, showSysvar } from '../../src/config/sysvars.ts';
import { showBytes } from '../../src/config/values.ts';
import { type EngineConfig, planEngine } from '../../src/engine.ts';
import { MAX_ARENA_BYTES } from '../../src/layout/arena.ts';
import { WORD_BYTES } from '../../src/layout/schema.ts';
import { NO_LIMIT } from '../../src/memory/os/os-memory.ts';
import { checkProgramSet } from '../../src/session/program/program-file.ts';
import { densify, readTrace } from '../../src/session/program/trace-file.ts';
import { UNIV_PAGE_SIZE } from '../../src/storage/page.ts';
import { listText } from '../list.ts';
import { accessOf, checkDemoSessions, hasOwnAccess, numaOf, threadsOf } from './option-checks.ts';
import { alsoPrivileged, CONNECTION_LIMIT, DEMO_SAMPLE_MS } from '../limit/demo.ts';
import { parseInitConnect } from './init-connect.ts';
import { withoutEffect } from './option-warnings.ts';
import { OPTION_GROUPS, STRESS_OPTIONS, STRESS_SYSVARS } from './option-table.ts';
import type { RunOptions } from '../runner/run-types.ts';
import { SCENARIOS } from '../scenarios.ts';
import { parseScript } from './script.ts';
import { makeWork } from './workload.ts';
import { programsOf, withoutAccess } from './program-choice.ts';

type Parsed = ParsedOptions<typeof STRESS_OPTIONS>;

const COMMAND = 'npm run stress --';
/** An allocation may sleep a minute in the end (60 attempts), if the time is real. */
const REAL_RETRY_SECONDS = 75;
/** Where the texts of scenarios begin in the help. */
const TEXT_AT = Math.max(...SCENARIOS.map((s) => s.name.length)) + 3;
/** 2^64 − 1 is how MySQL says "no limit"; JSON has no Infinity. */
const UNLIMITED = '18446744073709551615';

const cli = buildCli({
  name: COMMAND,
  description: (width) =>
    'Runs sessions on worker threads over a real buffer pool and checks every invariant at the end.\n\nScenarios:\n' +
    SCENARIOS.map((s) => scenarioHelp(s, width)).join('\n'),
  own: STRESS_OPTIONS,
  groups: OPTION_GROUPS,
  sysvars: STRESS_SYSVARS,
});

/** A scenario, and what it sets, as the user would type it. */
function scenarioHelp(s: (typeof SCENARIOS)[number], width: number): string {
  const sysvars = Object.entries(s.preset.sysvars ?? {}).map(([name, value]) => {
    const v = findSysvar(name);
    return `${name.replaceAll('_', '-')}=${v === undefined ? String(value) : showSysvar(v, value)}`;
  });
  const own = Object.entries(s.preset.own ?? {}).map(([name, value]) => {
    const inBytes = STRESS_OPTIONS.some((o) => o.name === name && o.kind === 'bytes');
    return `${name}=${inBytes && typeof value === 'number' ? showBytes(value) : String(value)}`;
  });
  const doc = hanging(s.doc, width, TEXT_AT).trimStart();
  const sets = hanging(['sets', ...sysvars, ...own].join(' '), width, TEXT_AT);
  return `${`  ${s.name}`.padEnd(TEXT_AT)}${doc}\n${sets}`;
}

/** A run that can be started, with what the report repeats of its settings. */
export interface StressPlan {
  readonly run: RunOptions;
  readonly scenario: string;
  readonly json: string | null;
  readonly html: string | null;
  readonly live: boolean;
  /** Whether the memory of the process is held against its bill. */
  readonly memoryBill: boolean;
  /** Whether the run shows what connection_memory_limit does, and what chunks cost is measured after it. */
  readonly limitDemo: boolean;
  /** Directory for CPU profiles. */
  readonly profile: string | null;
  readonly warnings: readonly string[];
  /** The command line that repeats the run, as far as real threads can. */
  readonly command: string;
  /** Every option with its value in force. */
  readonly settings: Readonly<Record<string, string | number | boolean | null>>;
  /** Removes the temporary data directory, if the run had one. */
  cleanUp(): void;
}

/** Sessions that replay a trace do nothing beside it, unless they are told to. */
const TRACE_PRESET = { own: { scanners: 0, 'hog-bytes': 0 } } as const;

/** @throws OptionError and its kin, before anything is written. @returns the help text or the list, or the plan */
export async function planStress(argv: readonly string[]): Promise<string | StressPlan> {
  const given = cli.parse(argv);
  if (given.help !== null) return given.help;
  if (given.own.list) return listText();
  const scenario = SCENARIOS.find((s) => s.name === given.own.scenario) ?? SCENARIOS[0];
  const preset = applyPreset(given, scenario.preset);
  const parsed = preset.own.trace === null ? preset : applyPreset(preset, TRACE_PRESET);
  const { own, sysvars } = parsed;
  if (own.scanners > own.sessions) {
    throw new OptionError(
      '--scanners',
      `--scanners=${own.scanners}: allowed are 0 to --sessions (${own.sessions})`,
    );
  }
  const threads = threadsOf(own, scenario.yard === true);
  const access = accessOf(parsed);
  const numa = numaOf(parsed);
  // Roughly, before anything is computed from the size; exactly below.
  checkArena(sysvars.innodb_buffer_pool_size + own['os-memory'] * own.nodes);
  const sizing = poolSizing({
    size: sysvars.innodb_buffer_pool_size,
    instances: sysvars.innodb_buffer_pool_instances,
    // Up to 128P, of which only the part that fits the pool counts.
    chunk: Math.min(sysvars.innodb_buffer_pool_chunk_size, Number.MAX_SAFE_INTEGER),
    debug: sysvars.innodb_buffer_pool_debug,
  });
  const dataSize = own['data-size'] ?? 4 * sizing.size;
  const pagesPerSpace = Math.ceil(dataSize / UNIV_PAGE_SIZE / own.tablespaces);
  if (own.nodes > sizing.instances) {
    throw new OptionError(
      '--nodes',
      `--nodes=${own.nodes}: each node needs a buffer pool instance, and there are ${sizing.instances} ` +
        `(allowed are 1 to ${sizing.instances}, or more --innodb-buffer-pool-instances)`,
    );
  }
  if (own.html !== null && own.json !== null && resolve(own.html) === resolve(own.json)) {
    throw new OptionError(
      '--html',
      `--html=${own.html}: --json is written to that file; allowed is another one`,
    );
  }
  const raw = own.trace === null ? null : await readTrace(own.trace);
  const script = own.at === null ? [] : parseScript(own.at);
  const initConnect = own['init-connect'] === null ? [] : parseInitConnect(own['init-connect']);
  if (own.seconds === 0 && raw === null) {
    throw new OptionError(
      '--seconds',
      '--seconds=0: only a run with --trace ends by itself; allowed are 1 to 86400',
    );
  }
  const trace = raw === null ? null : densify(raw).pages;
  const seconds = trace !== null && !parsed.explicit.has('seconds') ? 0 : own.seconds;
  const temporary = own.data === null;
  // Made by the run itself, so that no mistake found later leaves it behind.
  const dataDir = own.data === null ? join(tmpdir(), `latchlab-${randomUUID()}`) : resolve(own.data);
  const limit = (value: number): number => (value === Infinity ? NO_LIMIT : value);
  const engine: EngineConfig = {
    seed: own.seed,
    nodes: own.nodes,
    sessions: own.sessions,
    threads,
    checked: own['latch-checks'] === 'on',
    pool: {
      instances: sizing.instances,
      nStripes: sysvars.innodb_page_hash_locks,
      chunks: { bytes: sizing.chunk, perInstance: sizing.size / sizing.chunk / sizing.instances },
      oldBlocksPct: sysvars.innodb_old_blocks_pct,
    },
    sysvars: {
      lruScanDepth: sysvars.innodb_lru_scan_depth,
      flushNeighbors: sysvars.innodb_flush_neighbors,
      ioCapacity: sysvars.innodb_io_capacity,
      maxDirtyPagesPctLwm: Math.round(sysvars.innodb_max_dirty_pages_pct_lwm * 1000),
      syncSpinLoops: sysvars.innodb_sync_spin_loops,
      spinWaitDelay: sysvars.innodb_spin_wait_delay,
      spinWaitPauseMultiplier: sysvars.innodb_spin_wait_pause_multiplier,
      remoteCostNs: own['remote-cost'],
    },
    oldBlocksTimeMs: sysvars.innodb_old_blocks_time,
    osMemoryBytes: own['os-memory'],
    osMemoryTotalBytes: own['os-memory-total'] ?? NO_LIMIT,
    hugePages: own['huge-pages'],
    faultPpm: own['fault-ppm'],
    realSleeps: own['retry-clock'] === 'real',
    numa,
    connMem: {
      sessionLimit: limit(sysvars.connection_memory_limit),
      globalLimit: limit(sysvars.global_connection_memory_limit),
      chunkSize: sysvars.connection_memory_chunk_size,
      tracking: sysvars.global_connection_memory_tracking,
      maxExecutionTime: sysvars.max_execution_time,
      // Unless they are set, nothing looks at them.
      ...(sysvars.connection_memory_status_limit !== Infinity && {
        sessionStatusLimit: limit(sysvars.connection_memory_status_limit),
      }),
      ...(sysvars.global_connection_memory_status_limit !== Infinity && {
        globalStatusLimit: limit(sysvars.global_connection_memory_status_limit),
      }),
    },
    origins: own['leak-check'] === 'on',
    yard: scenario.yard === true,
    dataDir,
    tablespaces: own.tablespaces,
    pagesPerSpace,
  };
  checkArena(planEngine(engine).arena.words * WORD_BYTES);
  const shares = await programsOf(own, scenario, trace !== null);
  const { programs, sessions } = makeWork({
    sessions: own.sessions,
    nodes: own.nodes,
    pages: pagesPerSpace * own.tablespaces,
    programs: hasOwnAccess(parsed) ? shares.map(withoutAccess) : shares,
    access,
    rangePages: own['range-pages'],
    scanPages: own['scan-pages'],
    scanners: own.scanners,
    hogBytes: own['hog-bytes'],
    // Half-way through the measured time.
    hogAtMs: 1000 * (own.warmup + seconds / 2),
    initConnect,
    trace,
  });
  checkProgramSet(programs, own.program ?? undefined);
  const limitDemo = scenario.name === CONNECTION_LIMIT.name;
  if (limitDemo) checkDemoSessions(own);
  const patience =
    engine.realSleeps && !parsed.explicit.has('watchdog')
      ? Math.max(own.watchdog, REAL_RETRY_SECONDS)
      : own.watchdog;
  return {
    run: {
      engine,
      programs,
      sessions: limitDemo ? alsoPrivileged(sessions) : sessions,
      threadHandling: own['thread-handling'],
      rate: own.rate,
      reconnect: own.reconnect === 'on',
      killRate: own['kill-rate'],
      script,
      cpuBind: own['cpu-bind'],
      seconds,
      ...(limitDemo && { sampleMs: DEMO_SAMPLE_MS }),
      warmupSeconds: own.warmup,
      traceLength: trace?.length ?? 0,
      watchdogSeconds: patience,
      profileDir: own.profile === null ? undefined : resolve(own.profile),
    },
    scenario: scenario.name,
    json: own.json,
    html: own.html,
    live: own.live,
    memoryBill: scenario.memoryBill === true,
    limitDemo,
    profile: own.profile,
    // The default chunk is for large pools: that it was not taken is news only to whoever asked for one.
    warnings: [
      ...parsed.warnings,
      ...withoutEffect(parsed, { access, programs: shares.map((s) => s.program.name), nodes: own.nodes }),
      ...sizing.messages.filter(
        (m) =>
          !m.startsWith('innodb_buffer_pool_chunk_size ') ||
          parsed.explicit.has('innodb_buffer_pool_chunk_size'),
      ),
    ],
    command: commandLine(argv, parsed.explicit, { scenario: scenario.name, seed: own.seed }),
    settings: settingsInForce(parsed, {
      innodb_buffer_pool_size: sizing.size,
      innodb_buffer_pool_chunk_size: sizing.chunk,
      innodb_buffer_pool_instances: sizing.instances,
      'data-size': dataSize,
      threads,
      seconds,
      watchdog: patience,
    }),
    cleanUp: () => {
      if (temporary) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function checkArena(bytes: number): void {
  if (bytes <= MAX_ARENA_BYTES) return;
  throw new OptionError(
    '--innodb-buffer-pool-size',
    `--innodb-buffer-pool-size: with --os-memory of each node and a word for each page of --data-size the arena ` +
      `would take ${Math.ceil(bytes)} bytes, and ${MAX_ARENA_BYTES} are allowed`,
  );
}

/** What the user gave, word for word, and what the run depends on besides. */
function commandLine(
  argv: readonly string[],
  explicit: ReadonlySet<string>,
  implied: Readonly<Record<string, string | number>>,
): string {
  const added = Object.entries(implied)
    .filter(([name]) => !explicit.has(name))
    .map(([name, value]) => `--${name}=${value}`);
  return [COMMAND, ...added, ...argv.map(quote)].join(' ');
}

/** For a POSIX shell. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function settingsInForce(parsed: Parsed, changed: StressPlan['settings']): StressPlan['settings'] {
  const sysvars = Object.fromEntries(STRESS_SYSVARS.map((name) => [name, parsed.sysvars[name]]));
  const all = Object.entries({ ...sysvars, ...parsed.own, ...changed });
  return Object.fromEntries(all.map(([name, value]) => [name, value === Infinity ? UNLIMITED : value]));
}
