// Fails the build when the interface grows over its budget: what the first page needs, and everything, as brotli.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants } from 'node:zlib';

const first_load_bytes_max = 200 * 1024;
const all_bytes_max = 600 * 1024;
const { values } = parseArgs({ options: { dist: { type: 'string' } } });
const dist = values.dist ?? fileURLToPath(new URL('../dist/', import.meta.url));

function files(directory) {
  return readdirSync(directory).flatMap((name) => {
    const file = path.join(directory, name);
    return statSync(file).isDirectory() ? files(file) : [file];
  });
}

function compressed_bytes(file) {
  return brotliCompressSync(readFileSync(file), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
}

const manifest = JSON.parse(readFileSync(path.join(dist, 'manifest.json'), 'utf8'));

// The entry with all it imports, and of the views the largest: the first page is some view.
function closure(key, seen = new Set()) {
  const entry = manifest[key];
  if (!entry || seen.has(entry.file)) return seen;
  seen.add(entry.file);
  for (const style of entry.css ?? []) seen.add(style);
  for (const one of entry.imports ?? []) closure(one, seen);
  return seen;
}

const sizes = new Map(files(dist).filter((file) => path.basename(file) !== 'manifest.json').map((file) => [path.relative(dist, file), compressed_bytes(file)]));
const sum = (names) => [...names].reduce((total, name) => total + (sizes.get(name) ?? 0), 0);
const base = closure('index.html').add('index.html').add('icon.svg');
const views = Object.keys(manifest).filter((key) => key.startsWith('src/views/') && key.endsWith('.tsx'));
const first_loads = views.map((key) => ({ key, bytes: sum(closure(key, new Set(base))) })).sort((left, right) => right.bytes - left.bytes);
const all = sum(sizes.keys());
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;

console.log(`interface, brotli: first load ${kib(first_loads[0].bytes)} (${first_loads[0].key}) of ${kib(first_load_bytes_max)}; all ${kib(all)} of ${kib(all_bytes_max)}`);
for (const { key, bytes } of first_loads.slice(1)) console.log(`  first load of ${key}: ${kib(bytes)}`);
if (views.length === 0) {
  console.error('check_budget: no view found in the manifest; the measure would mean nothing');
  process.exit(1);
}
if (first_loads[0].bytes > first_load_bytes_max || all > all_bytes_max) {
  console.error('check_budget: the interface is over its budget');
  process.exit(1);
}
