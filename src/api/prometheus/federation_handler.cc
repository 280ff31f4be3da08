// GET /federate?match[]=...: the newest sample of every selected series, for another server to scrape. As
// Prometheus does it: samples of the last lookback, stale series left out, sorted by name and labels, each
// with its own time, the external labels of prometheus.yml where a series has none of that name, and an empty
// instance label where there is none at all (so that the scraping server does not put its own there). Text,
// or protobuf where Accept asks for it; native histograms exist only there, and of them only exponential
// ones.
#include <algorithm>

#include "api/prometheus/handlers.h"
#include "api/prometheus/stored_series.h"
#include "base/text.h"
#include "wire/exposition_write.h"

namespace obelisk::prometheus_api {
namespace {

struct FederationForm {
  bool protobuf = false;
  NameEscaping escaping = NameEscaping::underscores;
};

// The first acceptable range by its quality; text when nothing of ours is asked for.
FederationForm form_of(std::string_view accept) {
  FederationForm best;
  double best_quality = -1;
  std::string lower = to_lower(accept);
  std::string_view rest = lower;
  while (!rest.empty()) {
    size_t comma = std::min(rest.find(','), rest.size());
    std::string_view range = trim(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    std::string_view media = trim(range.substr(0, range.find(';')));
    bool protobuf = media == "application/vnd.google.protobuf" &&
                    range.find("io.prometheus.client.metricfamily") != std::string_view::npos &&
                    range.find("delimited") != std::string_view::npos;
    bool text = media == "text/plain" || media == "*/*" || media == "text/*";
    if (!protobuf && !text) continue;
    double quality = 1;
    if (size_t at = range.find("q="); at != std::string_view::npos)
      quality = parse_float(range.substr(at + 2, range.find(';', at) - at - 2)).value_or(1);
    if (quality <= best_quality) continue;
    best_quality = quality;
    best.protobuf = protobuf;
    bool utf8 = range.find("escaping=allow-utf-8") != std::string_view::npos;
    best.escaping = utf8 ? NameEscaping::allow_utf8 : NameEscaping::underscores;
  }
  return best;
}

std::string_view name_of(const ExpositionRow& row) {
  return label_value(row.labels, kMetricNameLabel);
}

bool is_gauge_histogram(const ExpositionRow& row) {
  return row.histogram != nullptr && row.histogram->reset_hint == CounterResetHint::gauge;
}

// Rows that can stand in one family.
bool same_family(const ExpositionRow& a, const ExpositionRow& b) {
  return name_of(a) == name_of(b) && (a.histogram == nullptr) == (b.histogram == nullptr) &&
         is_gauge_histogram(a) == is_gauge_histogram(b);
}

// What series get that do not have a label of that name: sorted.
class ExtraLabels {
 public:
  explicit ExtraLabels(Labels external) : labels_(std::move(external)) {
    for (const Label& label : labels_) all_.push_back({label.name, label.value});
    if (!labels_.has(kInstance)) all_.push_back({kInstance, ""});
    std::sort(all_.begin(), all_.end());
  }

  std::vector<LabelRef> missing_in(LabelsView labels) const {
    std::vector<LabelRef> missing;
    for (const LabelRef& label : all_) {
      if (label_value(labels, label.name).empty()) missing.push_back(label);
    }
    return missing;
  }

 private:
  static constexpr std::string_view kInstance = "instance";

  const Labels labels_;
  std::vector<LabelRef> all_;
};

std::string write_text(const std::vector<ExpositionRow>& rows, const ExtraLabels& extra,
                       NameEscaping escaping) {
  std::string out;
  const ExpositionRow* before = nullptr;
  for (const ExpositionRow& row : rows) {
    if (row.histogram != nullptr) continue;
    if (before == nullptr || name_of(*before) != name_of(row))
      append_text_family(out, name_of(row), escaping);
    append_text_row(out, row, extra.missing_in(row.labels), escaping);
    before = &row;
  }
  return out;
}

std::string write_protobuf(const std::vector<ExpositionRow>& rows, const ExtraLabels& extra,
                           NameEscaping escaping) {
  std::string out;
  for (size_t i = 0; i < rows.size();) {
    // A family's rows share `missing`, so it also ends where a series follows that lacks other labels.
    std::vector<LabelRef> missing = extra.missing_in(rows[i].labels);
    std::vector<ExpositionRow> family;
    size_t end = i;
    while (end < rows.size() && same_family(rows[i], rows[end]) &&
           extra.missing_in(rows[end].labels) == missing)
      family.push_back(rows[end++]);
    append_protobuf_family(out, name_of(rows[i]), family, missing, escaping);
    i = end;
  }
  return out;
}

bool can_be_written(const StoredPoint& point) {
  if (point.histogram == nullptr) return !is_stale_marker(point.value);
  return point.histogram->schema != Histogram::kCustomBoundsSchema && !is_stale_marker(point.histogram->sum);
}

Result<HttpResponse> answer(const Service& service, const HttpExchangePtr& exchange) {
  OBELISK_TRY(Parameters parameters, parameters_of(exchange->request()));
  bool selects = !parameters.get_all("match[]").empty();  // nothing without one, as the reference
  OBELISK_TRY(Expr where, selects ? selection_of(parameters) : Result<Expr>(Expr::any_of({})));
  OBELISK_TRY(std::shared_ptr<QueryRun> run, begin_query(service.context, exchange));
  UnixNanos now = service.context.clock.now();
  int64_t lookback = service.providers.promql.lookback_ms * kNanosPerMilli;
  TimeRange range{UnixNanos{now.value - lookback + 1}, UnixNanos{now.value + 1}};
  OBELISK_TRY(StoredSeries series, StoredSeries::load(service.context.reader, *run, std::move(where), range));
  std::vector<ExpositionRow> rows;
  for (size_t i = 0; i < series.size(); ++i) {
    OBELISK_TRY(StoredPoint point, series.last_point(i));
    if (can_be_written(point))
      rows.push_back({series.labels(i), point.value, point.histogram, point.time_ms});
  }
  // Label sets are sorted by label name, in which __name__ need not be the first.
  std::stable_sort(rows.begin(), rows.end(),
                   [](const ExpositionRow& a, const ExpositionRow& b) { return name_of(a) < name_of(b); });
  FederationForm form = form_of(exchange->request().header("accept"));
  bool utf8 = form.escaping == NameEscaping::allow_utf8;
  std::string escaping = utf8 ? "allow-utf-8" : "underscores";
  const auto& external = service.providers.external_labels;
  ExtraLabels extra(external ? external() : Labels());
  HttpResponse response;
  response.body =
      form.protobuf ? write_protobuf(rows, extra, form.escaping) : write_text(rows, extra, form.escaping);
  response.headers = {
      {"content-type", form.protobuf ? "application/vnd.google.protobuf; "
                                       "proto=io.prometheus.client.MetricFamily; encoding=delimited; "
                                       "escaping=" +
                                           escaping
                       : utf8 ? "text/plain; version=1.0.0; charset=utf-8; escaping=" + escaping
                              : "text/plain; version=0.0.4; charset=utf-8; escaping=" + escaping}};
  return response;
}

}  // namespace

void handle_federation(const Service& service, const HttpExchangePtr& exchange) {
  Result<HttpResponse> response = answer(service, exchange);
  // As in Prometheus the error is plain text: a scraper shows it.
  if (!response.ok())
    return exchange->respond_text(http_status_of(response.error().code), response.error().message);
  exchange->respond(std::move(*response));
}

}  // namespace obelisk::prometheus_api
