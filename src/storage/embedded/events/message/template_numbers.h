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
  // How many texts before this one have its template.
  size_t count_before(size_t value) const;
  size_t memory_bytes() const { return count * (high == nullptr ? 1 : 2); }
};

class TemplatePlanes {
 public:
  TemplatePlanes() = default;
  // Views of stored bytes; `high` without any: all numbers are below 256.
  TemplatePlanes(PackedText low, PackedText high) : low_(low), high_(high) {}

  // corrupt when a text is of a template that there is not. Planes that are stored uncompressed are viewed:
  // this must outlive what is returned.
  Result<TemplateNumbers> open(size_t template_count) const;
  // The same with bytes of its own.
  std::unique_ptr<const TemplatePlanes> copy() const;
  size_t stored_bytes() const { return low_.stored.size() + high_.stored.size(); }

 private:
  PackedText low_;
  PackedText high_;
  std::string owned_;
};

// Raises out[value] to 1 for the texts with candidates[value] whose template is chosen (one byte a template,
// 0 or 1). Both have a byte, 0 or 1, for every text.
void mark_templates(const TemplateNumbers& numbers, const std::vector<uint8_t>& chosen,
                    const uint8_t* candidates, uint8_t* out);

}  // namespace obelisk::message
