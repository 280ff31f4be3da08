#pragma once
// zstd, level 1 (higher levels cost more and gain little on telemetry). Contexts are kept per thread. Thread
// safe.
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace obelisk {

// Appends the compressed frame to `out` and returns its length.
size_t zstd_compress(std::string_view bytes, std::string& out);
// Decompresses into exactly `size` bytes at `out`; corrupt when the frame is damaged or has another length.
Result<void> zstd_decompress(std::string_view compressed, size_t size, char* out);

}  // namespace obelisk
