#include "store/request_log.h"

#include "store/database.h"
#include "store/statement.h"
#include "store/store_error.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace kdq {

std::string_view to_text(RequestOutcome outcome) {
  switch (outcome) {
  case RequestOutcome::accepted:
    return "accepted";
  case RequestOutcome::report:
    return "report";
  case RequestOutcome::refused:
    return "refused";
  case RequestOutcome::unknown:
    return "unknown";
  case RequestOutcome::damaged:
    return "damaged";
  case RequestOutcome::unanswered:
    return "unanswered";
  case RequestOutcome::not_sent:
    return "not_sent";
  case RequestOutcome::lost:
    return "lost";
  }
  assert(false);
  return "";
}

namespace {

std::string name_of(const Intent& intent) {
  return "job " + std::to_string(intent.job.value);
}

} // namespace

struct RequestLog::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  bool any_parts = false; ///< may be in reply_parts: long replies are rare, and a DELETE costs
  // A row that somebody else has put there is none of ours.
  Statement begin{db, "INSERT OR REPLACE INTO in_flight(job_id, attempt, endpoint, sent_at, rev) "
                      "VALUES (?1, ?2, ?3, ?4, ?5)"};
  Statement end{db, "DELETE FROM in_flight WHERE job_id = ?1 AND attempt = ?2 AND endpoint = ?3 "
                    "AND sent_at = ?4 AND rev = ?5"};
  Statement is_open{db, "SELECT 1 FROM in_flight WHERE job_id = ?1 AND attempt = ?2 "
                        "AND endpoint = ?3 AND sent_at = ?4 AND rev = ?5"};
  Statement end_parts{db, "DELETE FROM reply_parts WHERE job_id = ?1 AND attempt = ?2"};
  Statement advance{db,
                    "INSERT INTO reply_parts(job_id, attempt, sent_at, entries) "
                    "SELECT job_id, attempt, sent_at, ?6 FROM in_flight "
                    "WHERE job_id = ?1 AND attempt = ?2 AND endpoint = ?3 AND sent_at = ?4 "
                    "  AND rev = ?5 "
                    "ON CONFLICT (job_id, attempt) DO UPDATE SET entries = excluded.entries + "
                    "  iif(sent_at = excluded.sent_at, max(0, min(entries, 1000000000000)), 0), "
                    "sent_at = excluded.sent_at"};
  Statement record{db, "INSERT INTO requests(job_id, attempt, endpoint, sent_at, answered_at, "
                       "http_status, outcome, body) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, 0), ?7, nullif(?8, x''))"};
  // Of a job that was queued again since, only its accepted start tells when the attempt began.
  Statement in_flight{db, "SELECT f.job_id, f.attempt, f.endpoint, f.sent_at, f.rev, "
                          "coalesce(j.submitted_at, (SELECT max(r.sent_at) FROM requests AS r "
                          "  WHERE r.job_id = f.job_id AND r.attempt = f.attempt "
                          "    AND r.endpoint = 'submit' AND r.outcome = 'accepted')), "
                          "j.reported_at, coalesce(p.entries, 0) "
                          "FROM in_flight AS f "
                          "LEFT JOIN reply_parts AS p ON p.job_id = f.job_id "
                          "  AND p.attempt = f.attempt AND p.sent_at = f.sent_at "
                          "LEFT JOIN jobs AS j ON j.id = f.job_id AND j.attempt = f.attempt "
                          "ORDER BY f.sent_at, f.job_id"};
};

RequestLog::RequestLog(Database& database) : impl_(std::make_unique<Impl>(database.connection())) {}
RequestLog::~RequestLog() = default;

void RequestLog::begin(const Intent& intent) {
  if (impl_->begin.run(intent.job, intent.attempt, intent.endpoint, intent.sent_at, intent.rev) !=
      1)
    throw_ignored(impl_->db, "in_flight", name_of(intent));
}

bool RequestLog::end(const Intent& intent) {
  if (impl_->end.run(intent.job, intent.attempt, intent.endpoint, intent.sent_at, intent.rev) ==
      1) {
    if (impl_->any_parts)
      impl_->end_parts.run(intent.job, intent.attempt);
    return true;
  }
  if (impl_->is_open.integer(intent.job, intent.attempt, intent.endpoint, intent.sent_at,
                             intent.rev))
    throw_ignored(impl_->db, "in_flight", name_of(intent));
  return false;
}

bool RequestLog::advance(const Intent& intent, std::size_t entries) {
  impl_->any_parts = true;
  if (impl_->advance.run(intent.job, intent.attempt, intent.endpoint, intent.sent_at, intent.rev,
                         static_cast<std::int64_t>(entries)) == 1)
    return true;
  if (impl_->is_open.integer(intent.job, intent.attempt, intent.endpoint, intent.sent_at,
                             intent.rev))
    throw_ignored(impl_->db, "reply_parts", name_of(intent));
  return false;
}

void RequestLog::record(const RequestRecord& record) {
  const Intent& intent = record.intent;
  if (impl_->record.run(intent.job, intent.attempt, intent.endpoint, intent.sent_at,
                        record.answered_at, record.http_status, record.outcome,
                        Bytes{record.body}) != 1)
    throw_ignored(impl_->db, "requests", name_of(intent));
}

std::vector<OpenRequest> RequestLog::in_flight() {
  std::vector<OpenRequest> requests;
  impl_->in_flight.each([&](SQLite::Statement& row) {
    const std::int64_t attempt = row.getColumn(1).getInt64();
    const auto sent_at = parse_time(row.getColumn(3).getString());
    if (!sent_at || attempt < 1 || attempt > std::numeric_limits<int>::max())
      return true; // not written by us: a row of ours cannot be changed
    OpenRequest& request = requests.emplace_back();
    Intent& intent = request.intent;
    intent.job = JobId{row.getColumn(0).getInt64()};
    intent.attempt = static_cast<int>(attempt);
    intent.endpoint = endpoint_of(row.getColumn(2).getString()).value_or(Endpoint::status);
    intent.sent_at = *sent_at;
    intent.rev = row.getColumn(4).getInt64();
    request.log_begins = parse_time(row.getColumn(5).getString()).value_or(intent.sent_at);
    request.log_complete_until =
        parse_time(row.getColumn(6).getString()).value_or(request.log_begins);
    request.entries_stored =
        static_cast<std::size_t>(std::max<std::int64_t>(0, row.getColumn(7).getInt64()));
    impl_->any_parts = impl_->any_parts || request.entries_stored > 0;
    return true;
  });
  return requests;
}

} // namespace kdq
