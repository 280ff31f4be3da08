// What the benches read of a running server's process and directory.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function directoryBytes(directory) {
  let total = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const full = path.join(directory, entry.name);
    total += entry.isDirectory() ? directoryBytes(full) : statSync(full).size;
  }
  return total;
}

// In MiB, of a line of /proc/PID/status that is in kB: VmHWM, VmRSS.
export function statusOf(server, key) {
  const text = readFileSync(`/proc/${server.process.pid}/status`, 'utf8');
  return Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(text)[1]) / 1024;
}

// Waits until flushes and merges have nothing left to do: two seconds with hardly any CPU, or so many half seconds.
export async function untilQuiet(server, halfSecondsMax = 600) {
  let before = server.cpuSeconds(), quiet = 0;
  for (let i = 0; i < halfSecondsMax && quiet < 4; ++i) {
    await sleep(500);
    const now = server.cpuSeconds();
    quiet = now - before < 0.015 ? quiet + 1 : 0;
    before = now;
  }
}
