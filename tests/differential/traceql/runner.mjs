// Asks the server's own script runner, which has every question answered by all stores: in memory (as the oracle of
// the engine's own tests), in the engine's head, in parts, compacted, and after a crash.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { loadText } from './traces.mjs';

// `cases`: [{command, lines}]; `loads`: lists of spans, each written by a request of its own. Gives the failures:
// [{index, store, got}], and fails itself when the runner does not end as a runner ends.
export function runScript(binary, directory, loads, cases) {
  const file = path.join(directory, 'differential.test');
  const lineOf = new Map();
  let script = loads.map(loadText).join('');
  let line = script.split('\n').length;
  cases.forEach(({ command, lines }, index) => {
    lineOf.set(line, index);
    script += `${command}\n${lines.map((one) => `  ${one}\n`).join('')}`;
    line += 1 + lines.length;
  });
  fs.writeFileSync(file, script);
  const run = spawnSync(binary, ['test-traceql', file], { encoding: 'utf8', maxBuffer: 1 << 30, timeout: 300_000 });
  const summaries = run.stdout?.match(/: \d+ of \d+ passed$/gm) ?? [];
  if (run.signal || run.error || summaries.length !== 5) {
    const kept = path.join(process.cwd(), 'differential_failed.test');
    fs.copyFileSync(file, kept);
    throw new Error(`the runner ended by ${run.signal ?? run.error ?? run.status}; its script is ${kept}\n${run.stderr}\n${run.stdout?.slice(-2000)}`);
  }
  return failuresOf(run.stdout, file, lineOf);
}

function failuresOf(output, file, lineOf) {
  const failures = [];
  let current = null;
  for (const text of output.split('\n')) {
    const head = /^(memory|head|flushed|compacted|restarted): (.*?):(\d+): (.*)$/.exec(text);
    if (head && head[2] === file) {
      current = { index: lineOf.get(Number(head[3])), store: head[1], got: [], part: 'expected' };
      if (current.index === undefined) throw new Error(text);
      if (head[4] !== 'expected') current.got.push(head[4]);
      failures.push(current);
    } else if (/: \d+ of \d+ passed$/.test(text)) current = null;
    else if (current && text === '  got') current.part = 'got';
    else if (current?.part === 'got') current.got.push(text.trim());
  }
  for (const failure of failures) if (failure.got.length === 1 && failure.got[0] === '') failure.got = [];
  return failures;
}
