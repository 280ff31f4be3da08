// A short run of the TraceQL differential by a fixed seed (tests/differential/traceql_test.mjs): generated traces and
// queries, answered by the engine over every kind of store and by an evaluator that shares nothing with it.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { argument } from './stack/server.mjs';

const script = path.join(path.dirname(fileURLToPath(import.meta.url)), '../differential/traceql_test.mjs');
const run = spawnSync(process.execPath, [script, '--server', argument('server', 'build/release/obelisk'), '--queries', '1000', '--seed', '6'], { stdio: 'inherit' });
process.exit(run.status ?? 1);
