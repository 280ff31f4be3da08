#include "storage/embedded/events/message/needle_search.h"

#include <algorithm>
#include <cstring>

#include "storage/embedded/events/message/message_format.h"
#include "storage/embedded/events/message/tokenizer.h"

namespace obelisk::message {
namespace {

// How many texts pass a test is guessed by what it asks: the test that is kept for a way to lie is the one
// that lets the fewest through.
size_t selectivity(const Slot& slot, const SlotTest& test) {
  if (slot.kind == SlotKind::clock) return 0;  // not tested (mark_slot)
  size_t weight = test.piece.size() * 2 + (test.relation == Relation::equals ? 3 : 0);
  return weight + (test.relation == Relation::contains ? 0 : 1);
}

// The bytes of a clock time or a UUID at a place.
bool fits_shape(SlotKind kind, size_t at, char c) {
  bool digit = c >= '0' && c <= '9';
  if (kind == SlotKind::clock) return at % 3 == 2 ? c == ':' : digit;
  bool dash = at == 8 || at == 13 || at == 18 || at == 23;
  return dash ? c == '-' : digit || (c >= 'a' && c <= 'f');
}

bool fits_shape_at(SlotKind kind, size_t at, std::string_view piece) {
  for (size_t i = 0; i < piece.size(); ++i) {
    if (!fits_shape(kind, at + i, piece[i])) return false;
  }
  return true;
}

bool may_have_shape(const Slot& slot, Relation relation, std::string_view piece) {
  size_t last = slot.length_max - piece.size();
  if (relation == Relation::starts || relation == Relation::equals) return fits_shape_at(slot.kind, 0, piece);
  if (relation == Relation::ends) return fits_shape_at(slot.kind, last, piece);
  for (size_t at = 0; at <= last; ++at) {
    if (fits_shape_at(slot.kind, at, piece)) return true;
  }
  return false;
}

bool in_dictionary(const MessageHead& head, const Slot& slot, Relation relation, std::string_view piece) {
  bool found = false;
  head.for_each_entry(slot,
                      [&](std::string_view entry) { return !(found = relates(entry, relation, piece)); });
  return found;
}

}  // namespace

std::optional<uint64_t> number_written_as(const MessageHead& head, const Slot& slot,
                                          std::string_view digits) {
  if (digits.empty() || digits.size() < slot.digits) return std::nullopt;
  if (digits.size() > slot.digits && digits.size() > 1 && digits[0] == '0') return std::nullopt;
  uint64_t value = 0;
  for (char c : digits) {
    if (c < '0' || c > '9' || __builtin_mul_overflow(value, uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<uint64_t>(c - '0'), &value)) {
      return std::nullopt;
    }
  }
  auto [low, high] = head.range_of(slot);
  return low <= value && value <= high ? std::optional(value) : std::nullopt;
}

bool relates(std::string_view text, Relation relation, std::string_view piece) {
  switch (relation) {
    case Relation::contains:
      return memmem(text.data(), text.size(), piece.data(), piece.size()) != nullptr;
    case Relation::starts:
      return text.starts_with(piece);
    case Relation::ends:
      return text.ends_with(piece);
    case Relation::equals:
      return text == piece;
  }
  return false;
}

bool may_relate(const MessageHead& head, const Slot& slot, const SlotTest& test) {
  std::string_view piece = test.piece;
  if ((test.classes & ~slot.classes) != 0 || piece.size() > slot.length_max) return false;
  if (test.relation == Relation::equals && piece.size() < slot.length_min) return false;
  switch (slot.kind) {
    case SlotKind::number:
      return test.relation != Relation::equals || number_written_as(head, slot, piece).has_value();
    case SlotKind::clock:
    case SlotKind::uuid:
      return may_have_shape(slot, test.relation, piece);
    case SlotKind::constant:
      return relates(head.constant_text(slot), test.relation, piece);
    case SlotKind::dictionary:
      return in_dictionary(head, slot, test.relation, piece);
    case SlotKind::hex:
    case SlotKind::text:
      return true;
  }
  return true;
}

NeedleSearch::NeedleSearch(std::string needle) : needle_(std::move(needle)) {}

struct NeedleSearch::Walk {
  std::vector<Piece> pieces;
  std::vector<WayTest> path;  // asked by the way that is being tried
  size_t steps = 0;
  size_t ways = 0;
  Ways found;
};

void NeedleSearch::keep_way(Walk& walk) const {
  if (++walk.ways > kWaysMax) {
    walk.found.too_many = true;
    return;
  }
  walk.found.tests.insert(walk.found.tests.end(), walk.path.begin(), walk.path.end());
  walk.found.tests.back().ends_way = true;
}

// `piece` is a variable that should have this relation to needle_[begin, begin + length).
void NeedleSearch::ask(size_t piece, Relation relation, size_t begin, size_t length, bool at_end,
                       Walk& walk) const {
  static const MessageHead kNoHead;
  const Piece& here = walk.pieces[piece];
  SlotTest test;
  test.relation = relation;
  test.piece = std::string_view(needle_).substr(begin, length);
  test.classes = classes_of(test.piece);
  if (!may_relate(kNoHead, *here.slot, test)) return;
  walk.path.push_back({static_cast<uint16_t>(here.number), static_cast<uint16_t>(begin),
                       static_cast<uint16_t>(length), relation, test.classes, false});
  if (at_end) {
    keep_way(walk);
  } else {
    follow(piece + 1, begin + length, walk);
  }
  walk.path.pop_back();
}

// The needle's first `matched` bytes lie before `piece`.
void NeedleSearch::follow(size_t piece, size_t matched, Walk& walk) const {
  if (++walk.steps > kStepsMax) walk.found.too_many = true;
  if (walk.found.too_many) return;
  if (matched == needle_.size()) {
    if (!walk.path.empty()) return keep_way(walk);
    walk.found.in_text = true;
    return;
  }
  if (piece == walk.pieces.size()) return;
  const Piece& here = walk.pieces[piece];
  size_t left = needle_.size() - matched;
  if (here.slot == nullptr) {
    size_t count = std::min(left, here.text.size());
    if (std::memcmp(needle_.data() + matched, here.text.data(), count) == 0)
      follow(piece + 1, matched + count, walk);
    return;
  }
  ask(piece, Relation::starts, matched, left, true, walk);
  const Piece* next = piece + 1 < walk.pieces.size() ? &walk.pieces[piece + 1] : nullptr;
  if (next == nullptr) return;
  size_t longest = std::min<size_t>(left - 1, here.slot->length_max);
  for (size_t length = here.slot->length_min; length <= longest; ++length) {
    bool fits = next->slot != nullptr || next->text[0] == needle_[matched + length];
    if (fits) ask(piece, Relation::equals, matched, length, false, walk);
  }
}

void NeedleSearch::start_in_slot(size_t piece, Walk& walk) const {
  ask(piece, Relation::contains, 0, needle_.size(), true, walk);
  const Piece* next = piece + 1 < walk.pieces.size() ? &walk.pieces[piece + 1] : nullptr;
  if (next == nullptr) return;
  size_t longest = std::min<size_t>(needle_.size() - 1, walk.pieces[piece].slot->length_max);
  for (size_t length = 1; length <= longest; ++length) {
    bool fits = next->slot != nullptr || next->text[0] == needle_[length];
    if (fits) ask(piece, Relation::ends, 0, length, false, walk);
  }
}

void NeedleSearch::set_common(Ways& ways) {
  uint8_t classes = 0;
  uint16_t longest = 0;
  bool first = true;
  for (const WayTest& test : ways.tests) {
    classes |= test.classes;
    longest = std::max(longest, test.length);
    if (!test.ends_way) continue;
    ways.common_classes = first ? classes : ways.common_classes & classes;
    ways.common_length = first ? longest : std::min(ways.common_length, longest);
    first = false;
    classes = 0;
    longest = 0;
  }
}

NeedleSearch::Ways NeedleSearch::find_ways(std::string_view skeleton) const {
  // All that a marker says of its variable (tokenizer.h).
  static const Slot kWord = [] {
    Slot slot;
    slot.kind = SlotKind::text;
    slot.classes = kDigits | kLowerHex | kLowerOther | kUpper;
    slot.length_min = 1;
    slot.length_max = UINT16_MAX;
    return slot;
  }();
  static const Slot kClock = [] {
    Slot slot;
    slot.kind = SlotKind::clock;
    slot.classes = kDigits | kOther;
    slot.length_min = slot.length_max = 8;
    return slot;
  }();
  static const Slot kUuid = [] {
    Slot slot;
    slot.kind = SlotKind::uuid;
    slot.classes = kDigits | kLowerHex | kOther;
    slot.length_min = slot.length_max = 36;
    return slot;
  }();
  Walk walk;
  walk.found.too_many = needle_.size() > kNeedleBytesMax;
  if (walk.found.too_many) return std::move(walk.found);
  uint32_t number = 0;
  for (size_t at = 0; at < skeleton.size();) {
    char c = skeleton[at];
    if (is_marker(c)) {
      walk.pieces.push_back({{}, c == kWordMarker ? &kWord : c == kClockMarker ? &kClock : &kUuid, number++});
      ++at;
      continue;
    }
    size_t begin = at;
    while (at < skeleton.size() && !is_marker(skeleton[at])) ++at;
    walk.pieces.push_back({skeleton.substr(begin, at - begin), nullptr, 0});
  }
  for (size_t piece = 0; piece < walk.pieces.size() && !walk.found.in_text; ++piece) {
    std::string_view text = walk.pieces[piece].text;
    for (size_t at = 0; at < text.size() && !walk.found.in_text; ++at) {
      at = text.find(needle_[0], at);
      if (at == std::string_view::npos) break;
      size_t count = std::min(needle_.size(), text.size() - at);
      if (std::memcmp(text.data() + at, needle_.data(), count) == 0) follow(piece + 1, count, walk);
    }
  }
  for (size_t piece = 0; piece < walk.pieces.size() && !walk.found.in_text; ++piece) {
    if (walk.pieces[piece].slot != nullptr) start_in_slot(piece, walk);
  }
  if (walk.found.in_text || walk.found.too_many) walk.found.tests = {};
  walk.found.tests.shrink_to_fit();
  set_common(walk.found);
  return std::move(walk.found);
}

const NeedleSearch::Ways& NeedleSearch::ways_of(const TemplateHead& one) const {
  auto it = remembered_.find(one.skeleton_hash);
  if (it == remembered_.end()) {
    if (remembered_.size() >= kRememberedMax) remembered_.clear();
    it = remembered_.emplace(one.skeleton_hash, find_ways(one.skeleton)).first;
  }
  return it->second;
}

Verdict NeedleSearch::judge(const MessageHead& head, size_t number, std::vector<SlotTest>* tests) const {
  const TemplateHead& one = head.templates[number];
  if (tests != nullptr) tests->clear();
  const Ways& known = ways_of(one);
  if (known.in_text) return Verdict::all;
  if (known.tests.empty() && !known.too_many) return Verdict::none;
  if (one.length_max < needle_.size()) return Verdict::none;
  // Variables are what their markers say, unless another writer split otherwise.
  if (known.too_many || one.is_odd) return Verdict::some;
  if ((known.common_classes & ~one.slot_classes) != 0 || known.common_length > one.slot_length_max)
    return Verdict::none;
  bool possible = false;
  const Slot* slots = head.slots.data() + one.first_slot;
  for (auto way = known.tests.begin(); way != known.tests.end();) {
    SlotTest best;
    size_t most = 0, asked = 0;
    bool fits = true, ends = false;
    for (; !ends; ++way) {
      ends = way->ends_way;
      const Slot& slot = slots[way->slot];
      // What rules most variables out, first.
      fits = fits && (way->classes & ~slot.classes) == 0 && way->length <= slot.length_max;
      if (!fits) continue;
      SlotTest test{one.first_slot + way->slot, way->relation, way->classes, false,
                    std::string_view(needle_).substr(way->begin, way->length)};
      fits = may_relate(head, slot, test);
      if (!fits || slot.kind == SlotKind::constant) continue;  // all rows pass a constant's
      size_t value = selectivity(slot, test);
      if (asked++ > 0 && value <= most) continue;
      best = test;
      most = value;
    }
    if (!fits) continue;
    if (asked == 0) return Verdict::all;
    possible = true;
    best.is_enough = asked == 1;
    if (tests != nullptr) tests->push_back(best);
  }
  return possible ? Verdict::some : Verdict::none;
}

}  // namespace obelisk::message
