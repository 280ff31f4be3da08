// Rows of name, value, unit: printed, and written as JSON where asked (--json FILE).
import { writeFileSync } from 'node:fs';
import { argument } from '../tests/e2e/stack/server.mjs';

const rows = [];

export function row(name, value, unit) {
  rows.push({ name, value, unit });
  const text = value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
  console.log(`${name.padEnd(64)} ${text.padStart(12)} ${unit}`);
}

export function finishReport() {
  const file = argument('json');
  if (file) writeFileSync(file, JSON.stringify(rows, null, 2) + '\n');
}
