#pragma once
// What is known of metric families: type, help and unit, as each source last said.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/prometheus/api_call.h"

namespace obelisk::prometheus_api {

struct FamilyMetadata {
  std::string type, help, unit;
  bool operator==(const FamilyMetadata&) const = default;
};

using MetadataByFamily = std::map<std::string, std::vector<FamilyMetadata>>;

// Of one family, or of all when `family` is empty.
Result<MetadataByFamily> read_metadata(const ApiCall& call, std::string_view family);

// The fields type, help and unit of the family that a series' metric name belongs to (demo_seconds of
// demo_seconds_bucket); nothing when it is not known.
void write_family_of(JsonWriter& json, const MetadataByFamily& families, std::string_view metric);

// The label sets of the request's match[], start and end.
Result<std::vector<Labels>> select_series(const ApiCall& call);

}  // namespace obelisk::prometheus_api
