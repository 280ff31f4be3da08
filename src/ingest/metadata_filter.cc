#include "ingest/metadata_filter.h"

#include "base/hash.h"

namespace obelisk {
namespace {

std::string_view text_at(const Batch& batch, std::string_view name, size_t row) {
  const ColumnData* data = batch.find_fixed(name);
  return data != nullptr && data->is_present(row) && row < data->strings.size() ? data->strings[row] : "";
}

}  // namespace

std::vector<uint8_t> MetadataFilter::keep(const Tenant& tenant, const Batch& batch, UnixNanos now) {
  std::vector<uint8_t> kept(batch.row_count, 0);
  MutexLock lock(mutex_);
  if (stored_.size() + batch.row_count > kFamiliesMax) stored_.clear();
  for (size_t row = 0; row < batch.row_count; ++row) {
    uint64_t hash = hash64(text_at(batch, column::kMetricType, row));
    hash = hash64(text_at(batch, column::kHelp, row), hash);
    hash = hash64(text_at(batch, column::kUnit, row), hash);
    std::string key = tenant + '\0' + std::string(text_at(batch, column::kMetricFamily, row));
    auto [it, added] = stored_.try_emplace(std::move(key));
    if (!added && it->second.hash == hash && now - it->second.time < kRepeatNanos) continue;
    it->second = {hash, now};
    kept[row] = 1;
  }
  return kept;
}

void MetadataFilter::forget_since(UnixNanos time) {
  MutexLock lock(mutex_);
  std::erase_if(stored_, [&](const auto& entry) { return entry.second.time >= time; });
}

}  // namespace obelisk
