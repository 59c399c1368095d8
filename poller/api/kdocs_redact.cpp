// What keeps secrets out of texts for people.
#include "poller/api/kdocs_api.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>

namespace kdq::kdocs_api {
namespace {

constexpr std::string_view mask = "***";

struct SecretName {
  std::string_view name;
  bool in_prose; ///< also as `name: value`; not for `code`, which is a number in most sentences
};

constexpr std::array secret_names{
    SecretName{"access_token", true}, SecretName{"refresh_token", true},
    SecretName{"app_key", true},      SecretName{"task_id", true},
    SecretName{"accessToken", true},  SecretName{"refreshToken", true},
    SecretName{"appKey", true},       SecretName{"taskId", true},
    SecretName{"code", false},
};

char lower(char byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}

bool starts_with(std::string_view text, std::string_view head) {
  return text.size() >= head.size() &&
         std::equal(head.begin(), head.end(), text.begin(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

bool is_word(char byte) {
  return std::isalnum(static_cast<unsigned char>(byte)) != 0 || byte == '_' || byte == '-';
}

/// Whether a name may begin at `at`: not inside a longer word, but right behind an encoded sign
/// (`%26`, encoded again `%2526`).
bool begins_name(std::string_view text, std::size_t at) {
  if (at == 0 || !is_word(text[at - 1]))
    return true;
  std::string_view before = text.substr(0, at);
  before.remove_suffix(std::min<std::size_t>(2, before.size()));
  while (before.ends_with("25"))
    before.remove_suffix(2);
  return before.ends_with('%');
}

/// Where a secret stands in a text.
struct Place {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// The value behind the name that ends at `at`; empty if there is none.
Place value_after(std::string_view text, std::size_t at, bool in_prose) {
  const auto skip = [&](std::string_view signs) {
    while (in_prose && at < text.size() && signs.find(text[at]) != std::string_view::npos)
      ++at;
  };
  skip(" \"'\\");
  std::string end_mark; // a `&` that is encoded as often as the `=` was
  if (at < text.size() && (text[at] == '=' || (in_prose && text[at] == ':'))) {
    ++at;
  } else if (at < text.size() && text[at] == '%') {
    std::size_t digits = at + 1;
    while (starts_with(text.substr(digits), "25"))
      digits += 2;
    if (!starts_with(text.substr(digits), "3d"))
      return {};
    end_mark = std::string(text.substr(at, digits - at)) + "26";
    at = digits + 2;
  } else {
    return {};
  }
  skip(" \"\\"); // not an apostrophe: a value keeps it when it is percent-encoded
  Place value{at, at};
  while (value.end < text.size()) {
    const char byte = text[value.end];
    if (byte == '&' || byte == '#' || byte == '"' || byte == '<' || byte == '>' ||
        static_cast<unsigned char>(byte) <= ' ')
      break;
    if (!end_mark.empty() && text.substr(value.end, end_mark.size()) == end_mark)
      break;
    ++value.end;
  }
  return value;
}

Place secret_at(std::string_view text, std::size_t at) {
  const char first = lower(text[at]); // few bytes of a text are the first of a name
  for (const SecretName& secret : secret_names)
    if (first == secret.name.front() && starts_with(text.substr(at), secret.name))
      return begins_name(text, at) ? value_after(text, at + secret.name.size(), secret.in_prose)
                                   : Place{};
  return {};
}

std::string without(std::string_view text, std::string_view secret, std::size_t least) {
  const std::string_view head = secret.substr(0, least);
  std::string clean;
  std::size_t done = 0;
  for (std::size_t at = text.find(head); at != std::string_view::npos; at = text.find(head, done)) {
    clean.append(text.substr(done, at - done)).append(mask);
    const std::size_t limit = std::min(text.size() - at, secret.size());
    done = at + least;
    while (done - at < limit && text[done] == secret[done - at])
      ++done;
  }
  return clean.append(text.substr(done));
}

} // namespace

std::string redacted(std::string_view text) {
  std::string clean;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Place secret = secret_at(text, at);
    if (secret.end == secret.begin) {
      ++at;
      continue;
    }
    clean.append(text.substr(done, secret.begin - done)).append(mask);
    done = at = secret.end;
  }
  return clean.append(text.substr(done));
}

std::string without_secret(std::string_view text, std::string_view secret) {
  constexpr std::size_t telling_bytes = 8;
  if (secret.empty())
    return std::string(text);
  std::string clean(text);
  // The longer form first: a text that starts like the secret itself may go on encoded.
  const std::string encoded = encode_uri_component(secret);
  for (const std::string_view form : {std::string_view(encoded), secret})
    clean = without(clean, form, std::min(form.size(), telling_bytes));
  return clean;
}

} // namespace kdq::kdocs_api
