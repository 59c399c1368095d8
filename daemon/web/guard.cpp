#include "daemon/web/guard.h"

#include "daemon/random_bytes.h"
#include "poller/api/number_in.h"
#include "store/base/encoding.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>

namespace kdq::web {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view cookie_name = "kdq_session=";
constexpr std::chrono::milliseconds session_lasts = 7 * 24h;
/// Each is remembered, so that a logout ends it for whoever else has its cookie, too.
constexpr std::size_t most_entered = 1000;
/// A check takes a fraction of a second: so many guess at once that it is not their turn.
constexpr std::chrono::milliseconds longest_wait = 5s;
constexpr std::size_t longest_password = 512;

/// Takes the same time whatever they have in common.
bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string cookie(std::string_view value, std::chrono::seconds lasts) {
  return std::string(cookie_name) + std::string(value) + "; Path=/; HttpOnly; SameSite=Strict; " +
         "Max-Age=" + std::to_string(lasts.count());
}

/// The password of `Basic` and a base64 text; empty: it is none.
std::string basic_password(std::string_view authorization) {
  constexpr std::string_view scheme = "Basic ";
  if (!authorization.starts_with(scheme))
    return {};
  authorization.remove_prefix(scheme.size());
  if (authorization.empty() || authorization.size() % 4 != 0 ||
      authorization.size() > 2 * longest_password)
    return {};
  std::string plain(authorization.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(plain.data()),
                                   reinterpret_cast<const unsigned char*>(authorization.data()),
                                   static_cast<int>(authorization.size()));
  if (size < 0)
    return {};
  plain.resize(static_cast<std::size_t>(size));
  while (plain.ends_with('\0')) // for each = at the end
    plain.pop_back();
  const std::size_t colon = plain.find(':');
  return colon == std::string::npos ? std::string() : plain.substr(colon + 1);
}

} // namespace

Guard::Guard(Settings settings, const Clock& clock)
    : settings_(std::move(settings)), clock_(clock), key_(random_bytes(32)) {}

std::string Guard::sign(std::string_view purpose, std::string_view text) const {
  const std::string message = std::string(purpose) + ":" + std::string(text);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(),
           &size) == nullptr)
    throw std::runtime_error("HMAC-SHA256 is not to be had");
  return hex_of({reinterpret_cast<const char*>(digest.data()), size});
}

bool Guard::knows_host(const Sender& sender) const {
  return settings_.hosts.empty() || std::find(settings_.hosts.begin(), settings_.hosts.end(),
                                              sender.host) != settings_.hosts.end();
}

bool Guard::is_own_form(const Sender& sender, std::string_view form_token) const {
  const std::string session = session_of(sender);
  const bool own_origin =
      sender.origin == "http://" + sender.host || sender.origin == "https://" + sender.host;
  return own_origin && !session.empty() && same(form_token, this->form_token(session));
}

std::optional<bool> Guard::may_look(const Sender& sender) {
  if (!has_password() || session_of(sender).starts_with('e'))
    return true;
  const std::string password = basic_password(sender.authorization);
  if (password.empty())
    return false;
  const std::string signed_one = sign("basic", sender.authorization);
  {
    const std::lock_guard lock(mutex_);
    if (same(signed_one, good_credentials_))
      return true;
  }
  const std::optional<bool> right = is_password(password);
  if (!right.value_or(false))
    return right;
  const std::lock_guard lock(mutex_);
  good_credentials_ = signed_one;
  return true;
}

std::optional<bool> Guard::is_password(const std::string& given) {
  if (given.size() > longest_password || given.find('\0') != std::string::npos)
    return false;
  const std::unique_lock one(checking_, longest_wait);
  if (!one)
    return std::nullopt;
  const auto room = std::make_unique<crypt_data>();
  const char* hash = crypt_rn(given.c_str(), settings_.password_hash.c_str(), room.get(),
                              static_cast<int>(sizeof *room));
  return hash != nullptr && same(hash, settings_.password_hash);
}

/// The session of a cookie's value, or empty if that is none of ours, or is over.
std::string Guard::session_in(std::string_view cookie) const {
  // <e(ntered) or v(isitor)><number>.<end, seconds>.<signature>
  const std::size_t last = cookie.rfind('.');
  const std::size_t dot = cookie.find('.');
  if (last == cookie.npos || dot == last)
    return {};
  const std::string_view session = cookie.substr(0, last);
  if (!same(cookie.substr(last + 1), sign("session", session)) || !lasts(session))
    return {};
  return std::string(session);
}

bool Guard::lasts(std::string_view session) const {
  const auto ends = number_in<std::int64_t>(session.substr(session.find('.') + 1));
  const auto now = std::chrono::floor<std::chrono::seconds>(clock_.wall()).time_since_epoch();
  if (!ends || *ends < now.count())
    return false;
  if (!session.starts_with('e'))
    return true;
  const std::lock_guard lock(mutex_);
  return std::find(entered_.begin(), entered_.end(), session) != entered_.end();
}

std::string Guard::session_of(const Sender& sender) const {
  // There may be several of the name: cookies know no ports, and another page may have set one.
  for (std::string_view rest = sender.cookies; !rest.empty();) {
    std::string_view cookie = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(cookie.size() + 1, rest.size()));
    cookie.remove_prefix(std::min(cookie.find_first_not_of(' '), cookie.size()));
    if (!cookie.starts_with(cookie_name))
      continue;
    cookie.remove_prefix(cookie_name.size());
    if (std::string session = session_in(cookie); !session.empty())
      return session;
  }
  return {};
}

std::string Guard::new_session(bool entered) {
  const auto lasts = std::chrono::duration_cast<std::chrono::seconds>(session_lasts);
  const auto ends =
      std::chrono::floor<std::chrono::seconds>(clock_.wall()).time_since_epoch() + lasts;
  const std::string session =
      (entered ? "e" : "v") + hex_of(random_bytes(16)) + "." + std::to_string(ends.count());
  if (entered) {
    const std::lock_guard lock(mutex_);
    if (entered_.size() == most_entered)
      entered_.pop_front();
    entered_.push_back(session);
  }
  return cookie(session + "." + sign("session", session), lasts);
}

std::string Guard::end_session(const Sender& sender) {
  const std::string session = session_of(sender);
  const std::lock_guard lock(mutex_);
  std::erase(entered_, session);
  return cookie("", std::chrono::seconds(0));
}

std::string Guard::form_token(std::string_view session) const {
  return sign("form", session);
}

std::string hash_of_password(const std::string& password) {
  if (password.empty() || password.size() > longest_password ||
      password.find('\0') != std::string::npos)
    throw std::runtime_error("a password has 1 to 512 bytes");
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  const auto room = std::make_unique<crypt_data>();
  const char* hash = nullptr;
  if (crypt_gensalt_rn("$y$", 0, nullptr, 0, setting.data(), static_cast<int>(setting.size())))
    hash = crypt_rn(password.c_str(), setting.data(), room.get(), static_cast<int>(sizeof *room));
  if (hash == nullptr)
    throw std::runtime_error("the C library makes no yescrypt hash");
  return hash;
}

bool is_strong_hash(std::string_view hash) {
  return hash.starts_with("$y$") || hash.starts_with("$gy$") || hash.starts_with("$7$");
}

} // namespace kdq::web
