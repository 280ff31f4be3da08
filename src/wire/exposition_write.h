#pragma once
// Writes the exposition formats: Prometheus text 0.0.4 and 1.0.0, and protobuf (delimited MetricFamily
// messages). Families are untyped or native histograms, which is what federation gives. Plain functions,
// appending to a string.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/histogram.h"
#include "model/labels.h"

namespace obelisk {

// What becomes of names that are not [a-zA-Z_][a-zA-Z0-9_]* (names of metrics: with ':').
enum class NameEscaping : uint8_t {
  allow_utf8,   // written in quotes
  underscores,  // every character that may not be there becomes '_'
};

struct ExpositionRow {
  LabelsView labels;  // with __name__
  double value = 0;
  const Histogram* histogram = nullptr;  // instead of the value; exponential
  int64_t time_ms = 0;
};

// "# TYPE name untyped".
void append_text_family(std::string& out, std::string_view name, NameEscaping escaping);
// A row without a histogram. `extra` come behind the labels, empty values and all.
void append_text_row(std::string& out, const ExpositionRow& row, LabelsView extra, NameEscaping escaping);

// Rows of one name that all are floats, or all histograms of one kind (gauge or not).
void append_protobuf_family(std::string& out, std::string_view name, const std::vector<ExpositionRow>& rows,
                            LabelsView extra, NameEscaping escaping);

}  // namespace obelisk
