// The calls. Replies are read in kdocs_replies.cpp, errors are judged in kdocs_errors.cpp.
#include "poller/api/kdocs_api.h"

#include "poller/api/json_text.h"
#include "store/base/encoding.h"
#include "store/base/utf8.h"

namespace kdq::kdocs_api {
namespace {

std::string_view without_mark(std::string_view text) {
  return text.starts_with(byte_order_mark) ? text.substr(byte_order_mark.size()) : text;
}

std::optional<Unsendable> unsendable_text(std::string_view column, std::string_view text) {
  if (const auto offset = invalid_utf8_at(text))
    return Unsendable{std::string(column) + " is not valid UTF-8 (byte " + std::to_string(*offset) +
                      ")"};
  return std::nullopt;
}

std::optional<Unsendable> unsendable(const ClaimedJob& job) {
  // Encoded or not, a dot segment would change the path.
  if (job.file_token.empty() || job.file_token == "." || job.file_token == "..")
    return Unsendable{"file_token does not name a file: \"" + job.file_token + "\""};
  if (auto problem = unsendable_text("script", job.script))
    return problem;
  if (without_mark(job.script).empty())
    return Unsendable{"script is empty"};
  if (auto problem = unsendable_text("script_name", job.script_name))
    return problem;
  if (job.argv.empty())
    return std::nullopt;
  const JsonText argv = read_json(job.argv);
  if (argv.problem)
    return Unsendable{"argv is not valid JSON: " + *argv.problem};
  if (!argv.text.starts_with('{'))
    return Unsendable{"argv is no JSON object"};
  return std::nullopt;
}

/// As encodeURIComponent.
constexpr KeptBytes kept_in_uri("-_.!~*'()");

} // namespace

std::string service_address(const AppSettings& app, std::string_view path) {
  std::string_view base = app.base_url;
  while (base.ends_with('/'))
    base.remove_suffix(1);
  return std::string(base).append(path);
}

std::variant<HttpRequest, Unsendable> run_script(const AppSettings& app, std::string_view token,
                                                 const ClaimedJob& job) {
  if (auto problem = unsendable(job))
    return *std::move(problem);
  HttpRequest request;
  request.method = HttpRequest::Method::post;
  request.ca_file = app.ca_file;
  request.url = service_address(app, "/api/v1/openapi/personal/files/");
  request.url.reserve(request.url.size() + 32 + job.file_token.size() + 2 * token.size());
  append_encoded(request.url, job.file_token, kept_in_uri);
  request.url += "/script?access_token=";
  append_encoded(request.url, token, kept_in_uri);
  // readfile() of a file from Windows begins with a mark. JavaScript takes it for a blank, but it
  // would shift the columns of the first line that log lines show.
  // An escape in eight bytes is more than most scripts need.
  request.body.reserve(job.script.size() * 9 / 8 + job.script_name.size() + job.argv.size() + 64);
  request.body += R"({"script":)";
  append_quoted(request.body, without_mark(job.script));
  if (!job.script_name.empty()) {
    request.body += R"(,"script_name":)";
    append_quoted(request.body, job.script_name);
  }
  // As text, not parsed and written again: that would round numbers beyond 64 bits.
  if (!job.argv.empty())
    request.body.append(R"(,"custom_argv":)").append(without_mark(job.argv));
  request.body += '}';
  return request;
}

HttpRequest task_status(const AppSettings& app, std::string_view token, const TaskId& task) {
  HttpRequest request;
  request.method = HttpRequest::Method::get;
  request.ca_file = app.ca_file;
  request.url = service_address(app, app.status_path);
  request.url.reserve(request.url.size() + 24 + 2 * token.size() + 2 * task.value.size());
  request.url += "?access_token=";
  append_encoded(request.url, token, kept_in_uri);
  request.url += "&task_id=";
  append_encoded(request.url, task.value, kept_in_uri);
  return request;
}

std::string encode_uri_component(std::string_view text) {
  std::string encoded;
  append_encoded(encoded, text, kept_in_uri);
  return encoded;
}

} // namespace kdq::kdocs_api
