#pragma once
// Rows of Table::spans as spans of jaeger.api_v2, each with its process. The batches are only read. Pure
// functions.
#include <span>
#include <string>
#include <vector>

#include "plan/batch.h"

namespace obelisk {

// Messages SpansResponseChunk {1 repeated Span}, each of about `bytes_max` bytes; none without spans.
std::vector<std::string> encode_jaeger_chunks(std::span<const BatchPtr> batches, size_t bytes_max);

}  // namespace obelisk
