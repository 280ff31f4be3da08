#include "codec/compression.h"

#include <fmt/format.h>
#include <zstd.h>

#include <memory>

namespace obelisk {
namespace {

constexpr int kLevel = 1;

struct Contexts {
  std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> compress{nullptr, ZSTD_freeCCtx};
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> decompress{nullptr, ZSTD_freeDCtx};
};

Contexts& contexts() {
  thread_local Contexts instance;
  return instance;
}

}  // namespace

size_t zstd_compress(std::string_view bytes, std::string& out) {
  auto& context = contexts().compress;
  if (!context) context.reset(ZSTD_createCCtx());
  OBELISK_ASSERT(context != nullptr);
  size_t before = out.size();
  size_t bound = ZSTD_compressBound(bytes.size());
  out.resize(before + bound);
  size_t length =
      ZSTD_compressCCtx(context.get(), out.data() + before, bound, bytes.data(), bytes.size(), kLevel);
  OBELISK_ASSERT(!ZSTD_isError(length));  // the only cause is too little room, and the bound rules that out
  out.resize(before + length);
  return length;
}

Result<void> zstd_decompress(std::string_view compressed, size_t size, char* out) {
  auto& context = contexts().decompress;
  if (!context) context.reset(ZSTD_createDCtx());
  OBELISK_ASSERT(context != nullptr);
  size_t length = ZSTD_decompressDCtx(context.get(), out, size, compressed.data(), compressed.size());
  if (ZSTD_isError(length)) {
    return make_error(ErrorCode::corrupt, fmt::format("zstd: {}", ZSTD_getErrorName(length)));
  }
  if (length != size) {
    return make_error(ErrorCode::corrupt,
                      fmt::format("zstd: {} bytes where {} were announced", length, size));
  }
  return {};
}

}  // namespace obelisk
