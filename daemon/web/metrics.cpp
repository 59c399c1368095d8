#include "daemon/web/metrics.h"

#include "daemon/version.h"
#include "store/base/file_io.h"
#include "store/base/unique_fd.h"
#include "store/base/utf8.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

namespace kdq::web {
namespace {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

/// Each schedule is a series of its own: of more than these the rest has none.
constexpr std::int64_t most_schedules = 1000;

/// By its index the queue has them by priority: of more than these not all are looked at, but those
/// that were inserted first are.
constexpr std::int64_t most_ready_seen = 50'000;
constexpr const char* oldest_ready =
    "SELECT min(due) AS due FROM ("
    "SELECT due FROM (SELECT due FROM queue INDEXED BY queue_ready WHERE lane = 'ready' LIMIT ?1) "
    "UNION ALL SELECT due FROM (SELECT due, lane FROM queue ORDER BY job_id LIMIT ?1 / 5) "
    "WHERE lane = 'ready')";

/// As the format wants label values; what is no UTF-8 Prometheus would refuse with all else, and
/// others stop at a NUL.
std::string label_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto bad = invalid_utf8_at(text);
    for (const char c : text.substr(0, bad.value_or(text.size()))) {
      if (c == '\\' || c == '"')
        out += '\\';
      const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
      out += c == '\n' ? std::string("\\n") : std::string(1, is_control ? '?' : c);
    }
    if (!bad)
      break;
    out += '?';
    text.remove_prefix(*bad + 1);
  }
  return out;
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

class Text {
public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = "kdocs_queued_" + std::string(name);
    out_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " " +
            std::string(type) + "\n";
  }
  void sample(const Labels& labels, double value, std::string_view suffix = "") {
    out_ += name_ + std::string(suffix);
    char before = '{';
    for (const auto& [label, text] : labels) {
      out_ += before + std::string(label) + "=\"" + label_text(text) + "\"";
      before = ',';
    }
    out_ += (labels.empty() ? " " : "} ") + number_text(value) + "\n";
  }
  std::string take() { return std::move(out_); }

private:
  std::string name_;
  std::string out_;
};

/// Seconds since 1970, or nothing for what is no time.
std::optional<double> seconds_of(const std::string& text) {
  const auto time = parse_time(text);
  if (!time)
    return std::nullopt;
  return static_cast<double>(time->time_since_epoch().count()) / 1000;
}

void add_time(Text& text, const Labels& labels, const std::string& time) {
  if (const auto seconds = seconds_of(time))
    text.sample(labels, *seconds);
}

void add_jobs(Text& text, Reader::Snapshot& snapshot, WallTime now) {
  text.family("jobs", "gauge", "Jobs that have not ended; running: being started as well.");
  for (const Row& row : snapshot.rows("SELECT state, jobs FROM job_counts"))
    text.sample({{"state", row.text("state")}}, row.number("jobs"));
  text.family("oldest_ready_seconds", "gauge",
              "How long the oldest job has been due that could be started.");
  const auto oldest = snapshot.row(oldest_ready, {most_ready_seen});
  const auto due = oldest ? seconds_of(oldest->text("due")) : std::nullopt;
  const double since = due ? static_cast<double>(now.time_since_epoch().count()) / 1000 - *due : 0;
  text.sample({}, since > 0 ? since : 0);
}

void add_counters(Text& text, Reader::Snapshot& snapshot) {
  text.family("jobs_finished_total", "counter",
              "Ends of jobs; one that is run again counts again.");
  for (const Row& row :
       snapshot.rows("SELECT app, label, value FROM counters WHERE name = 'jobs_finished'"))
    text.sample({{"app", row.text("app")}, {"state", row.text("label")}}, row.number("value"));
  text.family("requests_total", "counter", "Requests to KDocs.");
  for (const Row& row :
       snapshot.rows("SELECT app, label, outcome, value FROM counters WHERE name = 'requests'"))
    text.sample({{"app", row.text("app")},
                 {"endpoint", row.text("label")},
                 {"outcome", row.text("outcome")}},
                row.number("value"));
  text.family("log_gaps_total", "counter", "Places in logs where lines may be missing.");
  const auto gaps =
      snapshot.row("SELECT coalesce(sum(value), 0) AS gaps FROM counters WHERE name = 'log_gaps'");
  text.sample({}, gaps->number("gaps"));
}

/// The rows are buckets, each alone; the format wants each with all below it.
void add_histogram(Text& text, Reader::Snapshot& snapshot, const std::string& name,
                   std::string_view help) {
  text.family(name, "histogram", help);
  double count = 0;
  double sum_ms = 0;
  std::string app;
  bool any = false;
  const auto end = [&] {
    if (!any)
      return;
    text.sample({{"app", app}, {"le", "+Inf"}}, count, "_bucket");
    text.sample({{"app", app}}, sum_ms / 1000, "_sum");
    text.sample({{"app", app}}, count, "_count");
  };
  for (const Row& row :
       snapshot.rows("SELECT app, label, value, sum_ms FROM counters WHERE name = ?1 "
                     "ORDER BY app, label = '+Inf', CAST(label AS REAL)",
                     {name})) {
    if (std::exchange(any, true) && app != row.text("app")) {
      end();
      count = sum_ms = 0;
    }
    app = row.text("app");
    count += row.number("value");
    sum_ms += row.number("sum_ms");
    if (row.text("label") != "+Inf")
      text.sample({{"app", app}, {"le", row.text("label")}}, count, "_bucket");
  }
  end();
}

void add_apps(Text& text, Reader::Snapshot& snapshot) {
  const auto quotas = snapshot.rows("SELECT app, endpoint, used, allowed FROM quota_today");
  text.family("quota_used", "gauge", "Requests of today's quota that are spent.");
  for (const Row& row : quotas)
    text.sample({{"app", row.text("app")}, {"endpoint", row.text("endpoint")}}, row.number("used"));
  text.family("quota_limit", "gauge", "Requests that a day has.");
  for (const Row& row : quotas)
    text.sample({{"app", row.text("app")}, {"endpoint", row.text("endpoint")}},
                row.number("allowed"));
  const auto apps = snapshot.rows("SELECT name, token_expires_at, state = 'ready' AND "
                                  "(SELECT stopped_at FROM daemon) IS NULL AS up FROM apps");
  text.family("app_up", "gauge",
              "1: the app sends; 0: it waits or is blocked, or the daemon is stopped.");
  for (const Row& row : apps)
    text.sample({{"app", row.text("name")}}, row.number("up"));
  text.family("token_expires_timestamp_seconds", "gauge",
              "When the access token ends; the daemon renews it before.");
  for (const Row& row : apps)
    add_time(text, {{"app", row.text("name")}}, row.text("token_expires_at"));
}

void add_rest(Text& text, Reader::Snapshot& snapshot) {
  text.family("schedule_last_success_timestamp_seconds", "gauge",
              "When a job of the schedule has succeeded last.");
  for (const Row& row :
       snapshot.rows("SELECT name, last_success_at FROM schedules LIMIT ?1", {most_schedules}))
    add_time(text, {{"schedule", row.text("name")}}, row.text("last_success_at"));
  text.family("backup_last_success_timestamp_seconds", "gauge",
              "When the last good backup was made.");
  if (const auto row = snapshot.row("SELECT made_at FROM backup"))
    add_time(text, {}, row->text("made_at"));
  text.family("health_problems", "gauge", "Rows of the view health: what a person should know.");
  text.sample({}, snapshot.row("SELECT count(*) AS rows FROM health")->number("rows"));
  text.family("build_info", "gauge", "The versions of the page and of the daemon that ran last.");
  const auto daemon = snapshot.row("SELECT version FROM daemon");
  text.sample({{"version", std::string(version)},
               {"daemon_version", daemon ? daemon->text("version") : std::string()}},
              1);
}

} // namespace

std::string metrics_text(Reader& reader, WallTime now) {
  Text text;
  reader.read([&](Reader::Snapshot& snapshot) {
    add_jobs(text, snapshot, now);
    add_counters(text, snapshot);
    add_histogram(text, snapshot, "job_run_seconds", "How long scripts ran.");
    add_histogram(text, snapshot, "end_seen_delay_seconds",
                  "How long after its end a script was seen to have ended.");
    add_apps(text, snapshot);
    add_rest(text, snapshot);
  });
  return text.take();
}

void write_metrics_file(const std::filesystem::path& file, const std::string& text) {
  const auto fail = [&] {
    throw std::runtime_error("cannot write " + file.string() + " (" + std::strerror(errno) + ")");
  };
  const std::string next = file.string() + ".next"; // the collector reads *.prom only
  const UniqueFd fd(
      ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd || ::fchmod(fd.get(), 0644) != 0 || !write_all(fd.get(), text) ||
      std::rename(next.c_str(), file.c_str()) != 0)
    fail();
}

std::string probe(Reader& reader) {
  std::string trouble;
  reader.read([&](Reader::Snapshot& snapshot) {
    const auto row = snapshot.row("SELECT message FROM health WHERE subject = 'daemon'");
    if (row)
      trouble = row->text("message");
  });
  return trouble;
}

} // namespace kdq::web
