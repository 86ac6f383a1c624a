// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the tests of model files share: a folder of their own, and the message of the error that a call must throw.
#pragma once

#include "core/error.hpp"
#include "tests/support/catch.hpp"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>

namespace kvviz::tests {

/// A new empty folder under the system's temporary folder, removed at the end.
class ModelFolder {
public:
    ModelFolder()
    {
        static std::atomic<int> counter{0};
        m_path = std::filesystem::temp_directory_path()
                 / ("kvviz-model-" + std::to_string(::getpid()) + "-" + std::to_string(counter++));
        std::filesystem::create_directories(m_path);
    }
    ~ModelFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(m_path, ignored);
    }
    ModelFolder(const ModelFolder&) = delete;
    ModelFolder& operator=(const ModelFolder&) = delete;

    [[nodiscard]] std::filesystem::path path(const std::string& name) const { return m_path / name; }
    std::filesystem::path write(const std::string& name, std::string_view bytes) const
    {
        std::ofstream file(path(name), std::ios::binary);
        file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        REQUIRE(file.flush());
        return path(name);
    }

private:
    std::filesystem::path m_path;
};

/// Runs `call`, which must throw Error(badInput), and gives its message; any other exception fails the test.
template <class Call> std::string badInputMessage(const Call& call)
{
    try {
        call();
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::badInput);
        return error.what();
    }
    FAIL_CHECK("no error was thrown");
    return {};
}

} // namespace kvviz::tests
