#include "rules/rule_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <set>

#include "base/hash.h"
#include "base/log.h"
#include "base/self_metrics.h"
#include "net/url.h"
#include "rules/alert_restore.h"
#include "rules/alert_template.h"

namespace obelisk::rules {
namespace {

struct ManagerMetrics {
  Counter& evaluations = counter("obelisk_rule_evaluations_total", "Evaluations of rules.");
  Counter& failures = counter("obelisk_rule_evaluation_failures_total", "Evaluations of rules that failed.");
  Counter& missed =
      counter("obelisk_rule_group_iterations_missed_total",
              "Iterations of rule groups that were missed because an evaluation took too long.");
  Counter& clock_steps = counter("obelisk_rule_clock_steps_total",
                                 "Times that a rule group was due too late because the clock was set back.");
  LatencyHistogram& seconds = latency_histogram("obelisk_rule_group_duration_seconds",
                                                "Time that the evaluation of a rule group took.");
};

ManagerMetrics& metrics() {
  static ManagerMetrics instance;
  return instance;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

struct RuleManager::RuleState {
  Rule rule;
  AlertStates alerts;
  std::set<Labels> written;  // series of the last evaluation
  bool restored = false;     // alerts of before a restart were looked for, or came from a reload
  RuleHealth health = RuleHealth::unknown;
  std::string last_error;
  UnixNanos last_evaluation;
  double evaluation_seconds = 0;

  explicit RuleState(Rule of) : rule(std::move(of)), alerts(rule.for_nanos, rule.keep_firing_for_nanos) {}
};

struct RuleManager::GroupState {
  RuleGroup group;
  int64_t interval_nanos = 0;
  int64_t offset_nanos = 0;  // of the slots within the interval
  std::vector<std::unique_ptr<RuleState>> rules;
  UnixNanos next_slot;
  UnixNanos last_evaluation;
  double evaluation_seconds = 0;
  Mutex mutex;  // held by an evaluation; keeps load() and status() consistent

  // Of the spans that a TraceQL rule counts.
  int64_t window_of(const Rule& rule) const {
    if (rule.window_nanos != 0) return rule.window_nanos;
    return group.window_nanos != 0 ? group.window_nanos : interval_nanos;
  }

  UnixNanos slot_at_or_before(UnixNanos time) const {
    int64_t since = time.value - offset_nanos;
    return {time.value - ((since % interval_nanos) + interval_nanos) % interval_nanos};
  }
};

RuleManager::RuleManager(Reader& reader, Intake& intake, const Clock& clock, RuleManagerOptions options,
                         AlertSink sink)
    : reader_(reader), intake_(intake), clock_(clock), options_(std::move(options)), sink_(std::move(sink)) {}

RuleManager::~RuleManager() {
  stop();
}

void RuleManager::load(std::vector<RuleGroup> groups) {
  std::vector<std::shared_ptr<GroupState>> loaded;
  for (RuleGroup& group : groups) {
    auto state = std::make_shared<GroupState>();
    state->interval_nanos =
        group.interval_nanos != 0 ? group.interval_nanos : options_.default_interval_nanos;
    std::string identity = group.file + ";" + group.name;
    if (group.tenant != kDefaultTenant) identity += ";" + group.tenant;
    state->offset_nanos =
        static_cast<int64_t>(hash64(identity) % static_cast<uint64_t>(state->interval_nanos));
    state->next_slot = state->slot_at_or_before(clock_.now()) + state->interval_nanos;
    for (Rule& rule : group.rules) state->rules.push_back(std::make_unique<RuleState>(std::move(rule)));
    group.rules.clear();
    state->group = std::move(group);
    loaded.push_back(std::move(state));
  }
  MutexLock lock(mutex_);
  for (auto& fresh : loaded) {
    for (auto& old : groups_) {
      if (old->group.file != fresh->group.file || old->group.name != fresh->group.name ||
          old->group.tenant != fresh->group.tenant || old->group.language != fresh->group.language)
        continue;
      MutexLock old_lock(old->mutex);
      for (auto& rule : fresh->rules) {
        for (auto& before : old->rules) {
          bool same = before && before->rule.kind == rule->rule.kind &&
                      before->rule.name == rule->rule.name && before->rule.labels == rule->rule.labels &&
                      before->rule.for_nanos == rule->rule.for_nanos &&
                      before->rule.keep_firing_for_nanos == rule->rule.keep_firing_for_nanos;
          if (!same) continue;
          rule->alerts = before->alerts;
          rule->written = before->written;
          rule->restored = before->restored;
          break;
        }
      }
    }
  }
  groups_ = std::move(loaded);
  changed_.notify_all();
}

void RuleManager::start() {
  thread_ = std::thread([this] { run(); });
}

void RuleManager::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void RuleManager::run() {
  for (;;) {
    std::shared_ptr<GroupState> due;
    UnixNanos slot;
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
      UnixNanos now = clock_.now();
      for (auto& group : groups_) {
        // A group is due within its interval, unless the clock was set back: it must not wait until the clock
        // has come as far again.
        if (group->next_slot - now <= group->interval_nanos) continue;
        group->next_slot = group->slot_at_or_before(now) + group->interval_nanos;
        metrics().clock_steps.add();
      }
      auto soonest = std::min_element(groups_.begin(), groups_.end(),
                                      [](auto& a, auto& b) { return a->next_slot < b->next_slot; });
      if (soonest == groups_.end() || (*soonest)->next_slot > now) {
        int64_t wait = soonest == groups_.end() ? kNanosPerSecond : (*soonest)->next_slot - now;
        lock.wait_for(changed_, std::chrono::nanoseconds(std::min<int64_t>(wait, kNanosPerSecond)));
        continue;
      }
      due = *soonest;
      slot = due->slot_at_or_before(now);
      int64_t missed = (slot - due->next_slot) / due->interval_nanos;
      if (missed > 0) metrics().missed.add(static_cast<uint64_t>(missed));
      due->next_slot = slot + due->interval_nanos;
    }
    evaluate(*due, slot);
  }
}

void RuleManager::evaluate_all(UnixNanos time) {
  std::vector<std::shared_ptr<GroupState>> groups;
  {
    MutexLock lock(mutex_);
    groups = groups_;
  }
  for (auto& group : groups) evaluate(*group, time);
}

void RuleManager::evaluate(GroupState& group, UnixNanos time) {
  auto start = std::chrono::steady_clock::now();
  MutexLock lock(group.mutex);
  for (auto& rule : group.rules) {
    auto rule_start = std::chrono::steady_clock::now();
    metrics().evaluations.add();
    Result<void> result = evaluate_rule(group, *rule, time);
    rule->health = result.ok() ? RuleHealth::ok : RuleHealth::error;
    if (!result.ok()) {
      metrics().failures.add();
      if (rule->last_error != result.error().message) {
        log_warning("rules", fmt::format("{} / {}: {}", group.group.name, rule->rule.name,
                                         result.error().to_string()));
      }
    }
    rule->last_error = result.ok() ? "" : result.error().message;
    rule->last_evaluation = time;
    rule->evaluation_seconds = seconds_since(rule_start);
  }
  group.last_evaluation = time;
  group.evaluation_seconds = seconds_since(start);
  metrics().seconds.observe_seconds(group.evaluation_seconds);
}

Result<void> RuleManager::evaluate_rule(GroupState& group, RuleState& state, UnixNanos time) {
  Budget budget(options_.query_memory_bytes_max);
  Cancel cancel(Cancel::Clock::now() +
                std::chrono::nanoseconds(std::max<int64_t>(group.interval_nanos, 10 * kNanosPerSecond)));
  const Tenant& tenant = group.group.tenant;
  const RuleEvaluator& evaluator = rule_evaluator(group.group.language);
  OBELISK_TRY(Snapshot at, reader_.snapshot(tenant));
  QueryContext context{reader_, tenant, at, budget, cancel};
  RuleInstant instant{time - group.group.query_offset_nanos, group.window_of(state.rule)};
  if (!state.restored) OBELISK_CHECK_OK(restore(group, state, context, time));
  OBELISK_TRY(RuleVector vector, evaluator.evaluate(context, state.rule.expression, instant));
  if (group.group.limit != 0 && vector.samples.size() > group.group.limit) {
    return make_error(ErrorCode::execution, fmt::format("exceeded limit of {} with {} elements",
                                                        group.group.limit, vector.samples.size()));
  }
  auto query = [&](std::string_view text) -> Result<SampleVector> {
    OBELISK_TRY(RuleVector found, evaluator.evaluate(context, text, instant));
    return std::move(found.samples);
  };
  OBELISK_TRY(RuleOutput output, outcome_of(group, state, time, std::move(vector), query));
  Result<void> stored = store(tenant, state, instant.time, std::move(output));
  // A full disk must not keep an alert from going out.
  if (state.rule.kind == Rule::Kind::alerting) notify(group, state, time);
  return stored;
}

Result<RuleOutput> RuleManager::outcome_of(
    GroupState& group, RuleState& state, UnixNanos time, RuleVector vector,
    const std::function<Result<SampleVector>(std::string_view)>& query) {
  std::map<std::string, std::string> rule_labels = group.group.labels;
  for (const auto& [name, value] : state.rule.labels) rule_labels[name] = value;
  std::vector<const RuleExemplar*> exemplars = exemplars_by_element(vector);

  if (state.rule.kind == Rule::Kind::recording) return recorded_output(state.rule, rule_labels, vector);

  RuleOutput output;
  std::vector<Alert> elements;
  std::map<Labels, const RuleExemplar*> found;  // also tells labels that stand twice
  for (size_t i = 0; i < vector.samples.size(); ++i) {
    const VectorSample& sample = vector.samples[i];
    Labels sample_labels = sample.labels;
    sample_labels.remove(kMetricNameLabel);
    AlertTemplateData data{sample_labels,
                           sample.histogram ? sample.histogram->count : sample.value,
                           time,
                           options_.external_labels,
                           options_.external_url,
                           query,
                           exemplars[i] == nullptr ? "" : exemplars[i]->trace_id.to_hex()};
    Alert alert;
    alert.labels = sample_labels;
    for (const auto& [name, text] : rule_labels) alert.labels.set(name, expand_alert_template(text, data));
    alert.labels.set("alertname", state.rule.name);
    for (const auto& [name, text] : state.rule.annotations)
      alert.annotations[name] = expand_alert_template(text, data);
    alert.value = data.value;
    if (!found.emplace(alert.labels, exemplars[i]).second) {
      return make_error(ErrorCode::execution,
                        "vector contains metrics with the same labelset after applying alert labels");
    }
    elements.push_back(std::move(alert));
  }
  state.alerts.update(time, std::move(elements));
  for (const Alert& alert : state.alerts.active()) {
    auto exemplar = found.find(alert.labels);
    std::vector<std::pair<Labels, double>> series = alert_series(alert);
    if (exemplar != found.end() && exemplar->second != nullptr)
      output.exemplars.emplace_back(series[0].first, *exemplar->second);
    for (auto& one : series) output.series.push_back(std::move(one));
  }
  return output;
}

Result<void> RuleManager::restore(const GroupState& group, RuleState& state, const QueryContext& context,
                                  UnixNanos time) {
  if (state.rule.kind == Rule::Kind::alerting) {
    OBELISK_TRY(std::vector<StoredAlert> stored, find_stored_alerts(context, state.rule, time));
    for (const StoredAlert& alert : stored) {
      // What it wrote before the restart becomes stale when it does not go on.
      Alert before = restored_alert(alert, state.rule, group.interval_nanos, time);
      for (auto& [labels, value] : alert_series(before)) state.written.insert(labels);
      state.alerts.restore(std::move(before));
    }
  }
  state.restored = true;
  return {};
}

Result<void> RuleManager::store(const Tenant& tenant, RuleState& rule, UnixNanos time, RuleOutput output) {
  auto& series = output.series;
  std::sort(series.begin(), series.end(), [](auto& a, auto& b) { return a.first < b.first; });
  for (size_t i = 1; i < series.size(); ++i) {
    if (series[i].first == series[i - 1].first) {
      return make_error(ErrorCode::execution,
                        "vector contains metrics with the same labelset after applying rule labels");
    }
  }
  std::set<Labels> written;
  BatchBuilder builder(Table::samples);
  UnixNanos whole_millis = UnixNanos::from_millis(time.to_millis());
  auto add = [&](const Labels& labels, double value) {
    std::vector<LabelRef> view = labels.view();
    builder.begin_group_copy(view);
    builder.add_row(whole_millis);
    builder.set_float(Scope::fixed, column::kValue, value);
  };
  for (const auto& [labels, value] : series) {
    add(labels, value);
    written.insert(labels);
  }
  for (const Labels& labels : rule.written) {
    if (!written.contains(labels)) add(labels, stale_marker());
  }
  if (builder.row_count() == 0) return {};
  std::vector<Batch> batches;
  batches.push_back(builder.finish());
  if (!output.exemplars.empty()) batches.push_back(exemplar_rows(output.exemplars));
  auto done = std::make_shared<std::promise<Result<IntakeOutcome>>>();
  std::future<Result<IntakeOutcome>> outcome = done->get_future();
  intake_.write(tenant, std::move(batches),
                [done](Result<IntakeOutcome> result) { done->set_value(std::move(result)); });
  OBELISK_TRY(IntakeOutcome stored, outcome.get());
  rule.written = std::move(written);
  if (stored.rejected_rows != 0) return make_error(ErrorCode::execution, "series refused: " + stored.message);
  return {};
}

namespace {

// Where the expression can be looked at: Prometheus' path for PromQL, as receivers know it.
std::string generator_url(RuleLanguage language, const std::string& external_url,
                          std::string_view expression) {
  std::string query = percent_encode(expression);
  if (language == RuleLanguage::logql) return fmt::format("{}/ui/logs?q={}", external_url, query);
  if (language == RuleLanguage::traceql) return fmt::format("{}/ui/traces?q={}", external_url, query);
  return fmt::format("{}/graph?g0.expr={}&g0.tab=1", external_url, query);
}

}  // namespace

void RuleManager::notify(const GroupState& group, const RuleState& rule, UnixNanos time) {
  if (!sink_) return;
  std::vector<FiredAlert> fired;
  for (const auto& [labels, alert] : rule.alerts.alerts()) {
    if (alert.phase == AlertPhase::pending) continue;
    FiredAlert out;
    out.labels = labels;
    for (const Label& label : options_.external_labels) {
      if (!out.labels.has(label.name)) out.labels.set(label.name, label.value);
    }
    out.annotations = alert.annotations;
    out.starts_at = alert.fired_at;
    out.resolved = alert.phase == AlertPhase::inactive;
    // Firing alerts end by themselves when four evaluations in a row did not repeat them.
    out.ends_at = out.resolved ? alert.resolved_at
                               : time + 4 * std::max<int64_t>(group.interval_nanos, 60 * kNanosPerSecond);
    out.generator_url = generator_url(group.group.language, options_.external_url, rule.rule.expression);
    fired.push_back(std::move(out));
  }
  if (!fired.empty()) sink_(std::move(fired));
}

std::vector<RuleGroupStatus> RuleManager::status() const {
  std::vector<std::shared_ptr<GroupState>> groups;
  {
    MutexLock lock(mutex_);
    groups = groups_;
  }
  std::vector<RuleGroupStatus> result;
  for (auto& group : groups) {
    MutexLock lock(group->mutex);
    RuleGroupStatus status{group->group.name,      group->group.file,         group->group.language,
                           group->group.tenant,    group->interval_nanos,     group->group.limit,
                           group->last_evaluation, group->evaluation_seconds, {}};
    for (auto& rule : group->rules) {
      status.rules.push_back({rule->rule, rule->health, rule->last_error, rule->last_evaluation,
                              rule->evaluation_seconds, rule->alerts.active()});
    }
    result.push_back(std::move(status));
  }
  return result;
}

}  // namespace obelisk::rules
