// The little protobuf and snappy that the load generators need. Payloads are made before the clock starts, so speed
// here does not matter. Snappy is written as literals only: valid, and the cheapest for a server to undo.

export class Message {
  constructor() { this.parts = []; }
  varintRaw(value) {
    let rest = BigInt.asUintN(64, BigInt(value));
    const bytes = [];
    do {
      let byte = Number(rest & 0x7fn);
      rest >>= 7n;
      if (rest > 0n) byte |= 0x80;
      bytes.push(byte);
    } while (rest > 0n);
    this.parts.push(Buffer.from(bytes));
    return this;
  }
  varint(field, value) { return this.varintRaw(field << 3).varintRaw(value); }
  fixed64(field, value) {
    const buffer = Buffer.alloc(8);
    buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
    this.varintRaw((field << 3) | 1).parts.push(buffer);
    return this;
  }
  double(field, value) {
    const buffer = Buffer.alloc(8);
    buffer.writeDoubleLE(value);
    this.varintRaw((field << 3) | 1).parts.push(buffer);
    return this;
  }
  bytes(field, value) {
    const buffer = typeof value === 'string' ? Buffer.from(value) : value;
    this.varintRaw((field << 3) | 2).varintRaw(buffer.length).parts.push(buffer);
    return this;
  }
  message(field, message) { return this.bytes(field, message.finish()); }
  finish() { return Buffer.concat(this.parts); }
}

export function snappyLiterals(data) {
  const out = new Message().varintRaw(data.length);
  for (let at = 0; at < data.length; at += 65536) {
    const piece = data.subarray(at, at + 65536);
    const length = piece.length - 1;
    // Tag 61: a literal with its length minus one in two bytes.
    out.parts.push(Buffer.from([61 << 2, length & 0xff, length >> 8]), piece);
  }
  return out.finish();
}
