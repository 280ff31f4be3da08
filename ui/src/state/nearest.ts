// Names that are meant, most likely, by one that is not there: for "did you mean".
import uFuzzy from '@leeoniya/ufuzzy';

export function nearest(name: string, names: string[]): string[] {
  const fuzzy = new uFuzzy({ intraMode: 1, intraIns: 3 });
  const [found, info, order] = fuzzy.search(names, name.replace(/[_:]/g, ' '), 1);
  if (order && info && order.length > 0) return order.slice(0, 3).map((place) => names[info.idx[place]]);
  if (found && found.length > 0) return found.slice(0, 3).map((index) => names[index]);
  // The longest beginning that any of them shares.
  for (let length = Math.min(6, name.length); length > 0; length--) {
    const alike = names.filter((one) => one.startsWith(name.slice(0, length)));
    if (alike.length > 0) return alike.slice(0, 3);
  }
  return [];
}
