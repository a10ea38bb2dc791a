import { describe, expect, it } from 'vitest';
import type { Coverage } from '../types.ts';
import { jsonReport, type ScenarioResult, summaryTable } from './summary.ts';

const coverage = (more: Partial<Coverage> = {}): Coverage => ({
  schedules: 20_000,
  steps: 1_000_000,
  distinct: 300,
  saturation: 0.999,
  boundExhausted: -1,
  outcomes: new Map([['0', 20_000]]),
  ms: 500,
  ...more,
});

const RESULTS: readonly ScenarioResult[] = [
  {
    scenario: 'mutex',
    doc: 'two owners?',
    verdict: 'passed',
    coverage: coverage({ boundExhausted: Infinity }),
  },
  {
    scenario: 'old-event',
    doc: 'a wake-up lost?',
    verdict: 'failed',
    coverage: coverage({ boundExhausted: 2 }),
    found: {
      finding: { kind: 'lost-wakeup', message: 'lost', places: [], details: [] },
      strategy: 'pos',
      schedules: 12,
      preemptions: 1,
      steps: 40,
      seed: 'x1:pos:1:#11',
      schedule: 's1:0.1>1',
    },
  },
  {
    scenario: 'broken',
    doc: '?',
    verdict: 'error',
    coverage: coverage({ schedules: 0, ms: 0 }),
    error: 'no',
  },
];

describe('summaryTable', () => {
  it('has a row for each scenario and a line for all', () => {
    expect(
      summaryTable(RESULTS)
        .split('\n')
        .map((l) => l.replaceAll(/ {2,}/g, '|')),
    ).toEqual([
      '|scenario|verdict|schedules|rate|distinct|saturation|preemptions|time',
      '|mutex|passed|20,000|40,000/s|300|99.9 %|all|0.500 s',
      '|old-event|FAILED (lost-wakeup)|20,000|40,000/s|300|99.9 %|needs 1|0.500 s',
      '|broken|ERROR|0|0/s|300|-|-|0 s',
      '',
      '3 scenarios, 40,000 schedules in 1 s; 2 not: old-event, broken',
    ]);
    expect(summaryTable(RESULTS.slice(0, 1))).toMatch(/1 scenario, .*; all as they should be$/);
  });
});

describe('jsonReport', () => {
  it('is what JSON can say', () => {
    const report = jsonReport({ profile: 'quick', seed: '1', fingerprint: 'f' }, RESULTS);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(report.passed).toBe(false);
    expect(report.scenarios.map((s) => s.coverage.boundExhausted)).toEqual([null, 2, -1]);
    expect(report.scenarios[0].coverage).toMatchObject({
      outcomes: { 0: 20_000 },
      schedulesPerSecond: 40_000,
    });
    expect(jsonReport({ profile: 'quick', seed: '1', fingerprint: 'f' }, RESULTS.slice(0, 1)).passed).toBe(
      true,
    );
  });
});
