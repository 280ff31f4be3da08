#include "storage/embedded/events/message/text_predicate.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "plan/regex.h"
#include "storage/embedded/events/message/pattern_automaton.h"
#include "storage/embedded/events/message/tokenizer.h"

namespace obelisk::message {
namespace {

// A dictionary of more entries is taken as any letters and digits.
constexpr uint32_t kEntriesWalkedMax = 16;
// Texts put together and tested at a time.
constexpr size_t kRowsAtOnce = 1024;

// The first 64 bytes of a needle as an automaton: state bit i is "the last i + 1 bytes are the needle's first
// i + 1".
class NeedleAutomaton {
 public:
  using State = uint64_t;

  explicit NeedleAutomaton(std::string_view needle) {
    needle = needle.substr(0, 64);
    for (size_t i = 0; i < needle.size(); ++i) {
      uint8_t byte = static_cast<uint8_t>(needle[i]);
      bytes_[byte] |= uint64_t{1} << i;
      for (size_t of = 0; of < kByteClassCount; ++of) {
        if (in_class(byte, static_cast<ByteClass>(of))) classes_[of] |= uint64_t{1} << i;
      }
    }
    last_ = uint64_t{1} << (needle.size() - 1);
  }

  State step(State state, uint8_t byte) const { return (state << 1 | 1) & bytes_[byte]; }
  State step(State state, ByteClass of) const { return (state << 1 | 1) & classes_[static_cast<size_t>(of)]; }
  bool accepts(State state) const { return (state & last_) != 0; }

 private:
  std::array<uint64_t, 256> bytes_{};
  std::array<uint64_t, kByteClassCount> classes_{};
  uint64_t last_ = 0;
};

ByteClass class_of(const Slot& slot) {
  switch (slot.kind) {
    case SlotKind::number:
      return ByteClass::digits;
    case SlotKind::clock:
      return ByteClass::clock;
    case SlotKind::hex:
      return ByteClass::lower_hex;
    case SlotKind::uuid:
      return ByteClass::uuid;
    default:
      return (slot.classes & kOther) != 0 || slot.kind != SlotKind::text ? ByteClass::any
                                                                         : ByteClass::alphanumeric;
  }
}

// Walks a template. `possible` are states that some row may be in; `certain` those that every row is in at
// that byte.
template <typename Automaton>
class TemplateWalk {
 public:
  using State = typename Automaton::State;
  explicit TemplateWalk(const Automaton& automaton) : automaton_(automaton) {}

  // Whether a text of the skeleton can have a match at all, head or no head.
  bool is_possible(std::string_view skeleton) {
    for (char c : skeleton) {
      if (!is_marker(c)) {
        known(static_cast<uint8_t>(c));
      } else {
        spread(c == kWordMarker   ? ByteClass::alphanumeric
               : c == kUuidMarker ? ByteClass::uuid
                                  : ByteClass::clock,
               0, kTemplateLineBytesMax);
      }
      if (possible_match_) return true;
    }
    return false;
  }

  // all: every row has a match in text that is the same in all of them.
  Verdict run(const MessageHead& head, const TemplateHead& one) {
    size_t slot = one.first_slot;
    for (char c : one.skeleton) {
      if (!is_marker(c)) {
        known(static_cast<uint8_t>(c));
      } else {
        variable(head, head.slots[slot++]);
      }
      if (certain_match_) return Verdict::all;
    }
    return possible_match_ ? Verdict::some : Verdict::none;
  }

 private:
  void known(uint8_t byte) {
    possible_ = automaton_.step(possible_, byte);
    certain_ = automaton_.step(certain_, byte);
    possible_match_ = possible_match_ || automaton_.accepts(possible_);
    certain_match_ = certain_match_ || automaton_.accepts(certain_);
  }

  void variable(const MessageHead& head, const Slot& slot) {
    if (slot.kind == SlotKind::constant) {
      for (char c : head.entries[slot.first_entry]) known(static_cast<uint8_t>(c));
      return;
    }
    certain_ = State();
    if (slot.kind == SlotKind::dictionary && slot.entry_count <= kEntriesWalkedMax) {
      State after = State();
      for (uint32_t i = 0; i < slot.entry_count; ++i) {
        State state = possible_;
        for (char c : head.entries[slot.first_entry + i]) {
          state = automaton_.step(state, static_cast<uint8_t>(c));
          possible_match_ = possible_match_ || automaton_.accepts(state);
        }
        after |= state;
      }
      possible_ = after;
      return;
    }
    spread(class_of(slot), slot.length_min, slot.length_max);
  }

  // Some text of these bytes and of a length between the two.
  void spread(ByteClass of, uint32_t length_min, uint32_t length_max) {
    State state = possible_, after = State();
    if (length_min == 0) after = state;
    for (uint32_t length = 1; length <= length_max; ++length) {
      State next = automaton_.step(state, of);
      possible_match_ = possible_match_ || automaton_.accepts(next);
      if (length >= length_min) after |= next;
      if (next == state) {  // longer texts lead nowhere new
        after |= next;
        break;
      }
      state = next;
    }
    possible_ = after;
  }

  const Automaton& automaton_;
  State possible_ = State();
  State certain_ = State();
  bool possible_match_ = false;
  bool certain_match_ = false;
};

class ContainsPredicate : public TextPredicate {
 public:
  explicit ContainsPredicate(std::string needle) : needle_(std::move(needle)), automaton_(needle_) {}

  bool holds(std::string_view text) const override {
    return memmem(text.data(), text.size(), needle_.data(), needle_.size()) != nullptr;
  }

  bool is_possible(std::string_view skeleton) const override {
    return TemplateWalk(automaton_).is_possible(skeleton);
  }

  Verdict judge_closely(const MessageHead& head, size_t number) const override {
    const TemplateHead& one = head.templates[number];
    if (one.length_max < needle_.size()) return Verdict::none;
    Verdict verdict = TemplateWalk(automaton_).run(head, one);
    // Only the first 64 bytes were looked at.
    return verdict == Verdict::all && needle_.size() > 64 ? Verdict::some : verdict;
  }

 private:
  const std::string needle_;
  const NeedleAutomaton automaton_;
};

class EqualsPredicate : public TextPredicate {
 public:
  explicit EqualsPredicate(std::string text) : text_(std::move(text)), automaton_(text_) {}

  bool holds(std::string_view text) const override { return text == text_; }

  bool is_possible(std::string_view skeleton) const override {
    return TemplateWalk(automaton_).is_possible(skeleton);
  }

  Verdict judge_closely(const MessageHead& head, size_t number) const override {
    if (head.templates[number].length_max < text_.size()) return Verdict::none;
    return TemplateWalk(automaton_).run(head, head.templates[number]) == Verdict::none ? Verdict::none
                                                                                       : Verdict::some;
  }

 private:
  const std::string text_;
  const NeedleAutomaton automaton_;
};

class MatchesPredicate : public TextPredicate {
 public:
  explicit MatchesPredicate(std::shared_ptr<const Regex> regex)
      : regex_(std::move(regex)), automaton_(PatternAutomaton::compile(regex_->pattern())) {}

  bool holds(std::string_view text) const override { return regex_->matches(text); }

  bool is_possible(std::string_view skeleton) const override {
    return !automaton_ || automaton_->matches_empty() || TemplateWalk(*automaton_).is_possible(skeleton);
  }

  Verdict judge_closely(const MessageHead& head, size_t number) const override {
    if (!automaton_) return Verdict::some;
    bool exact = automaton_->is_exact() && regex_->mode() == Regex::Mode::searching;
    if (automaton_->matches_empty()) return exact ? Verdict::all : Verdict::some;
    Verdict verdict = TemplateWalk(*automaton_).run(head, head.templates[number]);
    return verdict == Verdict::all && !exact ? Verdict::some : verdict;
  }

 private:
  const std::shared_ptr<const Regex> regex_;
  const std::optional<PatternAutomaton> automaton_;
};

// Anything else that compares texts: smaller, larger, unequal.
class OtherPredicate : public TextPredicate {
 public:
  OtherPredicate(CompareOp op, std::string text) : op_(op), text_(std::move(text)) {}

  bool holds(std::string_view text) const override {
    switch (op_) {
      case CompareOp::equal:
        return text == text_;
      case CompareOp::not_equal:
        return text != text_;
      case CompareOp::less:
        return text < text_;
      case CompareOp::less_equal:
        return text <= text_;
      case CompareOp::greater:
        return text > text_;
      case CompareOp::greater_equal:
        return text >= text_;
    }
    return false;
  }
  bool is_possible(std::string_view) const override { return true; }
  Verdict judge_closely(const MessageHead&, size_t) const override { return Verdict::some; }

 private:
  const CompareOp op_;
  const std::string text_;
};

// Every text contains the empty one.
class AlwaysPredicate : public TextPredicate {
 public:
  explicit AlwaysPredicate(bool holds) : holds_(holds) {}
  bool holds(std::string_view) const override { return holds_; }
  bool is_possible(std::string_view) const override { return holds_; }
  Verdict judge_closely(const MessageHead&, size_t) const override {
    return holds_ ? Verdict::all : Verdict::none;
  }

 private:
  const bool holds_;
};

std::unique_ptr<TextPredicate> compile(const Expr& expr) {
  if (expr.kind() == Expr::Kind::matches) return std::make_unique<MatchesPredicate>(expr.regex());
  const std::string* text = std::get_if<std::string>(&expr.literal());
  if (text == nullptr) return std::make_unique<AlwaysPredicate>(false);
  if (expr.kind() == Expr::Kind::contains) {
    if (text->empty()) return std::make_unique<AlwaysPredicate>(true);
    return std::make_unique<ContainsPredicate>(*text);
  }
  if (expr.op() == CompareOp::equal && !text->empty()) return std::make_unique<EqualsPredicate>(*text);
  return std::make_unique<OtherPredicate>(expr.op(), *text);
}

// What tells two conditions apart. A regex is known by its object, which the entry keeps alive.
struct CachedPredicate {
  Expr::Kind kind = Expr::Kind::always;
  CompareOp op = CompareOp::equal;
  std::string text;
  std::shared_ptr<const Regex> regex;
  std::unique_ptr<TextPredicate> predicate;
};

}  // namespace

Verdict TextPredicate::judge(const MessageHead& head, size_t number) const {
  const TemplateHead& one = head.templates[number];
  auto it = remembered_.find(one.skeleton_hash);
  if (it == remembered_.end()) {
    if (remembered_.size() >= kRememberedMax) remembered_.clear();
    it = remembered_.emplace(one.skeleton_hash, is_possible(one.skeleton)).first;
  }
  return it->second ? judge_closely(head, number) : Verdict::none;
}

const TextPredicate& predicate_for(const Expr& expr) {
  // A query has few conditions on texts; all row groups a thread reads for it share them.
  constexpr size_t kKept = 8;
  thread_local std::array<CachedPredicate, kKept> cache;
  thread_local size_t next = 0;
  const std::string* text = std::get_if<std::string>(&expr.literal());
  for (const CachedPredicate& entry : cache) {
    if (!entry.predicate || entry.kind != expr.kind()) continue;
    bool same = expr.kind() == Expr::Kind::matches
                    ? entry.regex == expr.regex()
                    : entry.op == expr.op() && text != nullptr && entry.text == *text;
    if (same) return *entry.predicate;
  }
  CachedPredicate& entry = cache[next++ % kKept];
  entry = {expr.kind(), expr.op(), text != nullptr ? *text : std::string(), expr.regex(), compile(expr)};
  return *entry.predicate;
}

Verdict judge_head(const TextPredicate& predicate, const MessageHead& head, bool has_raw_lines) {
  bool any = has_raw_lines, every = !has_raw_lines;
  for (size_t number = 1; number < head.templates.size() && (!any || every); ++number) {
    Verdict verdict = predicate.judge(head, number);
    any = any || verdict != Verdict::none;
    every = every && verdict == Verdict::all;
  }
  return !any ? Verdict::none : every ? Verdict::all : Verdict::some;
}

Result<void> mark_texts(MessageBlock& block, const TextPredicate& predicate,
                        const std::vector<uint8_t>& candidates, std::vector<uint8_t>& out) {
  const MessageHead& head = *block.head();
  std::vector<uint8_t> verdicts(head.templates.size());
  verdicts[kRawTemplate] = static_cast<uint8_t>(block.raw_count() > 0 ? Verdict::some : Verdict::none);
  for (size_t number = 1; number < verdicts.size(); ++number)
    verdicts[number] = static_cast<uint8_t>(predicate.judge(head, number));
  if (std::all_of(verdicts.begin(), verdicts.end(), [](uint8_t verdict) { return verdict == 0; })) return {};
  OBELISK_TRY(const std::vector<uint16_t>* numbers, block.template_numbers());
  std::vector<uint32_t> open;
  for (uint32_t value = 0; value < candidates.size(); ++value) {
    uint8_t verdict = candidates[value] != 0 ? verdicts[(*numbers)[value]] : uint8_t{0};
    out[value] |= static_cast<uint8_t>(verdict >> 1);
    if (verdict == static_cast<uint8_t>(Verdict::some)) open.push_back(value);
  }
  std::vector<std::string_view> texts(std::min(kRowsAtOnce, open.size()));
  for (size_t first = 0; first < open.size(); first += kRowsAtOnce) {
    size_t count = std::min(kRowsAtOnce, open.size() - first);
    Arena arena;
    OBELISK_CHECK_OK(block.rebuild(std::span(open).subspan(first, count), texts.data(), arena));
    for (size_t i = 0; i < count; ++i) out[open[first + i]] |= predicate.holds(texts[i]) ? 1 : 0;
  }
  return {};
}

}  // namespace obelisk::message
