// obelisk check-metrics: a page of metrics against its format; OpenMetrics as strictly as its specification.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include "base/text.h"
#include "server/commands.h"
#include "wire/exposition_protobuf.h"
#include "wire/exposition_text.h"
#include "wire/openmetrics.h"

namespace obelisk::server {
namespace {

Result<std::string> read_page(const std::string& file) {
  std::string page;
  if (file == "-") {
    page.assign(std::istreambuf_iterator<char>(std::cin), {});
    return page;
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return make_error(ErrorCode::not_found, fmt::format("cannot open {}", file));
  page.assign(std::istreambuf_iterator<char>(stream), {});
  return page;
}

bool ends_as_openmetrics(std::string_view page) {
  return page.ends_with("# EOF\n") || page.ends_with("# EOF");
}

Result<Exposition> check_page(std::string_view page, const std::string& format) {
  if (format == "openmetrics" || (format == "auto" && ends_as_openmetrics(page)))
    return parse_openmetrics(page, OpenMetricsMode::strict);
  if (format == "protobuf") return parse_prometheus_protobuf(page, {});
  return parse_prometheus_text(page);
}

// "12 families, 40 samples of 38 series, 2 exemplars, 1 native histogram"
std::string summary_of(const Exposition& page) {
  std::set<std::string> series;
  size_t histograms = 0;
  for (const ExpositionSample& sample : page.samples) {
    series.insert(Labels(sample.labels).to_string());
    histograms += sample.histogram.empty() ? 0 : 1;
  }
  return fmt::format("{} families, {} samples of {} series, {} exemplars, {} native histograms",
                     page.families.size(), page.samples.size(), series.size(), page.exemplars.size(),
                     histograms);
}

}  // namespace

int run_check_metrics(const std::vector<std::string>& files, const std::string& format) {
  int code = 0;
  for (const std::string& file : files) {
    Result<std::string> page = read_page(file);
    if (!page.ok()) {
      fmt::print(stderr, "obelisk: {}\n", page.error().message);
      code = 1;
      continue;
    }
    Result<Exposition> checked = check_page(*page, format);
    if (checked.ok()) {
      fmt::print("{}: ok: {}\n", file, summary_of(*checked));
      continue;
    }
    code = 1;
    const Error& error = checked.error();
    Position at = error.position.value_or(Position{});
    fmt::print(stderr, "{}:{}:{}: {}\n", file, at.line, at.column, error.message);
  }
  return code;
}

}  // namespace obelisk::server
