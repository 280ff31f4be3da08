#pragma once
// Evaluates rule groups on their intervals: recorded series and ALERTS go through the intake, alerts to a
// sink.
//
// Each group starts at an offset that is a hash of its identity, and evaluation timestamps are exact
// multiples of the interval from there (slot time), so that results line up however late the thread is. An
// evaluation that overruns makes whole iterations be missed, which is counted. Rules of a group run in order
// at one timestamp, each after the last one's series are stored, so that a later rule sees what an earlier
// one recorded. A series a rule wrote last time and not now gets a stale marker.
//
// Exemplars of elements (TraceQL) are stored with what a recording rule writes, and with the ALERTS series of
// the alert they led to.
//
// One thread evaluates all groups; the API reads state under a lock from any thread. Alert state survives a
// restart: before a rule's first evaluation its alerts are read back from the series they wrote
// (alert_restore.h). Expressions are evaluated by the group's language for the group's tenant.
#include <condition_variable>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/thread_annotations.h"
#include "env/clock.h"
#include "ingest/intake.h"
#include "query/core/query_context.h"
#include "rules/alert_state.h"
#include "rules/rule_file.h"
#include "rules/rule_output.h"
#include "storage/reader.h"

namespace obelisk::rules {

// What an alert looks like to the notification side.
struct FiredAlert {
  Labels labels;
  std::map<std::string, std::string> annotations;
  UnixNanos starts_at;
  UnixNanos ends_at;  // in the future while firing
  bool resolved = false;
  std::string generator_url;
};
using AlertSink = std::function<void(std::vector<FiredAlert>)>;

struct RuleManagerOptions {
  int64_t default_interval_nanos = 60 * kNanosPerSecond;
  std::string external_url = "http://127.0.0.1:4319";
  Labels external_labels;
  uint64_t query_memory_bytes_max = 256u << 20;
};

enum class RuleHealth : uint8_t { unknown, ok, error };

// Copies for the API.
struct RuleStatus {
  Rule rule;
  RuleHealth health = RuleHealth::unknown;
  std::string last_error;
  UnixNanos last_evaluation;
  double evaluation_seconds = 0;
  std::vector<Alert> alerts;  // active ones
};
struct RuleGroupStatus {
  std::string name;
  std::string file;
  RuleLanguage language = RuleLanguage::promql;
  Tenant tenant = kDefaultTenant;
  int64_t interval_nanos = 0;
  uint64_t limit = 0;
  UnixNanos last_evaluation;
  double evaluation_seconds = 0;
  std::vector<RuleStatus> rules;
};

class RuleManager {
 public:
  RuleManager(Reader& reader, Intake& intake, const Clock& clock, RuleManagerOptions options, AlertSink sink);
  ~RuleManager();

  // Replaces the groups. A group that stands in both keeps the alert states of rules with the same
  // definition.
  void load(std::vector<RuleGroup> groups);
  void start();
  void stop();

  std::vector<RuleGroupStatus> status() const;
  // One evaluation of every group at `time`, on the caller's thread: for tests and for the timer.
  void evaluate_all(UnixNanos time);

 private:
  struct RuleState;
  struct GroupState;

  void run();
  void evaluate(GroupState& group, UnixNanos time);
  Result<void> evaluate_rule(GroupState& group, RuleState& rule, UnixNanos time);
  Result<void> restore(const GroupState& group, RuleState& rule, const QueryContext& context, UnixNanos time);
  Result<RuleOutput> outcome_of(GroupState& group, RuleState& state, UnixNanos time, RuleVector vector,
                                const std::function<Result<SampleVector>(std::string_view)>& query);
  Result<void> store(const Tenant& tenant, RuleState& rule, UnixNanos time, RuleOutput output);
  void notify(const GroupState& group, const RuleState& rule, UnixNanos time);

  Reader& reader_;
  Intake& intake_;
  const Clock& clock_;
  const RuleManagerOptions options_;
  const AlertSink sink_;

  mutable Mutex mutex_;  // guards the list and the parts of the states that status() copies
  std::condition_variable changed_;
  std::vector<std::shared_ptr<GroupState>> groups_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace obelisk::rules
