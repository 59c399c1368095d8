// Who may ask for what: hosts, origins, sessions, the password.
#pragma once

#include "poller/clock.h"

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdq::web {

/// What the headers of a request say about who sent it.
struct Sender {
  std::string host;          ///< Host
  std::string origin;        ///< Origin; empty: there is none
  std::string cookies;       ///< Cookie
  std::string authorization; ///< Authorization
};

/// Thread-safe.
class Guard {
public:
  struct Settings {
    std::vector<std::string> hosts; ///< as Host gives them, with a port if there is one; empty: any
    std::string password_hash;      ///< of crypt(5); empty: none is asked for
  };
  /// `clock` must outlive it. Throws std::runtime_error if the kernel gives no random bytes.
  Guard(Settings settings, const Clock& clock);

  /// Whether the request names this page: else another page may have led a browser here by a name
  /// of its own (DNS rebinding).
  bool knows_host(const Sender& sender) const;
  /// Whether a form comes from a page of ours, as the browser says and as its token proves.
  bool is_own_form(const Sender& sender, std::string_view form_token) const;

  bool has_password() const { return !settings_.password_hash.empty(); }
  /// Whether the pages may be shown: always, if there is no password. Nothing: as is_password().
  std::optional<bool> may_look(const Sender& sender);
  /// Nothing: others have been checked for five seconds, ask again later. A session that may look
  /// is begun by new_session(true).
  std::optional<bool> is_password(const std::string& given);

  /// The session of the request, or empty if it has none that lasts().
  std::string session_of(const Sender& sender) const;
  /// Whether a session that session_of() gave is not over by now.
  bool lasts(std::string_view session) const;
  /// A value for Set-Cookie. `entered`: the password was given. Of these sessions a thousand last
  /// at once: one more ends the oldest.
  std::string new_session(bool entered);
  /// The session of the request is over, whoever has kept its cookie. A value for Set-Cookie.
  std::string end_session(const Sender& sender);
  /// What forms of this session carry.
  std::string form_token(std::string_view session) const;

private:
  std::string sign(std::string_view purpose, std::string_view text) const;
  std::string session_in(std::string_view cookie) const;

  Settings settings_;
  const Clock& clock_;
  std::string key_;
  std::timed_mutex checking_;    ///< held while a password is checked: that takes memory and time
  mutable std::mutex mutex_;     ///< guards what follows
  std::string good_credentials_; ///< signed: the last Authorization that was right
  std::deque<std::string> entered_; ///< sessions in which the password was given, oldest first
};

/// A line for the password file, by yescrypt. Throws std::runtime_error.
std::string hash_of_password(const std::string& password);
/// Whether it is one, by a method that resists guessing (yescrypt or scrypt).
bool is_strong_hash(std::string_view hash);

} // namespace kdq::web
