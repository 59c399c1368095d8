#include "poller/api/kdocs_errors.h"

#include "poller/api/number_in.h"
#include "store/base/utf8.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace kdq::kdocs_api {
namespace {

constexpr std::size_t max_quoted_bytes = 300;
constexpr std::size_t max_name_bytes = 60;
/// Below, requests would go as fast as replies come.
constexpr std::chrono::seconds shortest_retry_after{1};

struct CodeRow {
  std::int64_t code;
  std::string_view name; ///< empty: the reply's own name is used
  ErrorClass on_submit;
  ErrorClass on_poll;
};

/// The vendor's shared table of codes.
constexpr std::array code_table{
    CodeRow{-1, "Unknown", ErrorClass::unknown_if_ran, ErrorClass::retry},
    CodeRow{10001, "InvalidArgument", ErrorClass::job_fails, ErrorClass::task_gone},
    CodeRow{10002, "Timeout", ErrorClass::unknown_if_ran, ErrorClass::retry},
    // permission, app, scope, signature, account
    CodeRow{10003, "", ErrorClass::blocked, ErrorClass::blocked},
    CodeRow{20002, "", ErrorClass::blocked, ErrorClass::blocked},
    CodeRow{20003, "", ErrorClass::blocked, ErrorClass::blocked},
    CodeRow{20004, "", ErrorClass::blocked, ErrorClass::blocked},
    CodeRow{20005, "", ErrorClass::blocked, ErrorClass::blocked},
    CodeRow{20006, "", ErrorClass::blocked, ErrorClass::blocked},
    CodeRow{20007, "AccessTokenInvalid", ErrorClass::token, ErrorClass::token},
    CodeRow{30003, "", ErrorClass::blocked, ErrorClass::blocked},
    CodeRow{30005, "", ErrorClass::blocked, ErrorClass::blocked},
    CodeRow{30007, "", ErrorClass::blocked, ErrorClass::blocked},
    CodeRow{30001, "UserUnauthorized", ErrorClass::token, ErrorClass::token},
    CodeRow{30002, "RateLimiter", ErrorClass::pause, ErrorClass::pause},
    CodeRow{30004, "InternalError", ErrorClass::unknown_if_ran, ErrorClass::retry},
    CodeRow{30010, "TooManyTask", ErrorClass::later, ErrorClass::later},
    CodeRow{40008, "AccountUpgrading", ErrorClass::later, ErrorClass::later},
    // the file, and the execution in it
    CodeRow{30006, "", ErrorClass::job_fails, ErrorClass::job_fails},
    CodeRow{30008, "", ErrorClass::job_fails, ErrorClass::job_fails},
    CodeRow{30009, "", ErrorClass::job_fails, ErrorClass::job_fails},
    CodeRow{30011, "", ErrorClass::job_fails, ErrorClass::job_fails},
    CodeRow{30012, "", ErrorClass::job_fails, ErrorClass::job_fails},
    CodeRow{30014, "", ErrorClass::job_fails, ErrorClass::job_fails},
    CodeRow{30015, "", ErrorClass::job_fails, ErrorClass::job_fails},
    CodeRow{30016, "", ErrorClass::job_fails, ErrorClass::job_fails},
};

struct HttpRow {
  int first;
  int last;
  ErrorClass on_submit;
  ErrorClass on_poll;
  std::string_view submit_hint;
  std::string_view poll_hint;
};

/// For replies whose body says nothing; the first row that fits counts.
///
/// A submit is sent again only where nothing can have run. 503 refuses before it acts. Every other
/// 5xx may come from a gateway that had passed the request on (502, 504, 520, 524) or from a
/// service that fell over halfway (500): asking a person costs less than a script that runs twice.
/// The same holds for 408, which a gateway may send about the service behind it.
///
/// A redirect is never followed, so nothing ran; as it will be the same for each job, the app is
/// blocked instead of its jobs being failed one by one. So it is with a 404 on a poll: a task that
/// is not known gets a code, so it is the status_path that is wrong, and starting more scripts
/// whose logs cannot be fetched would be worse than waiting.
constexpr std::array http_table{
    HttpRow{300, 399, ErrorClass::blocked, ErrorClass::blocked,
            "it redirects, which is never followed; the setting base_url may be wrong",
            "it redirects, which is never followed; the setting base_url may be wrong"},
    HttpRow{401, 401, ErrorClass::token, ErrorClass::token, "the access token is not valid",
            "the access token is not valid"},
    HttpRow{403, 403, ErrorClass::blocked, ErrorClass::blocked,
            "the app or the account has no access", "the app or the account has no access"},
    HttpRow{404, 404, ErrorClass::job_fails, ErrorClass::blocked,
            "there is no such file (is file_token the file's open_id?), or base_url is wrong",
            "there is no such path; the setting status_path may be wrong"},
    HttpRow{408, 408, ErrorClass::unknown_if_ran, ErrorClass::retry, "", ""},
    HttpRow{429, 429, ErrorClass::pause, ErrorClass::pause, "too many requests",
            "too many requests"},
    HttpRow{400, 499, ErrorClass::job_fails, ErrorClass::unknown_code, "", ""},
    HttpRow{503, 503, ErrorClass::retry, ErrorClass::retry, "the service is unavailable",
            "the service is unavailable"},
};
constexpr HttpRow other_http{0, 0, ErrorClass::unknown_if_ran, ErrorClass::retry, "", ""};

const CodeRow* find_code(const Failure& failure) {
  const auto* row = std::find_if(code_table.begin(), code_table.end(),
                                 [&](const CodeRow& each) { return each.code == failure.code; });
  return failure.coded && row != code_table.end() ? row : nullptr;
}

const HttpRow& find_http(int status) {
  const auto* row = std::find_if(http_table.begin(), http_table.end(), [&](const HttpRow& each) {
    return each.first <= status && status <= each.last;
  });
  return row == http_table.end() ? other_http : *row;
}

/// The service's text on one line: secrets masked, control characters (C0, DEL, C1) taken out.
std::string presentable(std::string_view text, std::size_t max_bytes) {
  std::string line;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const auto next = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0U;
    if (byte == 0xC2 && next >= 0x80 && next < 0xA0)
      ++at;
    else if (byte >= ' ' && byte != 0x7F)
      line += text[at];
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  return shortened(redacted(line), max_bytes);
}

/// `TooManyTask (code 30010)`, `code 4711, HTTP 503`
std::string name_and_code(const Failure& failure, const CodeRow* row) {
  const std::string name = row != nullptr && !row->name.empty()
                               ? std::string(row->name)
                               : presentable(failure.name, max_name_bytes);
  const std::string code = failure.code    ? "code " + std::to_string(*failure.code)
                           : failure.coded ? "a code that is no number"
                                           : "";
  std::string text = name.empty() || code.empty() ? name + code : name + " (" + code + ")";
  if (row != nullptr || !is_http_error(failure.http_status))
    return text;
  return text + (text.empty() ? "HTTP " : ", HTTP ") + std::to_string(failure.http_status);
}

/// The same with what an HTTP status hints at: `HTTP 404: there is no …`
std::string description(const Failure& failure, const CodeRow* row) {
  std::string text = name_and_code(failure, row);
  if (row != nullptr || !is_http_error(failure.http_status))
    return text;
  const HttpRow& http = find_http(failure.http_status);
  const std::string_view hint =
      failure.endpoint == Endpoint::submit ? http.submit_hint : http.poll_hint;
  return hint.empty() ? text : text.append(": ").append(hint);
}

std::string_view opening(Endpoint endpoint, ErrorClass error_class) {
  if (error_class == ErrorClass::unknown_if_ran)
    return "KDocs failed during the start, and it is unknown whether the script ran: ";
  if (error_class == ErrorClass::retry)
    return endpoint == Endpoint::submit ? "KDocs failed before the start: "
                                        : "KDocs failed to answer the status request: ";
  return endpoint == Endpoint::submit ? "KDocs refused the start: "
                                      : "KDocs refused the status request: ";
}

std::string with_message(std::string sentence, const Failure& failure) {
  const std::string message = presentable(failure.message, max_quoted_bytes);
  return message.empty() ? sentence : sentence.append(": ").append(message);
}

ServiceError error(const Failure& failure, ErrorClass error_class, std::string_view what) {
  ServiceError result;
  result.error_class = error_class;
  result.http_status = failure.http_status;
  result.code = failure.code;
  result.retry_after = failure.retry_after;
  result.sentence =
      with_message(std::string(opening(failure.endpoint, error_class)).append(what), failure);
  return result;
}

} // namespace

bool is_http_error(int status) {
  return status < 200 || status >= 300;
}

std::optional<std::int64_t> code_in(std::string_view text) {
  if (const auto whole = number_in<std::int64_t>(text))
    return whole;
  const auto real = number_in<double>(text);
  if (!real || std::trunc(*real) != *real || std::abs(*real) > 1e15)
    return std::nullopt;
  return static_cast<std::int64_t>(*real);
}

Failure failure_of(const Answered& reply, Endpoint endpoint) {
  Failure failure;
  failure.endpoint = endpoint;
  failure.http_status = reply.http_status;
  if (reply.retry_after)
    failure.retry_after = std::clamp(*reply.retry_after, shortest_retry_after, longest_retry_after);
  return failure;
}

ServiceError judge(const Failure& failure) {
  const bool submit = failure.endpoint == Endpoint::submit;
  const CodeRow* const row = find_code(failure);
  const std::string what = description(failure, row);
  if (row != nullptr)
    return error(failure, submit ? row->on_submit : row->on_poll, what);
  if (is_http_error(failure.http_status)) {
    const HttpRow& http = find_http(failure.http_status);
    return error(failure, submit ? http.on_submit : http.on_poll, what);
  }
  // A code that nobody has seen yet says nothing about whether the script was started.
  return error(failure, submit ? ErrorClass::unknown_if_ran : ErrorClass::unknown_code, what);
}

std::string in_words(const Failure& failure) {
  return with_message(name_and_code(failure, find_code(failure)), failure);
}

ServiceError no_task_id(const Failure& failure, std::string_view why) {
  return error(failure, ErrorClass::unknown_if_ran,
               "the reply (HTTP " + std::to_string(failure.http_status) +
                   ") has no usable task id; " + std::string(why));
}

} // namespace kdq::kdocs_api
