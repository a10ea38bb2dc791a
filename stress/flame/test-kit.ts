/** For tests of flames: CPU profiles made by hand. */
import type { CpuProfile, ProfileNode } from './cpu-profile.ts';

export const SRC = '/lab/dist/src';

/** `fn@file:line`; without a file what V8 or C++ does. */
function callFrame(text: string): ProfileNode['callFrame'] {
  const [functionName, place = ''] = text.split('@');
  const at = /^(.*):(\d+)$/.exec(place);
  if (at === null) return { functionName, url: place, lineNumber: -1, columnNumber: -1 };
  const url = at[1].startsWith('/') ? `file://${at[1]}` : at[1];
  return { functionName, url, lineNumber: Number(at[2]) - 1, columnNumber: 4 };
}

/**
 * A profile of these samples: a stack as `a@/file:1 b@/file:2`, and the time from the sample before it, us. It begins
 * at 1000 us and ends `after` us later than its last sample.
 */
export function handMade(samples: readonly (readonly [string, number])[], after = 0): CpuProfile {
  const nodes: (ProfileNode & { children: number[] })[] = [
    { id: 1, callFrame: callFrame('(root)'), children: [] },
  ];
  const nodeOf = (stack: string): number => {
    let parent = nodes[0];
    for (const text of stack.split(/ (?![^(]*\))/).filter((t) => t !== '')) {
      const wanted = JSON.stringify(callFrame(text));
      const known = nodes.find(
        (n) => parent.children.includes(n.id) && JSON.stringify(n.callFrame) === wanted,
      );
      const node = known ?? { id: nodes.length + 1, callFrame: callFrame(text), children: [] };
      if (known === undefined) {
        nodes.push(node);
        parent.children.push(node.id);
      }
      parent = node;
    }
    return parent.id;
  };
  const startTime = 1000;
  const timeDeltas = samples.map(([, delta]) => delta);
  const endTime = startTime + timeDeltas.reduce((a, b) => a + b, 0) + after;
  return { nodes, startTime, endTime, samples: samples.map(([stack]) => nodeOf(stack)), timeDeltas };
}
