#include "api/push/trace_gathering.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "base/self_metrics.h"
#include "net/io_loop.h"
#include "pipeline/pipeline.h"
#include "wire/otlp_traces.h"

namespace obelisk {
namespace {

using std::chrono::nanoseconds;

// What the threads that answer tell the one that gathers.
struct Flight {
  std::atomic<size_t> requests{0};       // stored together, not answered yet
  std::atomic<int64_t> answer_nanos{0};  // from the last ones' submission to their answers
};

void count_gathered(size_t requests) {
  static Counter& groups = counter("obelisk_push_gathered_groups_total",
                                   "Groups of small requests of spans that were taken as one.");
  static Counter& gathered =
      counter("obelisk_push_gathered_requests_total", "Small requests of spans that were taken with others.");
  groups.add();
  gathered.add(requests);
}

}  // namespace

// Of one network thread.
class TraceGathering::OfLoop {
 public:
  OfLoop(Pipeline& pipeline, IoLoop& loop) : pipeline_(pipeline), loop_(loop) {}

  void add(const Tenant& tenant, TraceRequestPtr request) {
    Company* company = company_of(tenant);
    if (company == nullptr || request->body()->size() > kBytesMax) return request->take_alone();
    if (company->alone_left > 0) {
      --company->alone_left;
      return request->take_alone();
    }
    SteadyTime now = std::chrono::steady_clock::now();
    if (company->waiting.empty()) company->first_came = now;
    company->waiting_bytes += request->body()->size();
    company->waiting.push_back(std::move(request));
    size_t under_way = company->flight->requests + company->waiting.size();
    company->most_under_way = std::max(company->most_under_way, under_way);
    if (company->waiting.size() >= company->expected || company->waiting_bytes >= kBytesMax)
      return send(*company);
    nanoseconds patience(std::min(company->flight->answer_nanos.load(), kWaitMaxNanos));
    company->sent_at = std::min(now + patience, company->first_came + nanoseconds(kWaitMaxNanos));
    if (!company->timer_runs) wake_for(*company);
  }

 private:
  // The requests of a tenant that wait for each other.
  struct Company {
    Tenant tenant;
    std::vector<TraceRequestPtr> waiting;
    size_t waiting_bytes = 0;
    SteadyTime first_came{};
    SteadyTime sent_at{};  // unless more come before
    bool timer_runs = false;
    size_t expected = 1;        // so many are sent without waiting for more
    size_t most_under_way = 0;  // since the last were sent
    size_t alone_left = 0;      // requests that are not gathered
    std::shared_ptr<Flight> flight = std::make_shared<Flight>();

    bool is_idle() const { return waiting.empty() && !timer_runs && flight->requests == 0; }
  };

  // Null when there are too many tenants.
  Company* company_of(const Tenant& tenant) {
    if (auto found = companies_.find(tenant); found != companies_.end()) return &found->second;
    if (companies_.size() >= kTenantsMax)
      std::erase_if(companies_, [](const auto& entry) { return entry.second.is_idle(); });
    if (companies_.size() >= kTenantsMax) return nullptr;
    Company& company = companies_[tenant];
    company.tenant = tenant;
    return &company;
  }

  // A timer that runs out after its requests were sent is not worth stopping: it is asked for again then.
  void wake_for(Company& company) {
    company.timer_runs = true;
    loop_.run_at(company.sent_at, [this, &company] {
      company.timer_runs = false;
      if (company.waiting.empty()) return;
      if (std::chrono::steady_clock::now() < company.sent_at) return wake_for(company);
      send(company);
    });
  }

  void send(Company& company) {
    std::vector<TraceRequestPtr> requests = std::move(company.waiting);
    company.waiting.clear();
    company.waiting_bytes = 0;
    company.expected = std::max<size_t>(1, company.most_under_way);
    company.most_under_way = 0;
    Result<std::vector<Batch>> batches = decode(requests);
    if (!batches.ok()) {
      company.alone_left = kAloneAfterRefusal;
      for (const TraceRequestPtr& request : requests) request->take_alone();
      return;
    }
    for (const TraceRequestPtr& request : requests) request->forget_body();
    company.flight->requests += requests.size();
    if (requests.size() > 1) count_gathered(requests.size());
    write(company, std::move(*batches), std::move(requests));
  }

  Result<std::vector<Batch>> decode(const std::vector<TraceRequestPtr>& requests) const {
    std::vector<std::shared_ptr<const std::string>> bodies;
    bodies.reserve(requests.size());
    for (const TraceRequestPtr& request : requests) bodies.push_back(request->body());
    OBELISK_TRY(std::vector<Batch> batches, decode_otlp_traces_together(bodies));
    if (!pipeline_.takes_all_spans(batches))
      return make_error(ErrorCode::invalid_argument, "a span is refused");
    return batches;
  }

  // Answers are given on this loop, whose connections they are for: one message to it for all.
  void write(Company& company, std::vector<Batch> batches, std::vector<TraceRequestPtr> requests) {
    SteadyTime started = std::chrono::steady_clock::now();
    pipeline_.write(company.tenant, std::move(batches),
                    [flight = company.flight, loop = loop_.weak_from_this(), started,
                     requests = std::move(requests)](Result<IntakeOutcome> outcome) mutable {
                      flight->answer_nanos = nanoseconds(std::chrono::steady_clock::now() - started).count();
                      flight->requests -= requests.size();
                      std::shared_ptr<IoLoop> held = loop.lock();
                      if (!held) return;  // and with it the connections
                      held->post([requests = std::move(requests), outcome = std::move(outcome)] {
                        for (const TraceRequestPtr& request : requests) request->finish(outcome);
                      });
                    });
  }

  Pipeline& pipeline_;
  IoLoop& loop_;
  std::unordered_map<Tenant, Company> companies_;
};

TraceGathering::TraceGathering(Pipeline& pipeline) : pipeline_(pipeline) {}
TraceGathering::~TraceGathering() = default;

void TraceGathering::add(const Tenant& tenant, TraceRequestPtr request) {
  IoLoop* loop = IoLoop::current();
  if (loop == nullptr) return request->take_alone();
  OfLoop* gathering = nullptr;
  {
    MutexLock lock(mutex_);
    std::unique_ptr<OfLoop>& of_loop = loops_[loop];
    if (!of_loop) of_loop = std::make_unique<OfLoop>(pipeline_, *loop);
    gathering = of_loop.get();
  }
  gathering->add(tenant, std::move(request));
}

}  // namespace obelisk
