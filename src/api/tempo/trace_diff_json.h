#pragma once
// The comparison of two traces as JSON, in Tempo's formats and in one of our own. Pure functions.
//   trace-patch-v0             every change of every span
//   trace-summary-v0-native    totals, directions, services and the commonest kinds of change
//   trace-summary-v0-composed  the summary, and the patch when it has at most kPatchBytesMax bytes
//   obelisk-tree-v0            both trees in one, with the times of both sides: what a viewer draws
#include <optional>
#include <string>
#include <string_view>

#include "query/traceql/trace_diff.h"

namespace obelisk::tempo {

enum class DiffFormat : uint8_t { patch, summary, composed, tree };
// Empty: the patch.
std::optional<DiffFormat> diff_format_of(std::string_view name);

inline constexpr size_t kPatchBytesMax = 64 << 10;
std::string trace_diff_json(const traceql::TraceDiff& diff, DiffFormat format);

}  // namespace obelisk::tempo
