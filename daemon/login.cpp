#include "daemon/login.h"

#include "daemon/curl_transport.h"
#include "daemon/random_bytes.h"
#include "daemon/redirect_listener.h"
#include "daemon/system_clock.h"
#include "daemon/token_store.h"
#include "daemon/url.h"
#include "poller/api/kdocs_api.h"
#include "poller/api/kdocs_tokens.h"
#include "store/base/encoding.h"

#include <algorithm>
#include <istream>
#include <ostream>

namespace kdq {
namespace {

constexpr std::chrono::minutes time_to_consent{10};
constexpr std::size_t longest_line = 16'384;

/// What a login works on.
struct Login {
  std::string app;
  const AppSettings& settings;
  const LoginSettings& wanted;
  TokenStore store;
  std::string app_key;
};

std::string choose_app(const Config& config, const LoginOptions& options) {
  if (options.app)
    return *options.app;
  return config.logins.size() == 1 ? config.logins.begin()->first : "default";
}

Login prepare(const Config& config, const std::filesystem::path& credentials,
              const LoginOptions& options) {
  const std::string app = choose_app(config, options);
  const auto wanted = config.logins.find(app);
  if (wanted == config.logins.end())
    throw LoginError(config.engine.apps.contains(app)
                         ? "the app \"" + app +
                               "\" has no app_id in the configuration: give it "
                               "app_id, app_key_file and redirect_uri"
                     : options.app ? "the app \"" + app + "\" is not configured"
                                   : "several apps have an app_id: say which one, --app NAME");
  if (wanted->second.redirect_uri.empty())
    throw LoginError("the app \"" + app +
                     "\" has no redirect_uri in the configuration: give the "
                     "address that is registered for it with the vendor, such as "
                     "http://127.0.0.1:18765/callback");
  const TokenSource& source = config.token_sources.at(app);
  TokenFiles files(config.token_sources, credentials);
  auto key = files.app_key(app);
  if (const auto* problem = std::get_if<TokenProblem>(&key))
    throw LoginError(problem->sentence);
  Login login{app, config.engine.apps.at(app), wanted->second,
              TokenStore(source.token_store, source.app_id, source.login),
              std::move(std::get<std::string>(key))};
  if (const auto problem = login.store.prepare()) // before a person has consented in vain
    throw LoginError(problem->sentence);
  return login;
}

std::string listened(const Url& address, const std::string& consent, std::ostream& out) {
  RedirectListener listener(address);
  out << "Open this address in a browser on this machine, and consent:\n\n  " << consent
      << "\n\nWaiting for it, for " << time_to_consent.count()
      << " minutes. (On another machine: --paste.)" << std::endl;
  const auto query = listener.wait(time_to_consent);
  if (!query)
    throw LoginError("nobody has consented within " + std::to_string(time_to_consent.count()) +
                     " minutes; run login again");
  return *query;
}

/// The query of the address, or the code by itself as a query.
std::string pasted(const std::string& consent, std::istream& in, std::ostream& out) {
  out << "Open this address in a browser, and consent:\n\n  " << consent
      << "\n\nThen paste the address that the browser has ended on (or its code), within "
      << kdocs_api::code_life.count() << " minutes:" << std::endl;
  std::string line;
  std::getline(in, line);
  const auto begin = line.find_first_not_of(" \t\r\n\"'<");
  const auto end = line.find_last_not_of(" \t\r\n\"'>");
  if (begin == std::string::npos || line.size() > longest_line)
    throw LoginError("no address was pasted; run login again");
  line = line.substr(begin, end - begin + 1);
  const bool is_query = line.find_first_of("?&") != std::string::npos || line.starts_with("code=");
  if (!is_query)
    return "code=" + kdocs_api::encode_uri_component(line);
  line = line.substr(0, line.find('#'));
  return line.substr(line.find('?') + 1);
}

std::string code_in(const std::string& query, const std::string& state, bool state_needed) {
  const std::string came = query_value(query, "state");
  if (came != state && (state_needed || !came.empty()))
    throw LoginError("the address that came back carries another state than the one of this login: "
                     "it is of an earlier login, or somebody else's; run login again, and use the "
                     "address that it prints");
  if (const std::string error = query_value(query, "error"); !error.empty())
    throw LoginError("the consent was refused (" + kdocs_api::redacted(error.substr(0, 100)) +
                     "); nothing was changed");
  std::string code = query_value(query, "code");
  if (code.empty())
    throw LoginError("there is no code in the address that came back; run login again");
  return code;
}

/// Throws LoginError, with the secrets taken out of what the service or a library says.
kdocs_api::TokenReply exchange(const Login& login, const std::string& code) {
  const SystemClock clock;
  CurlTransport transport(clock);
  transport.send(RequestId{1}, kdocs_api::exchange_code(login.settings, login.app_key, code));
  std::vector<Reply> replies;
  while (replies.empty()) {
    transport.wait_until(clock.steady() + std::chrono::seconds(1));
    replies = transport.take_replies();
  }
  const auto fail = [&](const std::string& what, const std::string& why) {
    throw LoginError(
        what + kdocs_api::without_secret(kdocs_api::without_secret(why, login.app_key), code));
  };
  const Delivery& delivery = replies.front().delivery;
  if (const auto* not_sent = std::get_if<NotSent>(&delivery))
    fail("KDocs cannot be reached, and the code was not used; run login again: ", not_sent->reason);
  if (const auto* unanswered = std::get_if<Unanswered>(&delivery))
    fail("KDocs did not answer; run login again: ", unanswered->reason);
  auto read = kdocs_api::read_tokens(std::get<Answered>(delivery));
  if (const auto* refusal = std::get_if<kdocs_api::TokenRefusal>(&read))
    fail("KDocs does not take the code, which is good once and for " +
             std::to_string(kdocs_api::code_life.count()) +
             " minutes, or not app_id and app_key; run login again: ",
         refusal->sentence);
  return std::move(std::get<kdocs_api::TokenReply>(read));
}

std::string missing_scopes(std::string_view wanted, const std::string& granted) {
  std::string missing;
  while (!wanted.empty()) {
    const std::string_view scope = wanted.substr(0, wanted.find(','));
    wanted.remove_prefix(std::min(scope.size() + 1, wanted.size()));
    const std::string in_commas = "," + granted + ",";
    if (in_commas.find("," + std::string(scope) + ",") == std::string::npos)
      missing.append(missing.empty() ? "" : ", ").append(scope);
  }
  return missing;
}

void check_reply(const Login& login, const kdocs_api::TokenReply& reply) {
  if (!reply.app_id.empty() && reply.app_id != login.settings.app_id)
    throw LoginError("the service has answered for another app than " + login.settings.app_id +
                     "; nothing was changed");
  if (!reply.scopes.empty())
    if (const auto missing = missing_scopes(login.wanted.scopes, reply.scopes); !missing.empty())
      throw LoginError("the consent lacks the scope " + missing +
                       ": register it for the app with the vendor, run login again and allow it; "
                       "nothing was changed");
  struct stat as {};
  const auto before = login.store.read(as);
  const auto* known = std::get_if<TokenGrant>(&before);
  if (known != nullptr && !known->account.empty() && !reply.account.empty() &&
      known->account != reply.account)
    throw LoginError("this is another account than before, whose files the jobs of the app are "
                     "about; nothing was changed. Log in to KDocs as the former one and run login "
                     "again, or, if it shall be this one, remove " +
                     login.store.file().string() + " first");
}

} // namespace

void login(const Config& config, const std::filesystem::path& credentials_directory,
           const LoginOptions& options, std::istream& in, std::ostream& out) {
  const Login login = prepare(config, credentials_directory, options);
  const std::string state = hex_of(random_bytes(16));
  const std::string consent = kdocs_api::consent_address(login.settings, login.wanted.redirect_uri,
                                                         login.wanted.scopes, state);
  const Url address = std::get<Url>(parse_url(login.wanted.redirect_uri));
  const bool listens = !options.paste && !address.secure && is_loopback(address.host);
  const std::string query = listens ? listened(address, consent, out) : pasted(consent, in, out);
  const std::string code = code_in(query, state, listens);
  TokenGrant grant;
  grant.obtained_at = grant.consented_at = SystemClock().wall();
  const kdocs_api::TokenReply reply = exchange(login, code);
  check_reply(login, reply);
  grant.access_token = reply.access_token;
  grant.refresh_token = reply.refresh_token;
  grant.expires_at = *grant.obtained_at + reply.expires_in;
  grant.account = reply.account;
  if (const auto problem = login.store.write(grant))
    throw LoginError(problem->sentence);
  out << "The app \"" << login.app << "\" may be used until about "
      << to_text(*grant.consented_at + kdocs_api::consent_life).substr(0, 10)
      << "; its tokens are in " << login.store.file().string()
      << ", where a running daemon finds them by itself." << std::endl;
  if (grant.refresh_token.empty())
    out << "KDocs gave no refresh token: the access token ends at " << utc_second(*grant.expires_at)
        << ", and login has to be run again then." << std::endl;
}

} // namespace kdq
