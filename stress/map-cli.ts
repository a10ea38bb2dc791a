/** `npm run map`: writes docs/memory-map.md. */
import { writeFileSync } from 'node:fs';
import { renderMap } from './map.ts';

const FILE = 'docs/memory-map.md';
writeFileSync(FILE, renderMap());
process.stdout.write(`${FILE} written\n`);
