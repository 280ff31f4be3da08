#include "pipeline/pipeline.h"

namespace obelisk {

std::vector<std::function<void()>> Pipeline::prepare_taps(const Tenant& tenant,
                                                          const std::vector<Batch>& batches) {
  std::vector<std::function<void()>> observations;
  for (const Batch& batch : batches) {
    if (batch.table != Table::spans || batch.row_count == 0) continue;
    for (const std::shared_ptr<SpanTap>& tap : taps_) {
      if (std::function<void()> observation = tap->prepare(tenant, batch))
        observations.push_back(std::move(observation));
    }
  }
  return observations;
}

void Pipeline::write(const Tenant& tenant, std::vector<Batch> batches, Intake::Done done) {
  std::vector<std::function<void()>> observations = prepare_taps(tenant, batches);
  if (observations.empty()) return intake_.write(tenant, std::move(batches), std::move(done));
  intake_.write(
      tenant, std::move(batches),
      [observations = std::move(observations), done = std::move(done)](Result<IntakeOutcome> outcome) {
        if (outcome.ok() && outcome->accepted_rows > 0) {
          for (const std::function<void()>& observation : observations) observation();
        }
        done(std::move(outcome));
      });
}

std::shared_ptr<const GraphRules> Pipeline::graph_rules(const Tenant& tenant) const {
  for (const std::shared_ptr<SpanTap>& tap : taps_) {
    if (std::shared_ptr<const GraphRules> rules = tap->graph_rules(tenant)) return rules;
  }
  return nullptr;
}

}  // namespace obelisk
