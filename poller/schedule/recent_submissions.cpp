#include "poller/schedule/recent_submissions.h"

namespace kdq {

void RecentSubmissions::add(ScriptBook& book, ScriptRecord& script) {
  const bool was_known = book.known(script);
  book.use(script);
  submissions_.push_back({&script, was_known});
  unknown_ += was_known ? 0 : 1;
  if (submissions_.size() <= capacity)
    return;
  const Submission oldest = submissions_.front();
  submissions_.pop_front();
  unknown_ -= oldest.was_known ? 0 : 1;
  book.release(*oldest.script);
}

std::vector<RecentSubmissions::Share> RecentSubmissions::known() const {
  std::vector<Share> shares;
  for (const Submission& submission : submissions_) {
    if (!submission.was_known)
      continue;
    ScriptRecord& script = *submission.script;
    if (script.place_in_mix < shares.size() && shares[script.place_in_mix].script == &script) {
      ++shares[script.place_in_mix].submissions;
      continue;
    }
    script.place_in_mix = shares.size();
    shares.push_back({&script, 1});
  }
  return shares;
}

} // namespace kdq
