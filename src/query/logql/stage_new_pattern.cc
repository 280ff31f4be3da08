#include "query/logql/stage_new_pattern.h"

#include "base/assert.h"
#include "plan/text_pattern.h"

namespace obelisk::logql {
namespace {

class NewPatternStage : public RowStage {
 public:
  explicit NewPatternStage(std::shared_ptr<const PatternBirths> births) : births_(std::move(births)) {}

  bool apply(LogRow& row) override {
    OBELISK_ASSERT(births_ != nullptr);
    return births_->passes(pattern_.of_text(row.line), row.time);
  }

 private:
  const std::shared_ptr<const PatternBirths> births_;
  TextPattern pattern_;
};

}  // namespace

RowStagePtr make_new_pattern_stage(std::shared_ptr<const PatternBirths> births) {
  return std::make_unique<NewPatternStage>(std::move(births));
}

}  // namespace obelisk::logql
