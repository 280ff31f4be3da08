// A small seeded generator (splitmix64 in doubles' range): the same seed gives the same run anywhere.
function mix(state) {
  let z = state;
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

export class Random {
  // Mixed, so that the next seed is not this one's sequence moved by one.
  constructor(seed) { this.state = mix(BigInt.asUintN(64, BigInt(seed) * 0xd1342543de82ef95n + 0x632be59bd9b4e019n)); }
  next() {
    this.state = BigInt.asUintN(64, this.state + 0x9e3779b97f4a7c15n);
    return mix(this.state);
  }
  float() { return Number(this.next() >> 11n) / 2 ** 53; }
  below(count) { return Math.floor(this.float() * count); }
  pick(list) { return list[this.below(list.length)]; }
  chance(share) { return this.float() < share; }
}
