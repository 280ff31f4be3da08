#pragma once
// What the head and a part both offer to select series by labels: values of a label with their posting lists.
// Series are numbered from 0 within the head or part.
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "codec/posting_list.h"

namespace obelisk {

// Where the series of one (name, value) are listed. The meaning of the fields belongs to the index that made
// it.
struct PostingReference {
  uint32_t series_count = 0;
  uint64_t where = 0;
  uint64_t length = 0;
};

class LabelIndex {
 public:
  virtual ~LabelIndex() = default;
  virtual uint32_t series_count() const = 0;
  virtual Result<std::optional<PostingReference>> find(std::string_view name,
                                                       std::string_view value) const = 0;
  using Visitor = std::function<void(std::string_view value, const PostingReference& reference)>;
  // Every value of a label; none when no series has it. The value's text lives only for the call.
  virtual Result<void> visit_values(std::string_view name, const Visitor& visitor) const = 0;
  virtual Result<Postings> postings(const PostingReference& reference) const = 0;
};

}  // namespace obelisk
