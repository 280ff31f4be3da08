#pragma once
// What a condition on texts finds out about the templates of one message block: for each whether none, some
// or all of its rows satisfy it. Immutable once shared.
#include <cstdint>
#include <vector>

#include "storage/embedded/events/message/needle_search.h"

namespace obelisk::message {

struct TemplateVerdicts {
  std::vector<uint8_t> of;  // a Verdict a template; of the raw lines the first
  bool any_some = false;
  bool any_all = false;
  bool any_none = false;
  // Also by the rows themselves: templates judged `some` have rows of both kinds.
  bool by_rows = false;

  bool any() const { return any_some || any_all; }
  Verdict verdict_of(size_t number) const { return static_cast<Verdict>(of[number]); }
  void set(size_t number, Verdict verdict) {
    of[number] = static_cast<uint8_t>(verdict);
    any_some = any_some || verdict == Verdict::some;
    any_all = any_all || verdict == Verdict::all;
    any_none = any_none || verdict == Verdict::none;
  }
  // Of all rows.
  Verdict overall() const {
    if (!any()) return Verdict::none;
    return any_some || any_none ? Verdict::some : Verdict::all;
  }
  // One byte a template: 1 where the verdict is this one.
  std::vector<uint8_t> chosen(Verdict verdict) const {
    std::vector<uint8_t> marks(of.size());
    for (size_t number = 0; number < of.size(); ++number)
      marks[number] = of[number] == static_cast<uint8_t>(verdict) ? 1 : 0;
    return marks;
  }
  size_t memory_bytes() const { return sizeof(TemplateVerdicts) + of.capacity(); }
};

}  // namespace obelisk::message
