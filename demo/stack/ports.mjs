// Ports on the loopback: the fixed ones of the demonstration, free ones for the story, and who holds one that is taken.
import { readFile, readdir, readlink } from 'node:fs/promises';
import net from 'node:net';

export const fixed_ports = {
  server: 4319,
  otlp_grpc: 4317,
  otlp_http: 4318,
  sample: 8000,
  order: 8001,
  inventory: 8002,
  payment: 8003,
  notification: 8004,
  webhook: 8005,
  page: 8006,
};

function listen(port) {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}

function close(server) {
  return new Promise((resolve) => server.close(resolve));
}

// One free port for each name. All are held at once, so that they differ.
export async function find_free_ports(names) {
  const servers = await Promise.all(names.map(() => listen(0)));
  const ports = Object.fromEntries(names.map((name, index) => [name, servers[index].address().port]));
  await Promise.all(servers.map(close));
  return ports;
}

// Throws an error that names every port that is taken and the process to stop.
export async function require_free_ports(ports) {
  const complaints = [];
  for (const [name, port] of Object.entries(ports)) {
    try {
      await close(await listen(port));
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error;
      const holder = await port_holder(port);
      complaints.push(
        holder
          ? `port ${port} (${name}) is taken by process ${holder.pid}: ${holder.command}; stop it with: kill ${holder.pid}`
          : `port ${port} (${name}) is taken by a process of another user; find it with: ss -ltnp 'sport = :${port}'`,
      );
    }
  }
  if (complaints.length > 0) throw new Error(complaints.join('\n'));
}

// The process that listens on a port, or null when it cannot be seen. Linux only: reads /proc.
export async function port_holder(port) {
  const inodes = await listening_inodes(port);
  if (inodes.size === 0) return null;
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue;
    for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (!inode || !inodes.has(inode)) continue;
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return { pid: Number(pid), command: command.replaceAll('\0', ' ').trim() };
    }
  }
  return null;
}

async function listening_inodes(port) {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const state_listening = '0A';
  const inodes = new Set();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/);
      if (columns[1]?.endsWith(wanted) && columns[3] === state_listening) inodes.add(columns[9]);
    }
  }
  return inodes;
}
