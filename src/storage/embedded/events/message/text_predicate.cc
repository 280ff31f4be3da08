#include "storage/embedded/events/message/text_predicate.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "plan/regex.h"
#include "storage/embedded/events/message/literal_chain.h"
#include "storage/embedded/events/message/pattern_automaton.h"
#include "storage/embedded/events/message/tokenizer.h"

namespace obelisk::message {
namespace {

// A dictionary of more entries is taken as any letters and digits.
constexpr uint32_t kEntriesWalkedMax = 16;

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
  if (slot.kind == SlotKind::clock) return ByteClass::clock;
  if (slot.kind == SlotKind::uuid) return ByteClass::uuid;
  if ((slot.classes & ~kDigits) == 0) return ByteClass::digits;
  if ((slot.classes & ~(kDigits | kLowerHex)) == 0) return ByteClass::lower_hex;
  return (slot.classes & kOther) != 0 ? ByteClass::any : ByteClass::alphanumeric;
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
      for (char c : head.constant_text(slot)) known(static_cast<uint8_t>(c));
      return;
    }
    certain_ = State();
    if (slot.kind == SlotKind::dictionary && slot.entry_count <= kEntriesWalkedMax) {
      State after = State();
      head.for_each_entry(slot, [&](std::string_view entry) {
        State state = possible_;
        for (char c : entry) {
          state = automaton_.step(state, static_cast<uint8_t>(c));
          possible_match_ = possible_match_ || automaton_.accepts(state);
        }
        after |= state;
        return true;
      });
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

Verdict possible_if(bool possible) {
  return possible ? Verdict::some : Verdict::none;
}

class ContainsPredicate : public TextPredicate {
 public:
  explicit ContainsPredicate(const std::string& needle) : search_(needle) {}

  bool holds(std::string_view text) const override {
    return memmem(text.data(), text.size(), search_.needle().data(), search_.needle().size()) != nullptr;
  }

  // The search remembers what skeletons say itself.
  Verdict judge(const MessageHead& head, size_t number) const override {
    return search_.judge(head, number, nullptr);
  }

  Result<RowFilter> filter_rows(MessageBlock& block, size_t number) const override {
    RowFilter filter;
    if (search_.judge(*block.head(), number, &tests_) != Verdict::some) return filter;
    if (tests_.empty() || tests_.size() > kTestsMax) return filter;
    filter.is_known = true;
    filter.marks.assign(block.head()->templates[number].row_count, 0);
    for (const SlotTest& test : tests_) {
      OBELISK_CHECK_OK(
          block.mark_slot(number, test, test.is_enough ? RowFilter::kSure : RowFilter::kMaybe, filter.marks));
    }
    bool any = std::any_of(filter.marks.begin(), filter.marks.end(), [](uint8_t mark) { return mark != 0; });
    if (!any) filter.marks.clear();
    return filter;
  }

 private:
  // More tests cost as much as putting the texts together.
  static constexpr size_t kTestsMax = 32;

  const NeedleSearch search_;
  mutable std::vector<SlotTest> tests_;
};

class EqualsPredicate : public SkeletonPredicate {
 public:
  explicit EqualsPredicate(std::string text) : text_(std::move(text)), automaton_(text_) {}

  bool holds(std::string_view text) const override { return text == text_; }

  Verdict judge_skeleton(std::string_view skeleton) const override {
    return possible_if(TemplateWalk(automaton_).is_possible(skeleton));
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

class MatchesPredicate : public SkeletonPredicate {
 public:
  explicit MatchesPredicate(std::shared_ptr<const Regex> regex)
      : regex_(std::move(regex)), automaton_(PatternAutomaton::compile(regex_->pattern())) {
    if (regex_->mode() == Regex::Mode::searching) chain_ = LiteralChain::of(regex_->pattern());
  }

  bool holds(std::string_view text) const override {
    std::optional<bool> found = chain_ ? chain_->matches(text) : std::nullopt;
    return found ? *found : regex_->matches(text);
  }

  Verdict judge_skeleton(std::string_view skeleton) const override {
    return possible_if(!automaton_ || automaton_->matches_empty() ||
                       TemplateWalk(*automaton_).is_possible(skeleton));
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
  std::optional<LiteralChain> chain_;
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
  Verdict judge(const MessageHead&, size_t) const override { return Verdict::some; }

 private:
  const CompareOp op_;
  const std::string text_;
};

// Every text contains the empty one.
class AlwaysPredicate : public TextPredicate {
 public:
  explicit AlwaysPredicate(bool holds) : holds_(holds) {}
  bool holds(std::string_view) const override { return holds_; }
  Verdict judge(const MessageHead&, size_t) const override { return holds_ ? Verdict::all : Verdict::none; }

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

Hash128 identity_of(const Expr& expr, const std::string& text) {
  // Literals that are no text hold for none, whatever they are.
  std::string bytes = {static_cast<char>(expr.kind()), static_cast<char>(expr.op()),
                       static_cast<char>(expr.literal().index())};
  if (expr.kind() != Expr::Kind::matches) return hash128(bytes + text);
  bytes[2] = static_cast<char>(expr.regex()->mode());
  return hash128(bytes + expr.regex()->pattern());
}

}  // namespace

Verdict SkeletonPredicate::judge(const MessageHead& head, size_t number) const {
  const TemplateHead& one = head.templates[number];
  auto it = remembered_.find(one.skeleton_hash);
  if (it == remembered_.end()) {
    if (remembered_.size() >= kRememberedMax) remembered_.clear();
    it = remembered_.emplace(one.skeleton_hash, judge_skeleton(one.skeleton)).first;
  }
  return it->second == Verdict::some ? judge_closely(head, number) : it->second;
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
  entry.predicate->set_identity(identity_of(expr, entry.text));
  return *entry.predicate;
}

Result<RowFilter> TextPredicate::filter_rows(MessageBlock&, size_t) const {
  return RowFilter();
}

}  // namespace obelisk::message
