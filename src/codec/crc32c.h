#pragma once
// CRC-32C (Castagnoli), as iSCSI defines it: what frames of Prometheus' remote read carry. Our own files have
// checksum.h. Pure function.
#include <cstdint>
#include <string_view>

namespace obelisk {
uint32_t crc32c(std::string_view bytes);
}  // namespace obelisk
