// Whether a file cannot be opened because too many are open.
#pragma once

#include <string>

namespace kdq {

/// A sentence with the limit that is reached, of this process or of the machine; empty: some more
/// files can be opened. To be asked at once after a failure, whose own errno may not have come this
/// far.
std::string descriptor_shortage();

/// The sentence about a failure; or, if no more files can be opened, the one about that.
std::string or_descriptor_shortage(std::string sentence);

/// So many descriptors as the process may take, up to a bound that all needs are below.
void raise_descriptor_limit();

} // namespace kdq
