#include "daemon/curl_transport.h"

#include "daemon/base_url.h"
#include "daemon/version.h"
#include "poller/kdocs_api.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <deque>
#include <stdexcept>
#include <utility>

namespace kdq {

namespace {

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
using ParsedUrl = std::unique_ptr<CURLU, Freer<curl_url_cleanup>>;
using CurlText = std::unique_ptr<char, Freer<curl_free>>;

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

/// Whether a URL's host is loopback; throws std::runtime_error for what may not be sent at all.
bool goes_to_loopback(const std::string& url) {
  const ParsedUrl parsed(curl_url());
  char* scheme = nullptr;
  char* host = nullptr;
  if (!parsed ||
      curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_PATH_AS_IS) != CURLUE_OK)
    throw std::runtime_error("the address cannot be read");
  const bool has_scheme = curl_url_get(parsed.get(), CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
  const CurlText scheme_text(scheme);
  const bool has_host = curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) == CURLUE_OK;
  const CurlText host_text(host);
  if (!has_scheme || !has_host)
    throw std::runtime_error("the address cannot be read");
  const bool loopback = is_loopback(host_text.get());
  const std::string_view word = scheme_text.get();
  if (word != "https" && !(word == "http" && loopback))
    throw std::runtime_error("plain http is allowed to loopback addresses only");
  return loopback;
}

/// One request on the wire. Used again and again; libcurl holds pointers into it while it runs, so
/// it does not move.
struct Transfer {
  Easy easy{curl_easy_init()};
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
  const char* detail =
      transfer.error.front() != '\0' ? transfer.error.data() : curl_easy_strerror(code);
  return kdocs_api::redacted(detail);
}

Delivery delivery_of(Transfer& transfer, CURLcode code) {
  long status = 0;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  const int http_status = static_cast<int>(status);
  if (code == CURLE_OK) {
    Answered answered{http_status, std::move(transfer.received), std::nullopt};
    curl_off_t retry_after = 0; // also if there is no such header
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_RETRY_AFTER, &retry_after);
    if (retry_after > 0)
      answered.retry_after = std::chrono::seconds(retry_after);
    return answered;
  }
  if (transfer.attempts == 0)
    return NotSent{reason_of(transfer, code)};
  return Unanswered{reason_of(transfer, code), http_status, std::move(transfer.received)};
}

} // namespace

struct CurlTransport::Impl {
  Impl(const Clock& a_clock, CurlLimits a_limits) : clock(a_clock), limits(a_limits) {
    if (!multi)
      throw std::runtime_error("libcurl cannot be set up");
    check(curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS,
                            static_cast<long>(limits.max_connections)));
  }
  ~Impl() {
    for (const auto& transfer : running)
      curl_multi_remove_handle(multi.get(), transfer->easy.get());
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start_waiting();
  void set_options(Transfer& transfer, const HttpRequest& request);
  void progress();
  void finish(CURL* easy, CURLcode code);

  using Transfers = std::vector<std::unique_ptr<Transfer>>;

  const Clock& clock;
  CurlLimits limits;
  CurlLibrary library;
  // Without `Expect:` libcurl asks before it sends a large body, and sends again on a refusal.
  Headers get_headers = header_list({"Accept: application/json"});
  Headers post_headers =
      header_list({"Accept: application/json", "Content-Type: application/json", "Expect:"});
  std::string agent = "kdocs-queued/" + std::string(version);
  Multi multi{curl_multi_init()};
  std::vector<curl_waitfd> watched;

  std::deque<std::pair<RequestId, HttpRequest>> waiting; ///< beyond max_connections
  Transfers running;
  Transfers spare; ///< used before; keeping them saves their buffers and the set-up
  std::vector<Reply> replies;
};

void CurlTransport::Impl::set_options(Transfer& transfer, const HttpRequest& request) {
  CURL* easy = transfer.easy.get();
  const bool loopback = goes_to_loopback(request.url);
  curl_easy_reset(easy);
  set(easy, CURLOPT_URL, request.url.c_str());
  set(easy, CURLOPT_PATH_AS_IS, 1L);
  set(easy, CURLOPT_PROTOCOLS_STR, loopback ? "http,https" : "https");
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy, CURLOPT_USERAGENT, agent.c_str());
  if (loopback)
    set(easy, CURLOPT_PROXY, "");

  set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!request.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, request.ca_file.c_str());
    set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }

  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect.count()));
  set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(limits.total.count()));
  set(easy, CURLOPT_MAXAGE_CONN, static_cast<long>(limits.max_idle_age.count()));

  set(easy, CURLOPT_PRIVATE, static_cast<void*>(&transfer));
  set(easy, CURLOPT_ERRORBUFFER, transfer.error.data());
  set(easy, CURLOPT_WRITEFUNCTION, &Transfer::receive);
  set(easy, CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  set(easy, CURLOPT_PREREQFUNCTION, &Transfer::before_sending);
  set(easy, CURLOPT_PREREQDATA, static_cast<void*>(&transfer));

  const bool post = request.method == HttpRequest::Method::post;
  set(easy, CURLOPT_HTTPHEADER, (post ? post_headers : get_headers).get());
  if (post) {
    set(easy, CURLOPT_POST, 1L);
    set(easy, CURLOPT_POSTFIELDS, transfer.body.data());
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer.body.size()));
  }
}

void CurlTransport::Impl::start_waiting() {
  while (!waiting.empty() && running.size() < limits.max_connections) {
    auto [id, request] = std::move(waiting.front());
    waiting.pop_front();
    if (spare.empty())
      spare.push_back(std::make_unique<Transfer>());
    auto transfer = std::move(spare.back());
    spare.pop_back();
    transfer->id = id;
    transfer->body = std::move(request.body);
    transfer->received.clear();
    transfer->max_reply_bytes = limits.max_reply_bytes;
    transfer->attempts = 0;
    transfer->too_long = false;
    transfer->error.fill('\0');
    try {
      if (!transfer->easy)
        throw std::runtime_error("libcurl has no memory");
      set_options(*transfer, request);
      check(curl_multi_add_handle(multi.get(), transfer->easy.get()));
    } catch (const std::runtime_error& error) {
      replies.push_back({id, NotSent{error.what()}});
      continue;
    }
    running.push_back(std::move(transfer));
  }
}

void CurlTransport::Impl::finish(CURL* easy, CURLcode code) {
  const auto found = std::find_if(running.begin(), running.end(), [&](const auto& transfer) {
    return transfer->easy.get() == easy;
  });
  auto transfer = std::move(*found);
  *found = std::move(running.back());
  running.pop_back();
  replies.push_back({transfer->id, delivery_of(*transfer, code)});
  check(curl_multi_remove_handle(multi.get(), easy));
  spare.push_back(std::move(transfer));
}

/// Does whatever can be done without waiting.
void CurlTransport::Impl::progress() {
  for (bool more = true; more;) {
    start_waiting();
    int still_running = 0;
    check(curl_multi_perform(multi.get(), &still_running));
    more = false;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
      if (message->msg != CURLMSG_DONE)
        continue;
      const CURLcode code = message->data.result; // removing the handle frees the message
      finish(message->easy_handle, code);
      more = !waiting.empty();
    }
  }
}

CurlTransport::CurlTransport(const Clock& clock, CurlLimits limits)
    : impl_(std::make_unique<Impl>(clock, limits)) {}

CurlTransport::~CurlTransport() = default;

void CurlTransport::watch(int fd) {
  impl_->watched.push_back({fd, CURL_WAIT_POLLIN, 0});
}

void CurlTransport::send(RequestId id, HttpRequest request) {
  impl_->waiting.emplace_back(id, std::move(request));
}

void CurlTransport::wait_until(SteadyTime wake) {
  // libcurl takes an int of milliseconds; a long wait is several short ones.
  constexpr std::chrono::milliseconds longest{600'000};
  auto& self = *impl_;
  for (;;) {
    self.progress();
    if (!self.replies.empty())
      return;
    const SteadyTime now = self.clock.steady();
    if (now >= wake)
      return;
    const auto wait = wake - longest > now ? longest : wake - now;
    for (auto& fd : self.watched)
      fd.revents = 0;
    check(curl_multi_poll(self.multi.get(), self.watched.data(),
                          static_cast<unsigned>(self.watched.size()),
                          static_cast<int>(wait.count()), nullptr));
    const auto ready = [](const curl_waitfd& fd) { return fd.revents != 0; };
    if (std::any_of(self.watched.begin(), self.watched.end(), ready)) {
      self.progress();
      return;
    }
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
