// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the tests of `kvviz capture` and `kvviz tokenize` share: a folder with a tiny model, and what became of its
// files.
#pragma once

#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/scratch_folder.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace kvviz::test {

/// A scratch folder with a random model of 2 layers, 4 heads, 2 KV heads; the context holds the built-in tasks.
class EngineFolder {
public:
    explicit EngineFolder(int context = 2048)
    {
        test::TinyLlama shape;
        shape.context = context;
        test::writeTinyLlama(m_folder / "tiny.gguf", shape);
    }

    [[nodiscard]] std::string path(const std::string& name) const { return (m_folder / name).string(); }
    [[nodiscard]] std::string model() const { return path("tiny.gguf"); }
    [[nodiscard]] std::string write(const std::string& name, const std::string& content) const
    {
        return m_folder.write(name, content).string();
    }
    [[nodiscard]] bool has(const std::string& name) const { return std::filesystem::exists(path(name)); }

    /// kvviz capture with the tiny model.
    [[nodiscard]] Outcome capture(const std::vector<std::string>& arguments) const
    {
        std::vector<std::string> all{"capture", "--model", model()};
        all.insert(all.end(), arguments.begin(), arguments.end());
        return runProgram("kvviz", all);
    }
    /// The same as a line for runShell; paths of the scratch folder hold no blanks.
    [[nodiscard]] std::string captureLine(const std::string& arguments) const
    {
        return fmt::format("'{}/kvviz' capture --model {} {}", KVVIZ_BIN_DIR, model(), arguments);
    }
    [[nodiscard]] Outcome verify(const std::string& name) const { return runProgram("kvviz", {"verify", path(name)}); }
    /// Names of the files in a folder of the scratch folder.
    [[nodiscard]] std::set<std::string> files(const std::string& name) const
    {
        std::set<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(path(name)))
            names.insert(entry.path().filename().string());
        return names;
    }

private:
    ScratchFolder m_folder;
};

[[nodiscard]] inline std::string bytesOfFile(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
}

/// A refusal: this exit status, one sentence on standard error that starts as all of kvviz's do and holds these parts,
/// nothing on standard output.
inline void checkRefused(const Outcome& outcome, int status, const std::vector<std::string>& parts)
{
    INFO(outcome.err);
    CHECK(outcome.status == status);
    CHECK(outcome.out.empty());
    CHECK_THAT(outcome.err, Catch::Contains("kvviz: error: "));
    for (const std::string& part : parts)
        CHECK_THAT(outcome.err, Catch::Contains(part));
    const auto lines = std::count(outcome.err.begin(), outcome.err.end(), '\n');
    CHECK(lines <= (status == 2 ? 2 : 1) + (outcome.err.rfind("prefill", 0) == 0 ? 1 : 0));
}

/// Parses standard output as the one JSON object it must be.
[[nodiscard]] inline nlohmann::json jsonObject(const Outcome& outcome)
{
    INFO(outcome.out << outcome.err);
    const nlohmann::json object = nlohmann::json::parse(outcome.out, nullptr, false);
    REQUIRE(object.is_object());
    return object;
}

} // namespace kvviz::test
