#pragma once
// Resources as the labels of a target: job and instance by OpenTelemetry's rules, and traces_target_info.
// Bound to one batch of spans, which must outlive it.
#include <string>
#include <string_view>
#include <vector>

#include "model/labels.h"
#include "query/core/attribute_columns.h"

namespace obelisk {

class TargetReader {
 public:
  // `excluded`: attributes that traces_target_info leaves out.
  TargetReader(const Batch& spans, const std::vector<std::string>& excluded, bool with_instance);

  // service.namespace/service.name; empty without a name.
  std::string job(size_t row) const;
  std::string instance(size_t row) const;  // service.instance.id
  // Tells resources apart; empty when the row's gives no target.
  void append_key(size_t row, std::string& key) const;
  // Labels of traces_target_info; empty when there is no job nor instance, or nothing else to tell.
  Labels labels(size_t row) const;

 private:
  struct Attribute {
    std::string label;
    AttributeColumns columns;
  };
  const AttributeColumns namespaces_, names_, instances_;
  const bool with_instance_;
  std::vector<Attribute> others_;
};

}  // namespace obelisk
