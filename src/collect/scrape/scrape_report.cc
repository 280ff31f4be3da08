// TargetSeries: the series about the scrape itself.
#include "collect/scrape/target_series.h"

namespace obelisk::scrape {

Batch TargetSeries::about_scrape(const ScrapeReport& report, UnixNanos time, bool ended) const {
  std::vector<std::pair<std::string_view, double>> values{
      {"up", report.up ? 1 : 0},
      {"scrape_duration_seconds", report.duration_seconds},
      {"scrape_samples_scraped", static_cast<double>(report.samples_scraped)},
      {"scrape_samples_post_metric_relabeling", static_cast<double>(report.samples_kept)},
      {"scrape_series_added", static_cast<double>(report.series_added)}};
  if (report.extra) {
    values.insert(values.end(), {{"scrape_timeout_seconds", report.timeout_seconds},
                                 {"scrape_sample_limit", report.sample_limit},
                                 {"scrape_body_size_bytes", report.body_bytes}});
  }
  BatchBuilder rows(Table::samples);
  for (const auto& [name, value] : values) {
    Labels labels = target_labels_;
    labels.set(kMetricNameLabel, name);
    rows.begin_group_copy(labels.view());
    rows.add_row(time);
    rows.set_float(Scope::fixed, column::kValue, ended ? stale_marker() : value);
  }
  return rows.finish();
}

Batch TargetSeries::report_batch(const ScrapeReport& report, UnixNanos time) const {
  return about_scrape(report, time, false);
}

Batch TargetSeries::end_report(const ScrapeReport& report, UnixNanos time) const {
  return about_scrape(report, time, true);
}

}  // namespace obelisk::scrape
