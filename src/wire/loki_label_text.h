#pragma once
// The label set of a stream as Loki's senders write it: {app="x", env=`prod`}. Pure function.
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "model/labels.h"

namespace obelisk {

// Appends the labels in the order of the text. Values are Go strings: "..." with escapes (undone into the
// arena) or
// `...` as they are. The error has the position of the first byte that does not fit.
Result<void> parse_loki_label_text(std::string_view text, Arena& arena, std::vector<LabelRef>& labels);

// [a-zA-Z_][a-zA-Z0-9_]*
bool is_label_name(std::string_view name);

}  // namespace obelisk
