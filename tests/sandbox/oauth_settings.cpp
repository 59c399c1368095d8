#include "tests/sandbox/oauth_settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace kdq::sandbox {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<std::string_view, Rotation>, 4> rotations{{
    {"yes", Rotation::yes},
    {"grace", Rotation::grace},
    {"no", Rotation::no},
    {"empty", Rotation::empty},
}};

constexpr std::array<std::pair<std::string_view, Person>, 3> people{{
    {"agree", Person::agree},
    {"refuse", Person::refuse},
    {"wrong_state", Person::wrong_state},
}};

constexpr std::array<std::string_view, 7> known_keys{
    "rotate", "expires_in", "person", "account", "scopes", "refuse_refresh", "revoke"};

template <typename Value, std::size_t size>
Value named(const std::array<std::pair<std::string_view, Value>, size>& values,
            const std::string& name, const char* what) {
  const auto* found = std::find_if(values.begin(), values.end(),
                                   [&](const auto& entry) { return entry.first == name; });
  if (found == values.end()) {
    throw std::invalid_argument("oauth: \"" + name + "\" is not known as " + what);
  }
  return found->second;
}

std::chrono::seconds token_life(std::int64_t seconds) {
  if (seconds < 0 || seconds > max_token_life.count()) {
    throw std::invalid_argument("oauth: a token's life is 0 to " +
                                std::to_string(max_token_life.count()) + " seconds");
  }
  return std::chrono::seconds(seconds);
}

OauthChange read_change(const json& text) {
  for (const auto& item : text.items()) {
    if (std::find(known_keys.begin(), known_keys.end(), item.key()) == known_keys.end()) {
      throw std::invalid_argument("oauth: unknown key \"" + item.key() + "\"");
    }
  }
  OauthChange change;
  if (text.contains("rotate")) {
    change.rotation = rotation_from(text.at("rotate").get<std::string>());
  }
  if (text.contains("expires_in")) {
    change.expires_in = token_life(text.at("expires_in").get<std::int64_t>());
  }
  if (text.contains("person")) {
    change.person = named(people, text.at("person").get<std::string>(), "what a person does");
  }
  if (text.contains("account")) {
    change.account = text.at("account").get<std::string>();
  }
  if (text.contains("scopes")) {
    change.scopes = text.at("scopes").get<std::string>();
  }
  if (text.contains("refuse_refresh")) {
    change.refuse_refresh = text.at("refuse_refresh").get<bool>();
  }
  change.revoke = text.value("revoke", false);
  return change;
}

} // namespace

Rotation rotation_from(const std::string& text) {
  return named(rotations, text, "a rotation");
}

OauthChange oauth_change_from_json(const json& text) {
  if (!text.is_object()) {
    throw std::invalid_argument("oauth: the body is no JSON object");
  }
  try {
    return read_change(text);
  } catch (const json::exception& e) {
    throw std::invalid_argument(std::string("oauth: ") + e.what());
  }
}

void set_app_from_text(OauthSettings& settings, const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) {
    throw std::invalid_argument("oauth: write the app as APP_ID:APP_KEY");
  }
  settings.app_id = text.substr(0, colon);
  settings.app_key = text.substr(colon + 1);
}

SeedToken seed_token_from_text(const std::string& text) {
  const auto first = text.find(':');
  const auto last = text.rfind(':');
  std::int64_t seconds = -1;
  if (first != std::string::npos && first > 0 && last > first + 1) {
    const char* end = text.data() + text.size();
    if (std::from_chars(text.data() + last + 1, end, seconds).ptr != end) {
      seconds = -1;
    }
  }
  if (seconds < 0) {
    throw std::invalid_argument("oauth: write a known token as ACCESS:REFRESH:SECONDS");
  }
  return {text.substr(0, first), text.substr(first + 1, last - first - 1), token_life(seconds)};
}

} // namespace kdq::sandbox
