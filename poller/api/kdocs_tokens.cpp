#include "poller/api/kdocs_tokens.h"

#include "poller/api/ascii.h"
#include "poller/api/kdocs_api.h"
#include "poller/api/kdocs_errors.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace kdq::kdocs_api {
namespace {

using nlohmann::json;

// What a reply may say of a token's life, in seconds.
constexpr double shortest_life = 1;
constexpr double longest_life = 366.0 * 24 * 3600;

void add_parameter(std::string& url, std::string_view name, std::string_view value) {
  url += url.find('?') == std::string::npos ? '?' : '&';
  url.append(name).append("=").append(encode_uri_component(value));
}

const json& member(const json& object, const char* name) {
  static const json nothing;
  if (!object.is_object())
    return nothing;
  const auto found = object.find(name);
  return found == object.end() ? nothing : *found;
}

/// A string or a number as text; of anything else nothing.
std::string text_of(const json& value) {
  if (value.is_string())
    return value.get<std::string>();
  return value.is_number() ? value.dump() : std::string{};
}

std::string first_text(const json& object, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (std::string text = text_of(member(object, name)); !text.empty())
      return text;
  return {};
}

std::string token_in(const json& data, const char* name, const char* other_name) {
  std::string token = first_text(data, {name, other_name});
  return is_token(token) ? token : std::string{};
}

std::chrono::seconds life_in(const json& data) {
  const json& value = member(data, "expires_in");
  double seconds = 0;
  if (value.is_number())
    seconds = value.get<double>();
  if (!(seconds >= shortest_life))
    return token_life;
  return std::chrono::seconds(static_cast<std::int64_t>(std::min(seconds, longest_life)));
}

/// As a text joined by commas, however they are written.
std::string scopes_in(const json& data) {
  const json& value =
      member(data, "scope").is_null() ? member(data, "scopes") : member(data, "scope");
  std::string text;
  if (value.is_array()) {
    for (const json& each : value)
      text.append(text.empty() ? "" : ",").append(text_of(each));
    return text;
  }
  text = text_of(value);
  std::replace(text.begin(), text.end(), ' ', ',');
  return text;
}

Failure read_failure(const json& body, const Answered& reply) {
  Failure failure = failure_of(reply, Endpoint::status); // its rules say which errors pass
  const json& code = member(body, "code");
  failure.code = code_in(text_of(code));
  failure.coded = !code.is_null() && failure.code != 0;
  failure.name = text_of(member(body, "result"));
  failure.message = first_text(body, {"msg", "message", "error_description", "error"});
  return failure;
}

/// For good is what will be refused again, as far as the tables know: else a passing trouble of the
/// service would make a person consent anew.
TokenRefusal refusal(const Failure& failure) {
  const ServiceError error = judge(failure);
  const bool passes = error.error_class == ErrorClass::retry ||
                      error.error_class == ErrorClass::pause ||
                      error.error_class == ErrorClass::later;
  return {!passes, error.retry_after, in_words(failure)};
}

} // namespace

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= max_token_bytes && is_visible_ascii(text);
}

std::string consent_address(const AppSettings& app, std::string_view redirect_uri,
                            std::string_view scopes, std::string_view state) {
  std::string url = service_address(app, "/h5/auth");
  add_parameter(url, "app_id", app.app_id);
  // The commas as they are, as in the vendor's examples.
  url.append("&scope=").append(scopes);
  add_parameter(url, "redirect_uri", redirect_uri);
  add_parameter(url, "state", state);
  return url;
}

HttpRequest exchange_code(const AppSettings& app, std::string_view app_key, std::string_view code) {
  HttpRequest request;
  request.url = service_address(app, "/api/v1/oauth2/access_token");
  request.ca_file = app.ca_file;
  add_parameter(request.url, "code", code);
  add_parameter(request.url, "app_id", app.app_id);
  add_parameter(request.url, "app_key", app_key);
  return request;
}

HttpRequest refresh_token(const AppSettings& app, std::string_view app_key,
                          std::string_view refresh_token) {
  HttpRequest request;
  request.method = HttpRequest::Method::post;
  request.url = service_address(app, "/api/v1/oauth2/refresh_token");
  request.ca_file = app.ca_file;
  add_parameter(request.url, "app_id", app.app_id);
  request.body = json{{"app_key", app_key}, {"refresh_token", refresh_token}}.dump();
  return request;
}

std::variant<TokenReply, TokenRefusal> read_tokens(const Answered& reply) {
  const bool is_read = reply.body.size() <= max_token_reply_bytes;
  const json body = is_read ? json::parse(reply.body, nullptr, false) : json();
  const Failure failure = read_failure(body, reply);
  if (failure.coded || is_http_error(reply.http_status))
    return refusal(failure);
  const json& data = member(body, "data").is_object() ? member(body, "data") : body;
  TokenReply tokens;
  tokens.access_token = token_in(data, "access_token", "accessToken");
  if (tokens.access_token.empty()) // whoever answered, it was not the service
    return TokenRefusal{false, failure.retry_after,
                        "the reply (HTTP " + std::to_string(reply.http_status) +
                            ") has no usable access token"};
  tokens.refresh_token = token_in(data, "refresh_token", "refreshToken");
  tokens.expires_in = life_in(data);
  tokens.app_id = first_text(data, {"app_id", "appId"});
  tokens.account = first_text(data, {"open_id", "openid", "user_id", "userid"});
  if (tokens.account.size() > max_account_bytes)
    tokens.account.clear();
  tokens.scopes = scopes_in(data);
  return tokens;
}

} // namespace kdq::kdocs_api
