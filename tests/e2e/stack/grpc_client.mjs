// A gRPC client (grpc-js, as Node's programs use it) for services written down as proto text. Answers of a method come as a
// list of messages, however it streams.
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const demo = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../demo');
const require = createRequire(path.join(demo, 'package.json'));
const grpc = require('@grpc/grpc-js');
const protobuf = require('protobufjs');

export const status = grpc.status;

// call('package.Service/Method', {request}, {metadata}) -> messages; rejects with grpc-js' error.
export function grpcClient(address, proto) {
  const { root } = protobuf.parse(proto, { keepCase: true });
  root.resolveAll();
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const call = (name, request = {}, metadata = {}) => new Promise((resolve, reject) => {
    const [service, method] = name.split('/');
    const { resolvedRequestType, resolvedResponseType } = root.lookupService(service).methods[method];
    const headers = new grpc.Metadata();
    for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
    const messages = [];
    const stream = client.makeServerStreamRequest(`/${name}`,
      (message) => Buffer.from(resolvedRequestType.encode(resolvedRequestType.fromObject(message)).finish()),
      (bytes) => resolvedResponseType.toObject(resolvedResponseType.decode(bytes), { longs: String, enums: String, bytes: Buffer, arrays: true }),
      request, headers, { deadline: Date.now() + 20_000 });
    stream.on('data', (message) => messages.push(message));
    stream.on('error', reject);
    stream.on('end', () => resolve(messages));
  });
  return { call, close: () => client.close() };
}
