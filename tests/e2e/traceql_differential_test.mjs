// Short runs of the TraceQL differential by fixed seeds (tests/differential/traceql_test.mjs and its sister over HTTP):
// generated traces and queries, answered over every kind of store, and by a server that restarts between the pieces of
// the traces, and by an evaluator that shares nothing with it; and what is taken for a query, against Grafana's editor.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { argument } from './stack/server.mjs';

const directory = path.join(path.dirname(fileURLToPath(import.meta.url)), '../differential');
const server = argument('server', 'build/release/obelisk');
const failed = [['traceql_test.mjs', '1000'], ['traceql_http_test.mjs', '500'], ['traceql_grammar_test.mjs', '4000']].filter(([script, queries]) =>
  spawnSync(process.execPath, [path.join(directory, script), '--server', server, '--queries', queries, '--seed', '6'], { stdio: 'inherit' }).status !== 0);
for (const [script] of failed) console.log(`FAILED: ${script}`);
process.exit(failed.length === 0 ? 0 : 1);
