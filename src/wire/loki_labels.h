#pragma once
// What Loki derives for the labels of a log stream, shared by its push formats and OTLP logs (reference: logs
// A4). Pure functions.
#include <string_view>
#include <vector>

#include "model/labels.h"

namespace obelisk {

inline constexpr std::string_view kServiceNameLabel = "service_name";
inline constexpr std::string_view kUnknownService = "unknown_service";

// The stream label an OTLP resource attribute becomes ("service.name" -> "service_name"); empty for
// attributes that are no stream label: those are structured metadata.
std::string_view stream_label_of(std::string_view resource_attribute);

// Adds service_name to `labels` when it is not there: the value of the first label that usually names a
// service (service, app, application, ...), else unknown_service. Keeps them sorted.
void discover_service_name(std::vector<LabelRef>& labels);

// Sorts by name. Of equal names the last wins; empty values are dropped.
void normalize_labels(std::vector<LabelRef>& labels);

}  // namespace obelisk
