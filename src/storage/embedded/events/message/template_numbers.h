#pragma once
// The template number of every text of a message block: as stored (packed byte planes, small enough to be
// kept in memory), and opened. Immutable.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/embedded/events/message/packed_text.h"

namespace obelisk::message {

struct TemplateNumbers {
  size_t count = 0;
  const uint8_t* low = nullptr;
  const uint8_t* high = nullptr;  // null: all numbers are below 256
  std::vector<std::shared_ptr<const void>> owners;

  uint16_t at(size_t value) const {
    return high == nullptr ? low[value] : static_cast<uint16_t>(low[value] | high[value] << 8);
  }
  size_t memory_bytes() const { return count * (high == nullptr ? 1 : 2); }
};

class TemplatePlanes {
 public:
  TemplatePlanes() = default;
  // Views of stored bytes; `high` without any: all numbers are below 256.
  TemplatePlanes(PackedText low, PackedText high) : low_(low), high_(high) {}

  Result<TemplateNumbers> open() const;
  // The same with bytes of its own.
  std::shared_ptr<const TemplatePlanes> copy() const;
  size_t stored_bytes() const { return low_.stored.size() + high_.stored.size(); }

 private:
  PackedText low_;
  PackedText high_;
  std::string owned_;
};

}  // namespace obelisk::message
