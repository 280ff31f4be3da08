#pragma once
// Who sends how much: the bytes of received spans by attributes that a tenant chose, as Tempo's cost
// attribution counts them. A span without an attribute counts as "__missing__"; what is beyond kLabelSetsMax
// label sets counts as "__overflow__". Counts are of this run of the server. Thread safe.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_annotations.h"
#include "model/labels.h"
#include "pipeline/pipeline.h"

namespace obelisk {

struct UsageDimension {
  std::string attribute;  // of the resource, then of the span
  std::string label;
};

class UsageTracker : public SpanTap {
 public:
  static constexpr size_t kLabelSetsMax = 10'000;  // Tempo's max_cardinality

  explicit UsageTracker(std::vector<UsageDimension> dimensions);

  std::function<void()> prepare(const Tenant& tenant, const Batch& spans) override;

  struct Usage {
    Labels labels;
    uint64_t bytes = 0;
  };
  std::vector<Usage> usage() const;

 private:
  using Counts = std::map<std::vector<std::string>, uint64_t>;  // values of the dimensions in order
  struct State {
    Mutex mutex;
    Counts counts GUARDED_BY(mutex);
  };

  const std::vector<UsageDimension> dimensions_;
  std::vector<std::string> attributes_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();  // shared with observations under way
};

}  // namespace obelisk
