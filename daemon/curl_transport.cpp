#include "daemon/curl_transport.h"

#include "daemon/url.h"
#include "daemon/version.h"
#include "daemon/wait_set.h"
#include "poller/api/kdocs_api.h"
#include "store/base/descriptors.h"

#include <curl/curl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <deque>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace kdq {

using namespace std::chrono_literals;

namespace {

using Method = HttpRequest::Method;

// Of replies, before the caller gets the first: what is due meanwhile waits as long.
constexpr std::chrono::milliseconds longest_gathering{5};

template <auto Free>
struct Freer {
  template <class Handle>
  void operator()(Handle* handle) const noexcept {
    Free(handle);
  }
};
using Easy = std::unique_ptr<CURL, Freer<curl_easy_cleanup>>;
using Multi = std::unique_ptr<CURLM, Freer<curl_multi_cleanup>>;
using Headers = std::unique_ptr<curl_slist, Freer<curl_slist_free_all>>;

/// libcurl counts these, so several transports may exist.
class CurlLibrary {
public:
  CurlLibrary() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
      throw std::runtime_error("libcurl cannot be set up");
  }
  ~CurlLibrary() { curl_global_cleanup(); }
  CurlLibrary(const CurlLibrary&) = delete;
  CurlLibrary& operator=(const CurlLibrary&) = delete;
};

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  if (const CURLcode code = curl_easy_setopt(easy, option, value); code != CURLE_OK)
    throw std::runtime_error(std::string("libcurl refuses an option: ") + curl_easy_strerror(code));
}

void check(CURLMcode code) {
  if (code != CURLM_OK)
    throw std::runtime_error(std::string("libcurl: ") + curl_multi_strerror(code));
}

Headers header_list(const std::vector<std::string>& lines) {
  Headers list;
  for (const auto& line : lines) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr)
      throw std::bad_alloc();
    static_cast<void>(list.release());
    list.reset(longer);
  }
  return list;
}

/// Whether a URL's host is loopback. Remembers the last origin: nearly all requests go to one
/// server.
class LoopbackRule {
public:
  /// Throws std::runtime_error for what may not be sent at all.
  bool operator()(const std::string& url) {
    if (!origin_.empty() && url.starts_with(origin_))
      return loopback_;
    const auto parsed = parse_url(url);
    const auto* read = std::get_if<Url>(&parsed);
    if (read == nullptr)
      throw std::runtime_error("the address cannot be read");
    if (!may_carry_token(*read))
      throw std::runtime_error("plain http is allowed to loopback addresses only");
    origin_ = origin(*read);
    loopback_ = is_loopback(read->host);
    return loopback_;
  }

private:
  std::string origin_;
  bool loopback_ = false;
};

/// What decides a transfer's lasting options.
struct Setup {
  Method method = Method::get;
  bool loopback = false;
  std::string ca_file;
  bool operator==(const Setup&) const = default;
};

/// One request on the wire. Used again and again; libcurl holds pointers into it while it runs, so
/// it does not move.
struct Transfer {
  Easy easy{curl_easy_init()};
  std::optional<Setup> setup; ///< its options are set for; none: for nothing
  std::size_t place = 0;      ///< in Impl::running
  RequestId id;
  std::string body;     ///< of the request
  std::string received; ///< of the reply
  std::size_t max_reply_bytes = 0;
  int attempts = 0; ///< how often libcurl was about to send the request
  bool too_long = false;
  std::array<char, CURL_ERROR_SIZE> error{};

  static std::size_t receive(char* data, std::size_t, std::size_t size, void* self) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::size_t room = transfer.max_reply_bytes - transfer.received.size();
    try {
      transfer.received.append(data, std::min(size, room));
    } catch (...) {
      return 0; // out of memory: libcurl ends the transfer
    }
    transfer.too_long = size > room;
    return transfer.too_long ? 0 : size;
  }

  /// Called when a connection stands and before the first byte of the request is written, once per
  /// attempt. The second attempt is libcurl's own repetition.
  static int before_sending(void* self, char*, char*, int, int) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    return ++transfer.attempts == 1 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
  }
};

std::string reason_of(const Transfer& transfer, CURLcode code) {
  if (transfer.too_long)
    return "the reply is longer than " + std::to_string(transfer.max_reply_bytes) + " bytes";
  if (transfer.attempts > 1)
    return "the server closed the connection without a reply";
  if (transfer.attempts == 0)
    if (std::string shortage = descriptor_shortage(); !shortage.empty())
      return shortage;
  const char* detail =
      transfer.error.front() != '\0' ? transfer.error.data() : curl_easy_strerror(code);
  return kdocs_api::redacted(kdocs_api::without_logins(detail));
}

/// The header, if it says something: a number of seconds, or a date. What has passed is 0.
std::optional<std::chrono::seconds> retry_after(CURL* easy) {
  curl_header* header = nullptr;
  if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
    return std::nullopt;
  const std::string_view value = header->value;
  if (!value.empty() && value.find_first_not_of("0123456789") == value.npos) {
    std::int64_t seconds = std::numeric_limits<std::int64_t>::max(); // of more digits than it has
    std::from_chars(value.data(), value.data() + value.size(), seconds);
    return std::chrono::seconds(seconds);
  }
  if (curl_getdate(header->value, nullptr) < 0)
    return std::nullopt;
  curl_off_t seconds = 0;
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
  return std::chrono::seconds(std::max<curl_off_t>(0, seconds));
}

Delivery delivery_of(Transfer& transfer, CURLcode code) {
  long status = 0;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  const int http_status = static_cast<int>(status);
  if (code == CURLE_OK) {
    return Answered{http_status, std::move(transfer.received), retry_after(transfer.easy.get())};
  }
  if (transfer.attempts == 0)
    return NotSent{reason_of(transfer, code)};
  return Unanswered{reason_of(transfer, code), http_status, std::move(transfer.received)};
}

} // namespace

struct CurlTransport::Impl {
  Impl(const Clock& a_clock, CurlLimits a_limits);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* address) noexcept;
  static int close_socket(void* self, curl_socket_t socket) noexcept;
  static int follow(CURL*, curl_socket_t socket, int what, void* self, void*) noexcept;
  void act(curl_socket_t socket, int events);
  bool wait(std::chrono::milliseconds longest);
  void progress();
  void finish(CURL* easy, CURLcode code);

  bool start_next();
  void start(RequestId id, HttpRequest& request);
  std::unique_ptr<Transfer> spare_for(Method method);
  void set_lasting_options(Transfer& transfer, const Setup& wanted);

  using Transfers = std::vector<std::unique_ptr<Transfer>>;
  /// The requests of one method.
  struct Kind {
    std::size_t max_running = 0;
    std::size_t running = 0;
    std::deque<std::pair<RequestId, HttpRequest>> waiting; ///< for a connection
    Transfers spare; ///< used before; keeping them saves their buffers and most of the set-up
  };
  Kind& kind_of(Method method) { return method == Method::get ? gets : posts; }

  const Clock& clock;
  CurlLimits limits;
  CurlLibrary library;
  // Without `Expect:` libcurl asks before it sends a large body, and sends again on a refusal.
  Headers get_headers = header_list({"Accept: application/json"});
  Headers post_headers =
      header_list({"Accept: application/json", "Content-Type: application/json", "Expect:"});
  std::string agent = "kdocs-queued/" + std::string(version);
  LoopbackRule goes_to_loopback;
  WaitSet wait_set; ///< before multi, which closes its sockets through it
  Multi multi{curl_multi_init()};

  Kind gets;
  Kind posts;
  Transfers running; ///< of both kinds
  std::vector<Reply> replies;
};

CurlTransport::Impl::Impl(const Clock& a_clock, CurlLimits a_limits)
    : clock(a_clock), limits(a_limits) {
  if (!multi)
    throw std::runtime_error("libcurl cannot be set up");
  gets.max_running = limits.max_connections;
  posts.max_running = std::min(limits.max_posts, limits.max_connections);
  const auto max_connections = static_cast<long>(limits.max_connections);
  check(curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, max_connections));
  check(curl_multi_setopt(multi.get(), CURLMOPT_SOCKETFUNCTION, &Impl::follow));
  check(curl_multi_setopt(multi.get(), CURLMOPT_SOCKETDATA, static_cast<void*>(this)));
}

CurlTransport::Impl::~Impl() {
  curl_multi_setopt(multi.get(), CURLMOPT_SOCKETFUNCTION, nullptr);
  for (const auto& transfer : running)
    curl_multi_remove_handle(multi.get(), transfer->easy.get());
}

curl_socket_t CurlTransport::Impl::open_socket(void* self, curlsocktype,
                                               curl_sockaddr* address) noexcept {
  return static_cast<Impl*>(self)->wait_set.open_socket(address->family, address->socktype,
                                                        address->protocol);
}

int CurlTransport::Impl::close_socket(void* self, curl_socket_t socket) noexcept {
  return static_cast<Impl*>(self)->wait_set.close_socket(socket);
}

/// CURLMOPT_SOCKETFUNCTION: libcurl says for which events of a socket it wants to be called. After
/// a failure its current call fails, and check() throws.
int CurlTransport::Impl::follow(CURL*, curl_socket_t socket, int what, void* self, void*) noexcept {
  std::uint32_t events = 0;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
    events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
    events |= EPOLLOUT;
  return static_cast<Impl*>(self)->wait_set.want(socket, events) ? 0 : -1;
}

/// `events`: CURL_CSELECT_*; with CURL_SOCKET_TIMEOUT and 0 libcurl does what its timers demand.
void CurlTransport::Impl::act(curl_socket_t socket, int events) {
  int still_running = 0;
  check(curl_multi_socket_action(multi.get(), socket, events, &still_running));
}

/// Sleeps until something is ready or one of libcurl's timers is due, and lets libcurl handle what
/// is ready. Whether a watched descriptor is.
bool CurlTransport::Impl::wait(std::chrono::milliseconds longest) {
  long timer = -1; // none
  check(curl_multi_timeout(multi.get(), &timer));
  if (timer >= 0)
    longest = std::min(longest, std::chrono::milliseconds(timer));
  bool watched_ready = false;
  for (const auto& [fd, events, watched] : wait_set.wait(longest)) {
    if (watched) {
      watched_ready = true;
      continue;
    }
    // A closed or broken connection is readable, too: reading tells what happened to it.
    const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    const bool in = broken || (events & EPOLLIN) != 0;
    const bool out = (events & EPOLLOUT) != 0;
    act(fd, (in ? CURL_CSELECT_IN : 0) | (out ? CURL_CSELECT_OUT : 0) |
                (broken ? CURL_CSELECT_ERR : 0));
  }
  return watched_ready;
}

void CurlTransport::Impl::set_lasting_options(Transfer& transfer, const Setup& wanted) {
  CURL* easy = transfer.easy.get();
  curl_easy_reset(easy);
  set(easy, CURLOPT_PATH_AS_IS, 1L);
  set(easy, CURLOPT_PROTOCOLS_STR, wanted.loopback ? "http,https" : "https");
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy, CURLOPT_USERAGENT, agent.c_str());
  if (wanted.loopback)
    set(easy, CURLOPT_PROXY, "");

  set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!wanted.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, wanted.ca_file.c_str());
    set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }

  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect.count()));
  set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(limits.total.count()));
  set(easy, CURLOPT_MAXAGE_CONN, static_cast<long>(limits.max_idle_age.count()));

  set(easy, CURLOPT_OPENSOCKETFUNCTION, &Impl::open_socket);
  set(easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  set(easy, CURLOPT_CLOSESOCKETFUNCTION, &Impl::close_socket);
  set(easy, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(this));

  set(easy, CURLOPT_PRIVATE, static_cast<void*>(&transfer));
  set(easy, CURLOPT_ERRORBUFFER, transfer.error.data());
  set(easy, CURLOPT_WRITEFUNCTION, &Transfer::receive);
  set(easy, CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  set(easy, CURLOPT_PREREQFUNCTION, &Transfer::before_sending);
  set(easy, CURLOPT_PREREQDATA, static_cast<void*>(&transfer));

  const bool post = wanted.method == Method::post;
  set(easy, CURLOPT_HTTPHEADER, (post ? post_headers : get_headers).get());
  if (post)
    set(easy, CURLOPT_POST, 1L);
}

/// One that was used for the same method, if there is; no more are made than can run at once.
std::unique_ptr<Transfer> CurlTransport::Impl::spare_for(Method method) {
  const std::size_t made = running.size() + gets.spare.size() + posts.spare.size();
  auto* spare = &kind_of(method).spare;
  if (spare->empty() && made >= limits.max_connections)
    spare = &kind_of(method == Method::get ? Method::post : Method::get).spare;
  if (spare->empty())
    spare->push_back(std::make_unique<Transfer>());
  auto transfer = std::move(spare->back());
  spare->pop_back();
  return transfer;
}

/// Throws std::runtime_error if the request cannot be started; then it is not sent.
void CurlTransport::Impl::start(RequestId id, HttpRequest& request) {
  Setup wanted{request.method, goes_to_loopback(request.url), std::move(request.ca_file)};
  auto transfer = spare_for(request.method);
  CURL* easy = transfer->easy.get();
  if (easy == nullptr)
    throw std::runtime_error("libcurl has no memory");
  transfer->id = id;
  transfer->body = std::move(request.body);
  transfer->received.clear();
  transfer->max_reply_bytes = limits.max_reply_bytes;
  transfer->attempts = 0;
  transfer->too_long = false;
  transfer->error.front() = '\0';
  if (transfer->setup != wanted) {
    set_lasting_options(*transfer, wanted);
    transfer->setup = std::move(wanted);
  }
  set(easy, CURLOPT_URL, request.url.c_str());
  if (request.method == Method::post) {
    set(easy, CURLOPT_POSTFIELDS, transfer->body.data());
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer->body.size()));
  }
  check(curl_multi_add_handle(multi.get(), easy));
  ++kind_of(request.method).running;
  transfer->place = running.size();
  running.push_back(std::move(transfer));
}

/// Starts one of the waiting requests, a GET if there is; false if none can be started.
bool CurlTransport::Impl::start_next() {
  if (running.size() >= limits.max_connections)
    return false;
  for (Kind* kind : {&gets, &posts}) {
    if (kind->waiting.empty() || kind->running >= kind->max_running)
      continue;
    auto [id, request] = std::move(kind->waiting.front());
    kind->waiting.pop_front();
    try {
      start(id, request);
    } catch (const std::runtime_error& error) {
      replies.push_back({id, NotSent{error.what()}});
    }
    return true;
  }
  return false;
}

void CurlTransport::Impl::finish(CURL* easy, CURLcode code) {
  char* owner = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner);
  const std::size_t place = reinterpret_cast<Transfer*>(owner)->place;
  auto transfer = std::move(running[place]);
  if (place + 1 < running.size()) {
    running[place] = std::move(running.back());
    running[place]->place = place;
  }
  running.pop_back();
  replies.push_back({transfer->id, delivery_of(*transfer, code)});
  check(curl_multi_remove_handle(multi.get(), easy));
  Kind& kind = kind_of(transfer->setup->method);
  --kind.running;
  kind.spare.push_back(std::move(transfer));
}

/// Does whatever can be done without waiting.
void CurlTransport::Impl::progress() {
  for (;;) {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
      if (message->msg != CURLMSG_DONE)
        continue;
      const CURLcode code = message->data.result; // removing the handle frees the message
      finish(message->easy_handle, code);
    }
    while (start_next()) {
    }
    long timer = -1;
    check(curl_multi_timeout(multi.get(), &timer));
    if (timer != 0)
      return;
    act(CURL_SOCKET_TIMEOUT, 0); // this sends what was started, too
  }
}

CurlTransport::CurlTransport(const Clock& clock, CurlLimits limits)
    : impl_(std::make_unique<Impl>(clock, limits)) {}

CurlTransport::~CurlTransport() = default;

void CurlTransport::watch(int fd) {
  impl_->wait_set.watch(fd);
}

void CurlTransport::unwatch(int fd) {
  impl_->wait_set.unwatch(fd);
}

void CurlTransport::send(RequestId id, HttpRequest request) {
  impl_->kind_of(request.method).waiting.emplace_back(id, std::move(request));
}

void CurlTransport::wait_until(SteadyTime wake) {
  auto& self = *impl_;
  self.progress();
  // The sockets are looked at once in any case: else a caller in a hurry would never see a reply.
  for (bool ends = false; !ends;) {
    const SteadyTime now = self.clock.steady();
    const bool no_time = now >= wake || !self.replies.empty();
    const auto wait = no_time ? 0ms : wake - now;
    const bool watched_ready = self.wait(wait);
    self.progress();
    ends = no_time || watched_ready || !self.replies.empty();
  }
  // As long as more replies come at once the requests go on: the caller gets many together, and
  // stores them in few transactions and with one wait for the disk.
  const SteadyTime enough = self.clock.steady() + longest_gathering;
  for (std::size_t seen = 0; seen < self.replies.size() && self.clock.steady() < enough;) {
    seen = self.replies.size();
    self.wait(0ms);
    self.progress();
  }
}

std::vector<Reply> CurlTransport::take_replies() {
  return std::exchange(impl_->replies, {});
}

std::string CurlTransport::library_version() {
  const curl_version_info_data* info = curl_version_info(CURLVERSION_NOW);
  const std::string tls = info->ssl_version == nullptr ? "no TLS" : info->ssl_version;
  return std::string("libcurl/") + info->version + " " + tls;
}

} // namespace kdq
