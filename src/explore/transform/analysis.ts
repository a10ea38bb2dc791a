/** What the rules for single kinds of nodes (facts-*.ts) get from the walk over a file (analyse.ts). */
import type { ts } from '@ts-morph/common';
import type { Flows } from './flows.ts';
import type { FileSummary, FunctionFact } from './summary.ts';
import type { Types } from './types-of.ts';

export interface Analysis {
  readonly file: ts.SourceFile;
  readonly types: Types;
  readonly flows: Flows;
  readonly out: FileSummary;
  refuse(node: ts.Node, fn: FunctionFact, message: string): void;
}
