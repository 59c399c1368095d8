// What keeps secrets out of texts for people.
#include "poller/api/ascii.h"
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

bool starts_with(std::string_view text, std::string_view head) {
  return text.size() >= head.size() &&
         std::equal(head.begin(), head.end(), text.begin(),
                    [](char a, char b) { return ascii_lower(a) == ascii_lower(b); });
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
  const char first = ascii_lower(text[at]); // few bytes of a text are the first of a name
  for (const SecretName& secret : secret_names)
    if (first == secret.name.front() && starts_with(text.substr(at), secret.name))
      return begins_name(text, at) ? value_after(text, at + secret.name.size(), secret.in_prose)
                                   : Place{};
  return {};
}

int hex_digit(char byte) {
  const std::string_view digits = "0123456789abcdef";
  const std::size_t value = digits.find(ascii_lower(byte));
  return value == digits.npos ? -1 : static_cast<int>(value);
}

/// Whether two hex digits at `at` stand for the byte.
bool is_hex_of(std::string_view text, std::size_t at, char byte) {
  if (at + 2 > text.size() || hex_digit(text[at]) < 0 || hex_digit(text[at + 1]) < 0)
    return false;
  return hex_digit(text[at]) * 16 + hex_digit(text[at + 1]) == static_cast<unsigned char>(byte);
}

/// Which spelling of a byte is tried first; a `%` of the secret may itself be the beginning of one.
enum class Spelling { plain, encoded_once, encoded_often };

/// How many bytes at `at` stand for this one percent-encoded, as often as may be, or escaped in
/// JSON; 0: they do not.
std::size_t spelled_at(std::string_view text, std::size_t at, char byte, Spelling spelling) {
  if (text[at] == '%') {
    std::size_t digits = at + 1;
    while (text.substr(digits).starts_with("25") &&
           (byte != '%' || digits == at + 1 || spelling == Spelling::encoded_often))
      digits += 2;
    if (byte == '%')
      return digits == at + 1 ? 0 : digits - at;
    return is_hex_of(text, digits, byte) ? digits + 2 - at : 0;
  }
  if (text[at] != '\\' || at + 1 >= text.size())
    return 0;
  if (text[at + 1] == byte && (byte == '/' || byte == '"' || byte == '\\'))
    return 2;
  const bool is_unicode = text[at + 1] == 'u' && text.substr(at + 2).starts_with("00");
  return is_unicode && is_hex_of(text, at + 4, byte) ? 6 : 0;
}

/// How far a text goes on like the secret.
struct Likeness {
  std::size_t of_secret = 0;
  std::size_t of_text = 0;
};

Likeness likeness(std::string_view text, std::string_view secret, Spelling spelling) {
  Likeness like;
  while (like.of_secret < secret.size() && like.of_text < text.size()) {
    const char byte = secret[like.of_secret];
    const std::string_view before = secret.substr(0, like.of_secret);
    const bool is_digit = // of an escape that the secret has itself: its case means nothing
        before.ends_with('%') || (before.size() >= 2 && before[before.size() - 2] == '%');
    const bool is_plain = text[like.of_text] == byte ||
                          (is_digit && ascii_lower(text[like.of_text]) == ascii_lower(byte));
    std::size_t taken = 0;
    if (!is_plain || spelling != Spelling::plain)
      taken = spelled_at(text, like.of_text, byte, spelling);
    if (taken == 0 && !is_plain)
      break;
    ++like.of_secret;
    like.of_text += std::max<std::size_t>(taken, 1);
  }
  return like;
}

Likeness most_alike(std::string_view text, std::string_view secret) {
  Likeness most;
  for (const auto spelling : {Spelling::plain, Spelling::encoded_once, Spelling::encoded_often})
    if (const Likeness like = likeness(text, secret, spelling); like.of_secret > most.of_secret)
      most = like;
  return most;
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

std::string without_secret(std::string text, std::string_view secret, SecretPart part) {
  constexpr std::size_t telling_bytes = 8;
  if (secret.empty() || (part == SecretPart::whole && secret.size() < telling_bytes))
    return text;
  const std::size_t least =
      part == SecretPart::whole ? secret.size() : std::min(secret.size(), telling_bytes);
  // Nearly all texts: no other spelling is in them, and neither is the plain one.
  if (text.find('%') == std::string::npos && text.find('\\') == std::string::npos &&
      text.find(secret.substr(0, least)) == std::string::npos)
    return text;
  const std::array<char, 3> beginnings{secret.front(), '%', '\\'};
  const std::string_view signs(beginnings.data(), beginnings.size());
  std::string clean;
  std::size_t done = 0;
  for (std::size_t at = text.find_first_of(signs); at != std::string::npos;) {
    const Likeness like = most_alike(std::string_view(text).substr(at), secret);
    if (like.of_secret >= least) {
      clean.append(text, done, at - done).append(mask);
      done = at + like.of_text;
    }
    at = text.find_first_of(signs, std::max(done, at + 1));
  }
  if (done == 0)
    return text;
  return clean.append(text, done);
}

std::string without_logins(std::string_view text) {
  constexpr std::string_view ends = " \t\r\n'\"<>()";
  std::string clean;
  std::size_t done = 0;
  while (done < text.size()) {
    const std::size_t begin = std::min(text.find_first_not_of(ends, done), text.size());
    const std::size_t end = std::min(text.find_first_of(ends, begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    clean.append(text.substr(done, begin - done));
    if (const std::size_t at = word.rfind('@'); at != word.npos) {
      const std::size_t slashes = word.find("//");
      if (slashes < at)
        clean.append(word.substr(0, slashes + 2));
      clean.append(mask).append(word.substr(at));
    } else {
      clean.append(word);
    }
    done = end;
  }
  return clean;
}

} // namespace kdq::kdocs_api
