#pragma once
// Loki's level detection: every log row gets the structured metadata `detected_level`, one of trace, debug,
// info, warn, error, critical, fatal and unknown, unless it came with one. What decides, in this order:
// 1. OTLP's severity number, else its severity text;
// 2. a label or attribute that is named like a level (level, LEVEL, Level, lvl, severity, ...);
// 3. a field of that name in a JSON or logfmt line;
// 4. the first word of a level in the line, in any case of letters.
// Only the first kLineBytesMax of a line are looked at, since levels stand at the beginning. Pure functions.
#include <string_view>

#include "plan/batch.h"

namespace obelisk {

inline constexpr size_t kLevelLineBytesMax = 1024;
inline constexpr std::string_view kDetectedLevel = "detected_level";

// Adds the column to a batch of logs.
void detect_levels(Batch& batch);

// The level a line names (3 and 4); "unknown" when none.
std::string_view level_of_line(std::string_view line);
// The level that a value stands for ("WARNING", "wrn", "E"), else empty.
std::string_view level_of_value(std::string_view value);

}  // namespace obelisk
