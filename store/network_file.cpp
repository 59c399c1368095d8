#include "store/network_file.h"

#include <sys/vfs.h>

#include <algorithm>
#include <array>

namespace kdq {
namespace {

// linux/magic.h: file systems on which the locks or the shared memory of WAL do not work.
constexpr std::array<long, 7> network_file_systems = {
    0x6969,     0x517b,     0xff534d42, // nfs, smb, cifs
    0xfe534d42, 0x00c36400, 0x5346414f, // smb2, ceph, afs
    0x01021997};                        // 9p

bool on_network_file_system(const std::filesystem::path& file) {
  struct statfs info {};
  if (statfs(file.c_str(), &info) != 0)
    return false;
  return std::any_of(network_file_systems.begin(), network_file_systems.end(), [&](long magic) {
    return static_cast<unsigned long>(info.f_type) == static_cast<unsigned long>(magic);
  });
}

} // namespace

std::string network_refusal(const std::filesystem::path& file) {
  if (!on_network_file_system(file))
    return {};
  return file.string() + " is on a network file system, where SQLite's locks do not work: put the "
                         "database on a local disk";
}

} // namespace kdq
