// Task ids go out exactly as they came in, and no secret gets into a text.
#include "poller/api/kdocs_api.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>

namespace kdq::fuzz {
namespace {

using namespace kdq::kdocs_api;

std::string decoded(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    require(i + 2 < text.size(), "an escape has two digits");
    bytes += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
    i += 2;
  }
  return bytes;
}

void check_encoding(const std::string& text) {
  const std::string encoded = encode_uri_component(text);
  require(decoded(encoded) == text, "decoding gives back what was encoded");
  const auto unreserved = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_.!~*'()%").find(c) != std::string_view::npos;
  };
  require(std::all_of(encoded.begin(), encoded.end(), unreserved), "only unreserved characters");
}

void check_redaction(const std::string& text) {
  const std::string once = redacted(text);
  require(redacted(once) == once, "what is redacted stays as it is");
}

void check_url(const std::string& token, const std::string& task) {
  if (token.empty() || task.empty())
    return;
  const auto url = [](const std::string& a_token, const std::string& a_task) {
    return redacted(task_status(AppSettings{}, a_token, TaskId{a_task}).url);
  };
  require(url(token, task) == url("t", "i"), "a redacted address says nothing of its secrets");
}

void check_removal(const std::string& text, const std::string& secret) {
  // A star could stand in the mask that takes the secret's place.
  if (secret.empty() || secret.find('*') != std::string::npos)
    return;
  const std::string clean = without_secret(text, secret);
  require(clean.find(secret) == std::string::npos, "the secret is gone");
  require(clean.find(encode_uri_component(secret)) == std::string::npos, "encoded, too");
  require(without_secret(clean, secret) == clean, "and nothing is left to remove");
  const std::string own = without_secret(text, secret, SecretPart::whole);
  require(secret.size() < 8 || own.find(secret) == std::string::npos, "of a script's words, too");
  require(without_logins(without_logins(text)) == without_logins(text), "as it is");
}

} // namespace
} // namespace kdq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kdq::fuzz;
  Input input(data, size);
  const std::string all = input.rest();
  check_encoding(all);
  check_redaction(all);
  const std::string secret = input.text(40);
  const std::string text = input.rest();
  check_url(secret, text);
  check_removal(text, secret);
  check_removal(text + secret + text, secret);
  check_removal(text + kdq::kdocs_api::encode_uri_component(secret) + secret, secret);
  return 0;
}
