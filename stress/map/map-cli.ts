/** `npm run map`: writes docs/memory-map.md. */
import { writeFileSync } from 'node:fs';
import { memoryMap } from './map.ts';

const FILE = 'docs/memory-map.md';
writeFileSync(FILE, await memoryMap());
process.stdout.write(`${FILE} written\n`);
