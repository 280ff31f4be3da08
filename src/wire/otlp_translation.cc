#include "wire/otlp_translation.h"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace obelisk {
namespace {

constexpr std::pair<std::string_view, OtlpTranslationStrategy> kStrategies[] = {
    {"UnderscoreEscapingWithSuffixes", OtlpTranslationStrategy::underscore_escaping_with_suffixes},
    {"NoUTF8EscapingWithSuffixes", OtlpTranslationStrategy::no_utf8_escaping_with_suffixes},
    {"UnderscoreEscapingWithoutSuffixes", OtlpTranslationStrategy::underscore_escaping_without_suffixes},
    {"NoTranslation", OtlpTranslationStrategy::no_translation}};

// The reason why a list of attribute names is refused, or nothing.
std::string problem_of(const std::vector<std::string>& names) {
  std::set<std::string_view> seen;
  for (const std::string& name : names) {
    if (name.empty()) return "an empty name";
    if (!seen.insert(name).second) return fmt::format("\"{}\" twice", name);
  }
  return {};
}

}  // namespace

Result<OtlpTranslation> read_otlp_translation(const YamlNode& node, const std::string& file) {
  OtlpTranslation out;
  YamlMap map(node, file, "otlp");
  std::string strategy(kStrategies[0].first);
  map.string("translation_strategy", strategy);
  map.boolean("promote_all_resource_attributes", out.promote_all_resource_attributes);
  map.string_list("promote_resource_attributes", out.promote_resource_attributes);
  map.string_list("ignore_resource_attributes", out.ignore_resource_attributes);
  map.boolean("keep_identifying_resource_attributes", out.keep_identifying_resource_attributes);
  map.boolean("promote_scope_metadata", out.promote_scope_metadata);
  map.boolean("convert_histograms_to_nhcb", out.convert_histograms_to_nhcb);
  map.boolean("label_name_underscore_sanitization", out.label_name_underscore_sanitization);
  map.boolean("label_name_preserve_multiple_underscores", out.label_name_preserve_multiple_underscores);
  OBELISK_CHECK_OK(map.finish());
  auto wrong = [&](std::string_view key, std::string message) {
    const YamlNode* at = node.find(key);
    return yaml_error(file, at != nullptr ? *at : node, "otlp: " + std::move(message));
  };
  bool known = false;
  for (const auto& [name, value] : kStrategies) {
    if (strategy != name) continue;
    out.strategy = value;
    known = true;
  }
  if (!known) {
    return wrong(
        "translation_strategy",
        fmt::format("translation_strategy is UnderscoreEscapingWithSuffixes, NoUTF8EscapingWithSuffixes, "
                    "UnderscoreEscapingWithoutSuffixes or NoTranslation, not \"{}\"",
                    strategy));
  }
  if (out.promote_all_resource_attributes && !out.promote_resource_attributes.empty()) {
    return wrong("promote_resource_attributes",
                 "promote_all_resource_attributes and promote_resource_attributes exclude each other");
  }
  if (!out.promote_all_resource_attributes && !out.ignore_resource_attributes.empty())
    return wrong("ignore_resource_attributes",
                 "ignore_resource_attributes needs promote_all_resource_attributes");
  for (auto [key, names] : {std::pair("promote_resource_attributes", &out.promote_resource_attributes),
                            std::pair("ignore_resource_attributes", &out.ignore_resource_attributes)}) {
    if (std::string problem = problem_of(*names); !problem.empty())
      return wrong(key, fmt::format("{} holds {}", key, problem));
  }
  return out;
}

}  // namespace obelisk
