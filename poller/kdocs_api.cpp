// The calls. Replies are read in kdocs_replies.cpp, errors are judged in kdocs_errors.cpp.
#include "poller/kdocs_api.h"

#include "poller/json_outline.h"
#include "poller/utf8.h"

namespace kdq::kdocs_api {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::string_view without_mark(std::string_view text) {
  return text.starts_with(byte_order_mark) ? text.substr(byte_order_mark.size()) : text;
}

std::string_view without_trailing_slashes(std::string_view url) {
  while (url.ends_with('/'))
    url.remove_suffix(1);
  return url;
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
  const JsonOutline argv = outline_json(job.argv);
  if (argv.problem)
    return Unsendable{"argv is not valid JSON: " + *argv.problem};
  if (argv.kind != JsonOutline::Kind::object)
    return Unsendable{"argv is no JSON object"};
  return std::nullopt;
}

} // namespace

std::variant<HttpRequest, Unsendable> run_script(const AppSettings& app, std::string_view token,
                                                 const ClaimedJob& job) {
  if (auto problem = unsendable(job))
    return *std::move(problem);
  HttpRequest request;
  request.method = HttpRequest::Method::post;
  request.ca_file = app.ca_file;
  request.url = std::string(without_trailing_slashes(app.base_url)) +
                "/api/v1/openapi/personal/files/" + encode_uri_component(job.file_token) +
                "/script?access_token=" + encode_uri_component(token);
  // readfile() of a file from Windows begins with a mark. JavaScript takes it for a blank, but it
  // would shift the columns of the first line that log lines show.
  request.body = R"({"script":)" + quoted(std::string(without_mark(job.script)));
  if (!job.script_name.empty())
    request.body += R"(,"script_name":)" + quoted(job.script_name);
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
  request.url = std::string(without_trailing_slashes(app.base_url)) + app.status_path +
                "?access_token=" + encode_uri_component(token) +
                "&task_id=" + encode_uri_component(task.value);
  return request;
}

std::string encode_uri_component(std::string_view text) {
  constexpr std::string_view kept = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                    "-_.!~*'()";
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string encoded;
  for (const char byte : text) {
    if (kept.find(byte) != std::string_view::npos) {
      encoded += byte;
      continue;
    }
    const auto value = static_cast<unsigned char>(byte);
    encoded += '%';
    encoded += hex[value >> 4U];
    encoded += hex[value & 0xFU];
  }
  return encoded;
}

} // namespace kdq::kdocs_api
