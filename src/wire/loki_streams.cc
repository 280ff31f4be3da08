#include "wire/loki_streams.h"

#include <fmt/format.h>

#include "wire/loki_label_text.h"
#include "wire/loki_labels.h"
#include "wire/otlp_logs.h"

namespace obelisk {

bool LokiStreamWriter::begin_stream() {
  std::string reason;
  normalize_labels(labels_);
  if (labels_.empty()) reason = "error at least one label pair is required per stream";
  for (const LabelRef& label : labels_) {
    if (!is_label_name(label.name))
      reason = fmt::format("invalid label name \"{}\"", label.name.substr(0, 256));
  }
  rejected_ = !reason.empty();
  if (rejected_) {
    if (result_.rejection.empty()) result_.rejection = std::move(reason);
    return false;
  }
  if (mapping_.discover_service_name) discover_service_name(labels_);
  begin_group();
  return true;
}

void LokiStreamWriter::begin_group() {
  batches_.rows().begin_group_copy(labels_);
}

void LokiStreamWriter::add_line(UnixNanos time, std::string_view line) {
  BatchBuilder& rows = batches_.rows();
  rows.add_row(time);
  rows.set_string(Scope::fixed, column::kLine, line);
  rows.set_int(Scope::fixed, column::kOrigin, kLogOriginLoki);
}

void LokiStreamWriter::add_metadata(std::string_view name, std::string_view value) {
  batches_.rows().set_string(Scope::attribute, name, value);
}

void LokiStreamWriter::end_line() {
  if (!batches_.must_cut()) return;
  batches_.cut();
  begin_group();
}

DecodedLokiPush LokiStreamWriter::finish() {
  result_.batches = batches_.finish();
  return std::move(result_);
}

}  // namespace obelisk
