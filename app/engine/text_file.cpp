// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Reading of text files.
#include "app/engine/text_file.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace kvviz::app {

using core::Error;
using core::ErrorCode;

std::string readTextFile(const std::filesystem::path& path)
{
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
        throw Error(ErrorCode::badInput, fmt::format("{}: is a folder, expected a text file", path.string()));
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf() || in.peek() == std::ifstream::traits_type::eof()))
        throw Error(ErrorCode::badInput, fmt::format("{}: cannot be read{}", path.string(),
                                                     errno == 0 ? "" : fmt::format(" ({})", std::strerror(errno))));
    return text.str();
}

} // namespace kvviz::app
