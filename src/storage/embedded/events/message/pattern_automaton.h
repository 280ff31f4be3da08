#pragma once
// A regular expression as a position automaton, to ask which templates it can match without looking at rows.
// It accepts at least what RE2 accepts (assertions count as empty, a character outside ASCII as any run of
// such bytes), so "cannot match" is certain; "must match" is only said for patterns that are represented
// exactly.
//
// States are positions of the pattern: at most kPositionsMax of them; larger patterns, and syntax that is not
// understood here, have no automaton and prune nothing. Immutable; any thread.
#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace obelisk::message {

// The byte classes that the values of slots are made of.
enum class ByteClass : uint8_t { digits, lower_hex, uuid, clock, alphanumeric, any };
inline constexpr size_t kByteClassCount = 6;
bool in_class(uint8_t byte, ByteClass of);

class PatternAutomaton {
 public:
  static constexpr size_t kPositionsMax = 256;
  using State = std::bitset<kPositionsMax>;

  // nullopt when the pattern is not understood or too large.
  static std::optional<PatternAutomaton> compile(std::string_view pattern);

  // The states after one more byte; a match may begin at any byte.
  State step(const State& state, uint8_t byte) const { return advance(state) & byte_masks_[byte]; }
  State step(const State& state, ByteClass of) const {
    return advance(state) & class_masks_[static_cast<size_t>(of)];
  }
  bool accepts(const State& state) const { return (state & last_).any(); }
  bool matches_empty() const { return nullable_; }
  // Whether a match of the automaton is a match of the pattern.
  bool is_exact() const { return exact_; }
  size_t position_count() const { return follow_.size(); }

 private:
  friend class PatternParser;
  State advance(const State& state) const;

  std::vector<State> follow_;
  State first_;
  State last_;
  bool nullable_ = false;
  bool exact_ = true;
  std::vector<State> byte_masks_;
  std::array<State, kByteClassCount> class_masks_;
};

}  // namespace obelisk::message
