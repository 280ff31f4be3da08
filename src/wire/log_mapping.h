#pragma once
// How pushed logs become streams: which OTLP attributes are stream labels, structured metadata or nothing
// (Loki's otlp_config), and whether a service_name is made up. Immutable once built, so safe from any thread.
//
// A resource or record attribute is decided by the first rule that names it; without one, a resource
// attribute of Loki's 18 defaults (loki_labels.h) is a stream label unless `ignore_defaults`, and everything
// else is structured metadata. Scope attributes can be kept or dropped, never be labels.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plan/regex.h"

namespace obelisk {

enum class LogAttributeAction : uint8_t { index_label, structured_metadata, drop };

struct LogAttributeRule {
  LogAttributeAction action = LogAttributeAction::structured_metadata;
  std::vector<std::string> attributes;  // exact names, or
  std::shared_ptr<const Regex> regex;   // anchored

  bool names(std::string_view attribute) const;
};

struct LogMapping {
  std::vector<LogAttributeRule> resource, scope, record;
  bool ignore_defaults = false;
  bool severity_text_as_label = false;
  bool discover_service_name = true;

  LogAttributeAction resource_action(std::string_view attribute) const;
  LogAttributeAction scope_action(std::string_view attribute) const;
  LogAttributeAction record_action(std::string_view attribute) const;
  // Whether records of one resource may belong to different streams.
  bool labels_of_records() const;
};

// Loki's defaults.
const LogMapping& default_log_mapping();

}  // namespace obelisk
