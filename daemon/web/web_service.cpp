#include "daemon/web/web_service.h"

#include "daemon/secret_file.h"
#include "daemon/web/metrics.h"
#include "store/base/file_io.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <thread>
#include <utility>

namespace kdq::web {
namespace {

using namespace std::chrono_literals;

/// Also if no event came: the database may have been replaced.
constexpr std::chrono::milliseconds between_looks = 2s;
constexpr std::chrono::milliseconds between_metrics = 15s;
constexpr std::size_t longest_hash = 384; ///< crypt(5): CRYPT_OUTPUT_SIZE

std::string password_hash(const std::filesystem::path& file) {
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  struct stat as {};
  const auto read = read_secret_file(file, folder == nullptr ? "" : folder,
                                     "the hash of a password", longest_hash, as);
  if (const auto* problem = std::get_if<SecretProblem>(&read))
    throw std::runtime_error(file.string() + problem->what);
  std::string hash = std::get<std::string>(read);
  while (hash.ends_with('\n') || hash.ends_with('\r'))
    hash.pop_back();
  if (!is_strong_hash(hash))
    throw std::runtime_error(file.string() + " holds no yescrypt or scrypt hash: kdocs-queued-web "
                                             "--hash-password makes one");
  return hash;
}

} // namespace

WebService::WebService(const WebOptions& options, Log& log)
    : options_(options), log_(log), watch_(options.database), server_(options.listen),
      guard_({options.known_hosts(server_.port()),
              options.password_file ? password_hash(*options.password_file) : std::string()},
             clock_),
      site_(options.database, options.allow_actions, guard_, changes_, clock_) {
  for (const int fd : watch_.descriptors())
    waits_.watch(fd);
  waits_.watch(signals_.fd());
  site_.serve(server_);
  if (options.metrics_file)
    next_metrics_ = SteadyTime::min();
}

void WebService::write_port() const {
  if (!options_.port_file)
    return;
  std::ofstream out(*options_.port_file);
  out << server_.port() << '\n';
  if (!out.flush())
    throw std::runtime_error("cannot write " + options_.port_file->string());
}

void WebService::run() {
  std::thread serving([this] { server_.serve(); });
  struct Join {
    WebService& service;
    std::thread& thread;
    ~Join() {
      service.changes_.end();
      service.server_.end();
      thread.join();
    }
  } const join{*this, serving};
  write_port();
  const std::string url = options_.listen.url(server_.port());
  log_.write(LogLevel::info, "shows " + options_.database.string() + " at " + url);
  log_.flush();
  manager_.ready();
  manager_.status("shows the queue at " + url);
  for (;;) {
    const SteadyTime now = clock_.steady();
    const SteadyTime alive = manager_.alive(now);
    const SteadyTime next = std::min({alive, next_look_, next_metrics_, watch_.next_sweep()});
    waits_.wait(next <= now ? 0ms : std::chrono::ceil<std::chrono::milliseconds>(next - now));
    watch_.woke();
    if (const std::string_view signal = signals_.take(); signal == "SIGTERM" || signal == "SIGINT")
      break;
    look();
    write_metrics();
  }
  manager_.stopping();
}

void WebService::look() {
  const SteadyTime now = clock_.steady();
  bool changed = false;
  try {
    if (!reader_ || reader_->is_outdated())
      reader_ = std::make_unique<Reader>(options_.database);
    changed = reader_->changed();
    if (!std::exchange(trouble_, {}).empty())
      log_.write(LogLevel::info, "the database can be read again");
  } catch (const std::exception& error) {
    reader_.reset();
    tell_trouble(error.what());
  }
  if (changed)
    changes_.notice();
  watch_.looked(changed, now);
  next_look_ = now + between_looks;
}

/// A file that is old says that something is wrong here; the log says what.
void WebService::write_metrics() {
  const SteadyTime now = clock_.steady();
  if (now < next_metrics_)
    return;
  next_metrics_ = now + between_metrics;
  try {
    write_metrics_file(*options_.metrics_file, site_.metrics());
    metrics_trouble_.clear();
  } catch (const std::exception& error) {
    if (std::exchange(metrics_trouble_, error.what()) != error.what())
      log_.write(LogLevel::warn, error.what());
  }
}

void WebService::tell_trouble(const std::string& sentence) {
  if (std::exchange(trouble_, sentence) == sentence)
    return;
  log_.write(LogLevel::warn, sentence);
  changes_.notice(); // whoever looks is to see it
}

} // namespace kdq::web
