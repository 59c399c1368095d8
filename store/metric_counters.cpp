#include "store/metric_counters.h"

#include "store/database.h"
#include "store/request_log.h"
#include "store/statement.h"

#include <algorithm>
#include <array>
#include <vector>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// counters.name
constexpr char jobs_finished[] = "jobs_finished";
constexpr char job_run_seconds[] = "job_run_seconds";
constexpr char end_seen_delay_seconds[] = "end_seen_delay_seconds";
constexpr char requests[] = "requests";
constexpr char log_gaps[] = "log_gaps";

/// Of both histograms, so that a delay can be compared with a run time.
struct Bucket {
  std::chrono::milliseconds most; ///< that fall into it
  const char* label;              ///< the same in seconds, as metrics write it
};
constexpr std::array buckets{
    Bucket{100ms, "0.1"},  Bucket{250ms, "0.25"}, Bucket{500ms, "0.5"},
    Bucket{1s, "1"},       Bucket{2500ms, "2.5"}, Bucket{5s, "5"},
    Bucket{10s, "10"},     Bucket{30s, "30"},     Bucket{1min, "60"},
    Bucket{2min, "120"},   Bucket{5min, "300"},   Bucket{10min, "600"},
    Bucket{30min, "1800"}, Bucket{1h, "3600"},    Bucket{std::chrono::milliseconds::max(), "+Inf"}};

// Longer than any script may run: what is more comes from a clock that was set.
constexpr std::chrono::milliseconds longest_span = 24h * 366;

constexpr std::array ends{JobState::succeeded, JobState::failed, JobState::timed_out,
                          JobState::cancelled};
constexpr std::array outcomes{RequestOutcome::refused, RequestOutcome::damaged,
                              RequestOutcome::unanswered, RequestOutcome::not_sent,
                              RequestOutcome::lost};

/// A row's key and by how much it grows. The words are literals: they are told apart by where they
/// stand, and one that stands twice only costs a second statement.
struct Change {
  const char* name = "";
  const char* label = "";
  const char* outcome = "";
  std::string app;
  std::int64_t value = 0;
  std::int64_t sum_ms = 0;
};

} // namespace

struct MetricCounters::Impl {
  explicit Impl(Database& database) : owner(database), db(database.connection()) {
    owner.at_commit(
        this, [this] { write(); }, [this] { changes.clear(); });
  }
  ~Impl() { owner.at_commit(this, nullptr, nullptr); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Database& owner;
  SQLite::Database& db;
  std::vector<Change> changes; ///< of this transaction: few, so they are looked for one by one

  // Users may write this table too: beyond some number nothing is counted on.
  Statement add{db,
                "INSERT INTO counters(app, name, label, outcome, value, sum_ms) VALUES "
                "(iif(EXISTS (SELECT 1 FROM apps WHERE name = ?1), ?1, ''), ?2, ?3, ?4, ?5, ?6) "
                "ON CONFLICT DO UPDATE SET value = min(value, 1000000000000000) + ?5, "
                "sum_ms = min(sum_ms, 1000000000000000) + ?6"};
  Statement begin{db, "INSERT INTO counters(app, name, label, outcome) VALUES (?1, ?2, ?3, ?4) "
                      "ON CONFLICT DO NOTHING"};

  void count(const std::string& app, const char* name, const char* label, const char* outcome,
             std::int64_t value, std::int64_t sum_ms = 0);
  void observe(const std::string& app, const char* name, std::chrono::milliseconds span);
  void write();
  void begin_app(const std::string& app);
};

void MetricCounters::Impl::count(const std::string& app, const char* name, const char* label,
                                 const char* outcome, std::int64_t value, std::int64_t sum_ms) {
  auto found = std::find_if(changes.begin(), changes.end(), [&](const Change& change) {
    return change.name == name && change.label == label && change.outcome == outcome &&
           change.app == app;
  });
  if (found == changes.end())
    found = changes.insert(found, Change{name, label, outcome, app, 0, 0});
  found->value += value;
  found->sum_ms += sum_ms;
}

void MetricCounters::Impl::observe(const std::string& app, const char* name,
                                   std::chrono::milliseconds span) {
  span = std::clamp(span, 0ms, longest_span);
  const auto* bucket = std::find_if(buckets.begin(), buckets.end(),
                                    [&](const Bucket& each) { return span <= each.most; });
  count(app, name, bucket->label, "", 1, span.count());
}

void MetricCounters::Impl::write() {
  for (const Change& change : changes)
    if (change.value != 0)
      add.run(change.app, std::string(change.name), std::string(change.label),
              std::string(change.outcome), change.value, change.sum_ms);
  changes.clear();
}

void MetricCounters::Impl::begin_app(const std::string& app) {
  const auto row = [&](const char* name, std::string_view label, std::string_view outcome) {
    begin.run(app, std::string(name), std::string(label), std::string(outcome));
  };
  for (const JobState end : ends)
    row(jobs_finished, to_text(end), "");
  for (const Bucket& bucket : buckets) {
    row(job_run_seconds, bucket.label, "");
    row(end_seen_delay_seconds, bucket.label, "");
  }
  row(requests, to_text(Endpoint::submit), to_text(RequestOutcome::accepted));
  row(requests, to_text(Endpoint::submit), to_text(RequestOutcome::unknown));
  row(requests, to_text(Endpoint::status), to_text(RequestOutcome::report));
  for (const Endpoint endpoint : {Endpoint::submit, Endpoint::status})
    for (const RequestOutcome outcome : outcomes)
      row(requests, to_text(endpoint), to_text(outcome));
}

MetricCounters::MetricCounters(Database& database) : impl_(std::make_unique<Impl>(database)) {}
MetricCounters::~MetricCounters() = default;

void MetricCounters::job_finished(const std::string& app, JobState end) {
  impl_->count(app, jobs_finished, to_text(end).data(), "", 1);
}

void MetricCounters::job_goes_on(const std::string& app, JobState end) {
  impl_->count(app, jobs_finished, to_text(end).data(), "", -1);
}

void MetricCounters::job_ran(const std::string& app, std::chrono::milliseconds span) {
  impl_->observe(app, job_run_seconds, span);
}

void MetricCounters::end_seen(const std::string& app, std::chrono::milliseconds delay) {
  impl_->observe(app, end_seen_delay_seconds, delay);
}

void MetricCounters::request_ended(const std::string& app, Endpoint endpoint,
                                   RequestOutcome outcome) {
  impl_->count(app, requests, to_text(endpoint).data(), to_text(outcome).data(), 1);
}

void MetricCounters::log_gap() {
  impl_->count("", log_gaps, "", "", 1);
}

void MetricCounters::begin_series(std::set<std::string> apps) {
  apps.insert("");
  for (const std::string& app : apps)
    impl_->begin_app(app);
  impl_->begin.run(std::string(), std::string(log_gaps), std::string(), std::string());
}

} // namespace kdq
