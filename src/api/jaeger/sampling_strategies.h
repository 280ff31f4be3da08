#pragma once
// What Jaeger's SDKs are told to sample: a file in Jaeger's own form (JSON, or YAML of the same), or, without
// one, everything.
//   {"default_strategy": {"type": "probabilistic", "param": 0.5},
//    "service_strategies": [{"service": "shop", "type": "ratelimiting", "param": 100,
//                            "operation_strategies": [{"operation": "GET /", "type": "probabilistic",
//                            "param": 0.1}]}]}
// Operations of the default count for every service that has none of its own for that operation. Immutable.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace obelisk {

struct SamplingStrategy {
  enum class Type : uint8_t { probabilistic, rate_limiting };
  Type type = Type::probabilistic;
  double param = 1;                                        // a probability, or traces a second
  std::vector<std::pair<std::string, double>> operations;  // probabilities
};

class SamplingStrategies {
 public:
  SamplingStrategies() = default;  // everything
  static Result<SamplingStrategies> parse(std::string_view text, const std::string& file);

  SamplingStrategy of(const std::string& service) const;

 private:
  SamplingStrategy default_;
  std::map<std::string, SamplingStrategy> services_;
};

// SamplingStrategyResponse of jaeger.api_v2, as JSON (enums by name, as SDKs read it) and as protobuf.
std::string sampling_strategy_json(const SamplingStrategy& strategy);
std::string sampling_strategy_protobuf(const SamplingStrategy& strategy);

}  // namespace obelisk
