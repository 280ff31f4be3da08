// A small seeded generator (splitmix64 in doubles' range): the same seed gives the same run anywhere.
export class Random {
  constructor(seed) { this.state = BigInt.asUintN(64, BigInt(seed) * 0x9e3779b97f4a7c15n + 1n); }
  next() {
    this.state = BigInt.asUintN(64, this.state + 0x9e3779b97f4a7c15n);
    let z = this.state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  }
  float() { return Number(this.next() >> 11n) / 2 ** 53; }
  below(count) { return Math.floor(this.float() * count); }
  pick(list) { return list[this.below(list.length)]; }
  chance(share) { return this.float() < share; }
}
