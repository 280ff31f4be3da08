#pragma once
// Codes the native histograms of one block. Histograms of a series mostly share their layout (schema, spans,
// bounds), so a run of them is stored as the layout once and one value block (codec/value_block.h) for each
// number that changes: zero count, count, sum and every bucket. Bytes that are no histogram are kept as they
// are. Whatever goes in comes out byte for byte. Format: docs/formats/metric_part.md, "Histogram block"; the
// histogram itself: histogram.md. Pure functions.
#include <span>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"

namespace obelisk {

void encode_histogram_block(std::span<const std::string_view> histograms, std::string& out);
// Exactly out.size() histograms; their bytes are put into the arena. At most kHistogramBlockBytesMax of them.
Result<void> decode_histogram_block(std::string_view bytes, std::span<std::string_view> out, Arena& arena);

// 120 histograms with the 65,536 buckets that model/histogram.h accepts.
inline constexpr size_t kHistogramBlockBytesMax = 128u << 20;

}  // namespace obelisk
