#include "storage/embedded/events/message/template_numbers.h"

namespace obelisk::message {

Result<TemplateNumbers> TemplatePlanes::open() const {
  TemplateNumbers numbers;
  numbers.count = low_.plain_bytes;
  OBELISK_TRY(std::string_view low, open_packed_text(low_, numbers.owners));
  numbers.low = reinterpret_cast<const uint8_t*>(low.data());
  if (high_.plain_bytes == 0) return numbers;
  OBELISK_TRY(std::string_view high, open_packed_text(high_, numbers.owners));
  numbers.high = reinterpret_cast<const uint8_t*>(high.data());
  return numbers;
}

std::shared_ptr<const TemplatePlanes> TemplatePlanes::copy() const {
  auto copy = std::make_shared<TemplatePlanes>(low_, high_);
  copy->owned_.reserve(stored_bytes());
  copy->owned_.append(low_.stored).append(high_.stored);
  std::string_view owned = copy->owned_;
  copy->low_.stored = owned.substr(0, low_.stored.size());
  copy->high_.stored = owned.substr(low_.stored.size());
  return copy;
}

}  // namespace obelisk::message
