#pragma once
// Where a needle can lie in the texts of a template: wholly in text that all of them have, or over variables.
// In the second case every way it can lie asks something of some variables (to contain the needle, or to
// begin with, end with or be a piece of it), which kind, lengths, bytes, ranges and dictionaries of a
// variable may rule out. So "none" is certain, and the rows with the needle are among those where a variable
// passes its test (MessageBlock::mark_slot): no text needs to be put together to find out that there are
// none.
//
// The ways depend on the skeleton alone, and the same skeletons occur in most row groups: they are found once
// (at most kRememberedMax skeletons) and asked of every template that has it. Belongs to one thread. Beyond
// kWaysMax ways (a needle of one repeated character among variables without text between them) a template is
// `some`, without tests.
#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/embedded/events/message/message_head.h"

namespace obelisk::message {

enum class Verdict : uint8_t { none, some, all };

// What a variable has to do with a piece of the needle.
enum class Relation : uint8_t { contains, starts, ends, equals };

struct SlotTest {
  uint32_t slot = 0;
  Relation relation = Relation::contains;
  uint8_t classes = 0;     // of the piece
  bool is_enough = false;  // a row that passes has the needle; else it may
  std::string_view piece;  // of the needle
};

class NeedleSearch {
 public:
  explicit NeedleSearch(std::string needle);

  const std::string& needle() const { return needle_; }
  // Of template `number` (not the raw one). With `tests`: for `some`, a row with the needle passes one of
  // them; none are given when that cannot be said.
  Verdict judge(const MessageHead& head, size_t number, std::vector<SlotTest>* tests) const;

 private:
  static constexpr size_t kStepsMax = 4096;
  static constexpr size_t kWaysMax = 256;
  static constexpr size_t kNeedleBytesMax = 4096;  // longer ones are too_many
  static constexpr size_t kRememberedMax = 1 << 14;

  // A test of a variable of a skeleton, small because many are remembered.
  struct WayTest {
    uint16_t slot = 0;
    uint16_t begin = 0;  // of the piece of the needle
    uint16_t length = 0;
    Relation relation = Relation::contains;
    uint8_t classes = 0;
    bool ends_way = false;  // the next one belongs to another way
  };
  struct Ways {
    bool in_text = false;  // the needle is in the skeleton's own text
    bool too_many = false;
    std::vector<WayTest> tests;  // way after way; all of a way are asked
    // What every way asks of some variable: these bytes, and a text at least this long.
    uint8_t common_classes = 0;
    uint16_t common_length = 0;
  };
  // A stretch of a skeleton: text, or a variable of which only the marker is known.
  struct Piece {
    std::string_view text;
    const Slot* slot = nullptr;
    uint32_t number = 0;
  };
  struct Walk;

  const Ways& ways_of(const TemplateHead& one) const;
  Ways find_ways(std::string_view skeleton) const;
  static void set_common(Ways& ways);
  void start_in_slot(size_t piece, Walk& walk) const;
  void follow(size_t piece, size_t matched, Walk& walk) const;
  void keep_way(Walk& walk) const;
  void ask(size_t piece, Relation relation, size_t begin, size_t length, bool at_end, Walk& walk) const;

  const std::string needle_;
  mutable absl::flat_hash_map<uint64_t, Ways> remembered_;  // by skeleton hash
};

// Whether some text of the variable can have this relation to `piece`, as far as the head tells.
bool may_relate(const MessageHead& head, const Slot& slot, const SlotTest& test);
// Of a slot of numbers: the one that it writes with these digits, when it can hold it.
std::optional<uint64_t> number_written_as(const MessageHead& head, const Slot& slot, std::string_view digits);
bool relates(std::string_view text, Relation relation, std::string_view piece);

}  // namespace obelisk::message
