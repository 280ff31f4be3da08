#include "storage/embedded/events/message/pattern_automaton.h"

#include <algorithm>

namespace obelisk::message {

using Bytes = std::bitset<256>;

bool in_class(uint8_t byte, ByteClass of) {
  bool digit = byte >= '0' && byte <= '9';
  bool hex = digit || (byte >= 'a' && byte <= 'f');
  uint8_t lower = byte | 0x20;
  switch (of) {
    case ByteClass::digits:
      return digit;
    case ByteClass::lower_hex:
      return hex;
    case ByteClass::uuid:
      return hex || byte == '-';
    case ByteClass::clock:
      return digit || byte == ':';
    case ByteClass::alphanumeric:
      return digit || (lower >= 'a' && lower <= 'z');
    case ByteClass::any:
      return true;
  }
  return true;
}

// Reads a pattern and builds the automaton as it goes: every piece is known by the positions it can begin and
// end with.
class PatternParser {
 public:
  explicit PatternParser(std::string_view pattern) : text_(pattern) {}

  std::optional<PatternAutomaton> run() {
    Piece all = alternatives();
    if (failed_ || at_ != text_.size()) return std::nullopt;
    automaton_.first_ = all.first;
    automaton_.last_ = all.last;
    automaton_.nullable_ = all.nullable;
    automaton_.byte_masks_.resize(256);
    for (size_t position = 0; position < classes_.size(); ++position) {
      for (size_t byte = 0; byte < 256; ++byte) {
        if (!classes_[position][byte]) continue;
        automaton_.byte_masks_[byte].set(position);
        for (size_t of = 0; of < kByteClassCount; ++of) {
          if (in_class(static_cast<uint8_t>(byte), static_cast<ByteClass>(of)))
            automaton_.class_masks_[of].set(position);
        }
      }
    }
    return std::move(automaton_);
  }

 private:
  using State = PatternAutomaton::State;
  struct Piece {
    State first, last;
    bool nullable = true;  // an empty piece
  };
  static constexpr size_t kNestingMax = 100;
  static constexpr size_t kRepeatMax = 64;

  Piece fail() {
    failed_ = true;
    return {};
  }
  bool more() const { return !failed_ && at_ < text_.size(); }
  bool take(char c) {
    if (!more() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Piece alternatives() {
    if (++depth_ > kNestingMax) return fail();
    bool folds_before = folds_;
    Piece all = sequence();
    while (take('|')) {
      Piece next = sequence();
      all.first |= next.first;
      all.last |= next.last;
      all.nullable = all.nullable || next.nullable;
    }
    folds_ = folds_before;
    --depth_;
    return all;
  }

  Piece sequence() {
    Piece all;
    while (more() && text_[at_] != '|' && text_[at_] != ')') all = joined(all, repeated());
    return all;
  }

  Piece joined(const Piece& left, const Piece& right) {
    connect(left.last, right.first);
    Piece all;
    all.first = left.nullable ? left.first | right.first : left.first;
    all.last = right.nullable ? left.last | right.last : right.last;
    all.nullable = left.nullable && right.nullable;
    return all;
  }

  void connect(const State& from, const State& to) {
    for (size_t i = 0; i < automaton_.follow_.size(); ++i) {
      if (from[i]) automaton_.follow_[i] |= to;
    }
  }

  Piece repeated() {
    size_t begin = at_;
    bool folds_at = folds_;
    Piece piece = atom();
    for (;;) {
      size_t low = 0, high = 0;  // high 0: no end
      if (!more()) return piece;
      char c = text_[at_];
      if (c == '*') {
        ++at_;
      } else if (c == '+') {
        low = 1;
        ++at_;
      } else if (c == '?') {
        high = 1;
        ++at_;
      } else if (c != '{' || !take_counts(low, high)) {
        return piece;
      }
      size_t end_of_atom = operand_end_, after = at_;
      take('?');  // lazy: the same set of matches
      after = at_;
      piece = repeat(piece, begin, end_of_atom, folds_at, low, high);
      at_ = after;
      if (more() && (text_[at_] == '*' || text_[at_] == '+' || text_[at_] == '?' || text_[at_] == '{'))
        return fail();  // RE2 reads a few of these; not worth the care
    }
  }

  // Further copies are made by reading the operand again.
  Piece repeat(Piece piece, size_t begin, size_t end, bool folds, size_t low, size_t high) {
    auto copy = [&] {
      size_t at = at_;
      bool folds_now = folds_;
      at_ = begin;
      folds_ = folds;
      Piece again = atom();
      if (at_ != end) return fail();
      at_ = at;
      folds_ = folds_now;
      return again;
    };
    if (low > kRepeatMax || high > kRepeatMax) return fail();
    if (high == 0) {  // x*, x+ or x{n,}
      Piece all;
      for (size_t i = 1; i < low && !failed_; ++i) {
        all = joined(all, piece);
        piece = copy();
      }
      connect(piece.last, piece.first);
      if (low == 0) piece.nullable = true;
      return joined(all, piece);
    }
    if (high < low) return fail();
    Piece all;
    for (size_t i = 0; i < high && !failed_; ++i) {
      if (i > 0) piece = copy();
      if (i >= low) piece.nullable = true;
      all = joined(all, piece);
    }
    return all;
  }

  // "{2}", "{2,}", "{2,5}"; anything else is literal text, which is left to RE2.
  bool take_counts(size_t& low, size_t& high) {
    size_t at = at_ + 1;
    auto number = [&](size_t& value) {
      size_t begin = at;
      value = 0;
      while (at < text_.size() && text_[at] >= '0' && text_[at] <= '9' && at - begin < 4)
        value = value * 10 + static_cast<size_t>(text_[at++] - '0');
      return at > begin;
    };
    bool open = false;
    if (!number(low)) return fail(), false;
    high = low;
    if (at < text_.size() && text_[at] == ',') {
      ++at;
      open = !number(high);
    }
    if (at >= text_.size() || text_[at] != '}') return fail(), false;
    at_ = at + 1;
    if (open) {
      high = 0;
    } else if (high == 0) {
      return fail(), false;  // x{0}
    }
    return true;
  }

  Piece atom() {
    Piece piece = atom_inside();
    operand_end_ = at_;
    return piece;
  }

  Piece atom_inside() {
    if (!more()) return fail();
    char c = text_[at_++];
    switch (c) {
      case '(':
        return group();
      case '[':
        return bracket();
      case '.':
        return any_of(Bytes().set());
      case '^':
      case '$':
        automaton_.exact_ = false;
        return {};
      case '\\':
        return escape();
      case '*':
      case '+':
      case '?':
      case '{':
        return fail();
      default:
        return literal(static_cast<uint8_t>(c));
    }
  }

  Piece group() {
    bool folds_before = folds_;
    if (take('?')) {
      if (take('P')) {
        if (!take('<')) return fail();
        while (more() && text_[at_] != '>') ++at_;
        if (!take('>')) return fail();
      } else if (!flags()) {
        return failed_ ? fail() : Piece();  // "(?i)" alone
      }
    }
    Piece piece = alternatives();
    folds_ = folds_before;
    return take(')') ? piece : fail();
  }

  // False: flags for the rest of the group, or a failure. True: a group follows.
  bool flags() {
    bool on = true;
    while (more()) {
      char c = text_[at_++];
      switch (c) {
        case 'i':
          folds_ = on;
          break;
        case 's':
        case 'm':
        case 'U':
          break;  // dots match newlines anyhow, assertions are ignored
        case '-':
          on = false;
          break;
        case ':':
          return true;
        case ')':
          return false;
        default:
          fail();
          return false;
      }
    }
    fail();
    return false;
  }

  Piece position(const Bytes& bytes) {
    if (automaton_.follow_.size() == PatternAutomaton::kPositionsMax) return fail();
    size_t number = automaton_.follow_.size();
    automaton_.follow_.emplace_back();
    classes_.push_back(bytes);
    Piece piece;
    piece.first.set(number);
    piece.last.set(number);
    piece.nullable = false;
    return piece;
  }

  // One character: one ASCII byte, or where the set goes beyond, a run of other bytes.
  Piece any_of(const Bytes& bytes) {
    Bytes ascii, other;
    for (size_t byte = 0; byte < 256; ++byte) (byte < 128 ? ascii : other)[byte] = bytes[byte];
    if (other.none()) return position(ascii);
    Piece run = position(Bytes().set() & other);
    connect(run.last, run.first);
    automaton_.exact_ = false;
    if (ascii.none()) return run;
    Piece one = position(ascii);
    one.first |= run.first;
    one.last |= run.last;
    return one;
  }

  static Bytes high_bytes() {
    Bytes bytes;
    for (size_t byte = 128; byte < 256; ++byte) bytes.set(byte);
    return bytes;
  }

  Bytes folded(Bytes bytes) const {
    if (!folds_) return bytes;
    for (uint8_t lower = 'a'; lower <= 'z'; ++lower) {
      bool either = bytes[lower] || bytes[lower - 32u];
      bytes[lower] = either;
      bytes[lower - 32u] = either;
      // The Kelvin sign and the long s fold to k and s.
      if (either && (lower == 'k' || lower == 's')) bytes |= high_bytes();
    }
    return bytes;
  }

  Piece literal(uint8_t byte) {
    if (byte >= 128) {
      // A character of several bytes: exact byte by byte, unless a repetition or folding means the whole of
      // it.
      Piece run = position(high_bytes());
      connect(run.last, run.first);
      automaton_.exact_ = false;
      while (more() && static_cast<uint8_t>(text_[at_]) >= 128) ++at_;
      return run;
    }
    return any_of(folded(Bytes().set(byte)));
  }

  // The class of \d, \w, \s and their opposites.
  static bool perl_class(char c, Bytes& bytes) {
    char lower = static_cast<char>(c | 0x20);
    if (lower != 'd' && lower != 'w' && lower != 's') return false;
    for (size_t byte = 0; byte < 128; ++byte) {
      uint8_t b = static_cast<uint8_t>(byte);
      bool inside = lower == 'd'   ? in_class(b, ByteClass::digits)
                    : lower == 'w' ? in_class(b, ByteClass::alphanumeric) || b == '_'
                                   : b == ' ' || b == '\t' || b == '\n' || b == '\f' || b == '\r';
      bytes[byte] = inside;
    }
    if (c != lower) bytes.flip();
    return true;
  }

  // The byte of an escape that means one; -1 for others.
  int escaped_byte(char c) {
    switch (c) {
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case 'f':
        return '\f';
      case 'v':
        return '\v';
      case 'a':
        return '\a';
      default:
        return in_class(static_cast<uint8_t>(c), ByteClass::alphanumeric) || static_cast<uint8_t>(c) >= 128
                   ? -1
                   : c;
    }
  }

  Piece escape() {
    if (!more()) return fail();
    char c = text_[at_++];
    Bytes bytes;
    if (perl_class(c, bytes)) return any_of(bytes);
    if (c == 'b' || c == 'B' || c == 'A' || c == 'z') {
      automaton_.exact_ = false;
      return {};
    }
    int byte = escaped_byte(c);
    return byte < 0 ? fail() : literal(static_cast<uint8_t>(byte));
  }

  Piece bracket() {
    Bytes bytes;
    bool negated = take('^');
    bool first = true;
    while (more() && (first || text_[at_] != ']')) {
      first = false;
      if (!bracket_item(bytes)) return fail();
    }
    if (!take(']')) return fail();
    bytes = folded(bytes);
    if (negated) {
      bytes.flip();
      bytes |= high_bytes();
    }
    return any_of(bytes);
  }

  bool bracket_item(Bytes& bytes) {
    if (text_[at_] == '[' && at_ + 1 < text_.size() && text_[at_ + 1] == ':') return false;
    Bytes perl;
    if (text_[at_] == '\\' && at_ + 1 < text_.size() && perl_class(text_[at_ + 1], perl)) {
      at_ += 2;
      bytes |= perl;
      return true;
    }
    int low = bracket_byte();
    if (low < 0) return false;
    int high = low;
    if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
      ++at_;
      high = bracket_byte();
      if (high < low) return false;
    }
    for (int byte = low; byte <= high; ++byte) bytes.set(static_cast<size_t>(byte));
    // A set with characters outside ASCII has them all.
    if (high >= 128) bytes |= high_bytes();
    return true;
  }

  int bracket_byte() {
    if (!more()) return -1;
    char c = text_[at_++];
    if (static_cast<uint8_t>(c) >= 128) {
      while (more() && static_cast<uint8_t>(text_[at_]) >= 128 && static_cast<uint8_t>(text_[at_]) < 192)
        ++at_;
      return 255;
    }
    if (c != '\\') return c;
    if (!more()) return -1;
    return escaped_byte(text_[at_++]);
  }

  const std::string_view text_;
  size_t at_ = 0;
  size_t operand_end_ = 0;
  size_t depth_ = 0;
  bool folds_ = false;
  bool failed_ = false;
  std::vector<Bytes> classes_;
  PatternAutomaton automaton_;
};

std::optional<PatternAutomaton> PatternAutomaton::compile(std::string_view pattern) {
  return PatternParser(pattern).run();
}

PatternAutomaton::State PatternAutomaton::advance(const State& state) const {
  State next = first_;
  for (size_t i = state._Find_first(); i < kPositionsMax; i = state._Find_next(i)) next |= follow_[i];
  return next;
}

}  // namespace obelisk::message
