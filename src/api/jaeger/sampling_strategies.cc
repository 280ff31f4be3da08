#include "api/jaeger/sampling_strategies.h"

#include <fmt/format.h>

#include <algorithm>
#include <protozero/pbf_writer.hpp>

#include "base/json_writer.h"
#include "base/text.h"
#include "base/yaml.h"

namespace obelisk {
namespace {

using Type = SamplingStrategy::Type;

void read_type(YamlMap& map, const YamlNode& node, SamplingStrategy& strategy) {
  std::string type = "probabilistic", param;
  map.string("type", type);
  map.string("param", param);
  std::optional<double> number = parse_float(param);
  if (type != "probabilistic" && type != "ratelimiting") {
    map.fail(node, fmt::format("type is probabilistic or ratelimiting, not \"{}\"", type));
  } else if (!number || *number < 0 || (type == "probabilistic" && *number > 1)) {
    map.fail(node, "param is a probability from 0 to 1, or a number of traces a second");
  } else {
    strategy.type = type == "probabilistic" ? Type::probabilistic : Type::rate_limiting;
    strategy.param = *number;
  }
}

Result<SamplingStrategy> read_strategy(const YamlNode& node, const std::string& file, std::string* service) {
  SamplingStrategy strategy;
  YamlMap map(node, file, "sampling strategy");
  if (service != nullptr) map.required_string("service", *service);
  read_type(map, node, strategy);
  map.list("operation_strategies", [&](const YamlNode& item) -> Result<void> {
    SamplingStrategy of_operation;
    std::string operation;
    YamlMap inner(item, file, "operation strategy");
    inner.required_string("operation", operation);
    read_type(inner, item, of_operation);
    OBELISK_CHECK_OK(inner.finish());
    if (of_operation.type != Type::probabilistic)
      return yaml_error(file, item, "operations are sampled by probability only");
    strategy.operations.emplace_back(std::move(operation), of_operation.param);
    return {};
  });
  OBELISK_CHECK_OK(map.finish());
  return strategy;
}

}  // namespace

Result<SamplingStrategies> SamplingStrategies::parse(std::string_view text, const std::string& file) {
  OBELISK_TRY(YamlNode root, parse_yaml(text, file));
  SamplingStrategies strategies;
  YamlMap map(root, file, "sampling strategies");
  map.node("default_strategy", [&](const YamlNode& node) -> Result<void> {
    OBELISK_TRY(strategies.default_, read_strategy(node, file, nullptr));
    return {};
  });
  map.list("service_strategies", [&](const YamlNode& item) -> Result<void> {
    std::string service;
    OBELISK_TRY(SamplingStrategy strategy, read_strategy(item, file, &service));
    if (!strategies.services_.emplace(service, std::move(strategy)).second)
      return yaml_error(file, item, fmt::format("service \"{}\" stands twice", service));
    return {};
  });
  OBELISK_CHECK_OK(map.finish());
  return strategies;
}

SamplingStrategy SamplingStrategies::of(const std::string& service) const {
  auto found = services_.find(service);
  if (found == services_.end()) return default_;
  SamplingStrategy strategy = found->second;
  for (const auto& [operation, probability] : default_.operations) {
    bool own = std::any_of(strategy.operations.begin(), strategy.operations.end(),
                           [&name = operation](const auto& one) { return one.first == name; });
    if (!own) strategy.operations.emplace_back(operation, probability);
  }
  return strategy;
}

std::string sampling_strategy_json(const SamplingStrategy& strategy) {
  JsonWriter out;
  bool by_rate = strategy.type == Type::rate_limiting;
  out.begin_object().field("strategyType", by_rate ? "RATE_LIMITING" : "PROBABILISTIC");
  if (by_rate) {
    out.key("rateLimitingSampling").begin_object();
    out.field("maxTracesPerSecond", static_cast<int64_t>(strategy.param)).end_object();
  } else {
    out.key("probabilisticSampling").begin_object().field("samplingRate", strategy.param).end_object();
  }
  if (!strategy.operations.empty()) {
    out.key("operationSampling").begin_object();
    out.field("defaultSamplingProbability", by_rate ? 1.0 : strategy.param);
    out.field("defaultLowerBoundTracesPerSecond", 0.0).key("perOperationStrategies").begin_array();
    for (const auto& [operation, probability] : strategy.operations) {
      out.begin_object().field("operation", operation).key("probabilisticSampling").begin_object();
      out.field("samplingRate", probability).end_object().end_object();
    }
    out.end_array().end_object();
  }
  out.end_object();
  return out.take();
}

// {1 strategyType, 2 probabilistic {1 samplingRate}, 3 rateLimiting {1 maxTracesPerSecond}, 4 perOperation {1
// default probability, 2 lower bound, 3 operations {1 operation, 2 probabilistic}}}
std::string sampling_strategy_protobuf(const SamplingStrategy& strategy) {
  std::string out;
  protozero::pbf_writer writer(out);
  bool by_rate = strategy.type == Type::rate_limiting;
  writer.add_enum(1, by_rate ? 1 : 0);
  if (by_rate) {
    protozero::pbf_writer(writer, 3).add_int32(1, static_cast<int32_t>(strategy.param));
  } else {
    protozero::pbf_writer(writer, 2).add_double(1, strategy.param);
  }
  if (strategy.operations.empty()) return out;
  protozero::pbf_writer operations(writer, 4);
  operations.add_double(1, by_rate ? 1.0 : strategy.param);
  operations.add_double(2, 0);
  for (const auto& [operation, probability] : strategy.operations) {
    protozero::pbf_writer one(operations, 3);
    one.add_string(1, operation);
    protozero::pbf_writer(one, 2).add_double(1, probability);
  }
  return out;
}

}  // namespace obelisk
