/**
 * `npm run stress` as clinic doctor must start it. Doctor's sampler is preloaded, in every worker too, and each would
 * begin the one data file of the process anew ("Decoded message is not valid"). The main thread's has its file
 * already; whatever starts from here on writes to another, which nobody reads.
 */
import { join } from 'node:path';

process.env['NODE_CLINIC_DOCTOR_DATA_PATH'] = join(process.cwd(), 'workers');
await import('../run.ts');
