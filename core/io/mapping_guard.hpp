// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A file that becomes shorter while it is mapped ends the process with SIGBUS at the next look at a page that is gone.
// Within guarded ranges such pages are replaced by zeros, and the range remembers it.
#pragma once

#include <cstddef>

namespace kvviz::io {

/// Number of the guard of [begin, begin + size); -1 when all are in use: the range is not guarded then.
[[nodiscard]] int guardMapping(const std::byte* begin, std::size_t size) noexcept;
/// To be called before the range is unmapped. -1 is allowed.
void releaseGuard(int guard) noexcept;
/// Have pages been replaced?
[[nodiscard]] bool lostPages(int guard) noexcept;

} // namespace kvviz::io
