#include "daemon/web/live_pages.h"

#include "daemon/web/pages.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace kdq::web {
namespace {

using namespace std::chrono_literals;

/// Each has a thread of the server's, which must have some left for others.
constexpr int most_followers = 100;
/// A line is to be seen within a second of its commit; a busy queue has hundreds of commits in one.
constexpr std::chrono::milliseconds between_events = 400ms;
/// A proxy may close what is silent; and ages change with the time alone.
constexpr std::chrono::milliseconds longest_silence = 10s;
/// So long a page is shown to others as well; so many are kept for it.
constexpr std::chrono::milliseconds page_lasts = 5s;
constexpr std::size_t most_pages = 64;
constexpr std::size_t most_page_bytes = 2u << 20; ///< of all that are kept
/// A longer query is somebody's invention.
constexpr std::size_t longest_query = 512;

/// Of where a growing part goes on, the page makes sense; here it must only fit into one line.
bool is_place(std::string_view place) {
  return place.size() <= 200 &&
         std::all_of(place.begin(), place.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

/// What leads to the same page for all; nothing: it is not kept. What grows is behind another place
/// for each.
std::optional<std::string> key_of(const Visit& visit) {
  std::size_t query = 0;
  for (const auto& [name, value] : visit.query)
    query += name.size() + value.size();
  if (!visit.place.empty() || visit.path.size() + query > longest_query)
    return std::nullopt;
  return visit.address() + '\n' + std::string(visit.t("en", "zh")) +
         (visit.may_act ? visit.form_token : std::string());
}

std::size_t bytes_of(const Page& page) {
  std::size_t bytes = 0;
  for (const Part& part : page.parts)
    bytes += part.content.text().size();
  return bytes;
}

} // namespace

LivePages::LivePages(ReaderPool& readers, Changes& changes, const Clock& clock)
    : readers_(readers), changes_(changes), clock_(clock) {}

std::shared_ptr<LivePages::Follower> LivePages::follow(Visit visit) {
  const std::lock_guard lock(mutex_);
  if (followers_ >= most_followers)
    return nullptr;
  ++followers_;
  if (!is_place(visit.place))
    visit.place.clear();
  std::shared_ptr<void> taken(nullptr, [this](void*) {
    const std::lock_guard gone(mutex_);
    --followers_;
  });
  return std::shared_ptr<Follower>(new Follower(*this, std::move(visit), std::move(taken)));
}

/// Those who look at the same see what was made once.
std::shared_ptr<const Page> LivePages::page(const Visit& visit, std::uint64_t change) {
  const std::optional<std::string> key = key_of(visit);
  if (key) {
    const std::lock_guard lock(mutex_);
    const SteadyTime now = clock_.steady();
    if (made_at_ != change || now >= made_until_ || made_.size() >= most_pages) {
      made_.clear();
      made_bytes_ = 0;
      made_at_ = change;
      made_until_ = now + page_lasts;
    }
    if (const auto found = made_.find(*key); found != made_.end())
      return found->second;
  }
  auto made = std::make_shared<Page>();
  readers_.with([&](Reader& reader) { *made = make_page(reader, visit); });
  const std::size_t bytes = bytes_of(*made);
  const std::lock_guard lock(mutex_);
  if (key && made_at_ == change && made_bytes_ + bytes <= most_page_bytes &&
      made_.emplace(*key, made).second)
    made_bytes_ += bytes;
  return made;
}

std::optional<std::string> LivePages::Follower::next() {
  Changes& changes = pages_.changes_;
  if (seen_.has_value())
    changes.rest(between_events);
  seen_ = std::exchange(at_once_, false) ? changes.last() : changes.wait(*seen_, longest_silence);
  if (changes.has_ended())
    return std::nullopt;
  visit_.now = pages_.clock_.wall();
  try {
    const std::shared_ptr<const Page> page = pages_.page(visit_, *seen_);
    to_watch_ = page->to_watch;
    return alive(events(*page));
  } catch (const std::exception&) {
    return alive(""); // the page says what is wrong when it is loaded again
  }
}

std::string LivePages::Follower::alive(std::string events) {
  const SteadyTime now = pages_.clock_.steady();
  if (events.empty() && now < next_comment_)
    return events;
  next_comment_ = now + longest_silence;
  return events.empty() ? ": nothing has changed\n\n" : events;
}

std::string LivePages::Follower::events(const Page& page) {
  std::string out;
  for (const Part& part : page.parts) {
    if (part.grows && !part.content.empty())
      at_once_ = true; // there may be more than one page shows at once
    const std::size_t hash = std::hash<std::string>{}(part.content.text());
    if (part.grows ? part.content.empty() : shown_[part.id] == hash)
      continue;
    shown_[part.id] = hash;
    const nlohmann::json event{
        {"id", part.id}, {"html", part.content.text()}, {"grows", part.grows}};
    // Where the browser goes on if it has to connect anew: it comes with what leads there.
    if (part.grows)
      out += "id: " + page.place + "\n";
    out += "data: " + event.dump() + "\n\n";
  }
  visit_.place = page.place;
  return out;
}

} // namespace kdq::web
