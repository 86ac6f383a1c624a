// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/run_command.hpp"

#include "compress/method.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <algorithm>

namespace kvviz::views {

namespace {

namespace fs = std::filesystem;

/// Linux refuses a single argument of 128 KiB.
constexpr std::size_t kLongestText = 120'000;

/// A relative name could be an option or a command; "./name" cannot.
std::string pathText(const fs::path& path)
{
    return path.is_absolute() || path.empty() ? path.string() : "./" + path.lexically_normal().string();
}

class Words {
public:
    explicit Words(const std::string& command) { m_words.push_back(command); }
    void add(const std::string& word) { m_words.push_back(word); }
    /// Nothing for an empty value: the program's own default holds.
    void add(const std::string& option, const std::string& value)
    {
        if (value.empty())
            return;
        if (value.front() == '-') {
            m_words.push_back(option + "=" + value);
            return;
        }
        m_words.push_back(option);
        m_words.push_back(value);
    }
    void add(const std::string& option, const fs::path& path) { add(option, pathText(path)); }
    void add(const std::string& option, std::int64_t number) { add(option, std::to_string(number)); }
    void add(const TaskPrompts& prompts)
    {
        add("--task", prompts.task);
        if (prompts.shots)
            add("--shots", std::int64_t{*prompts.shots});
        add("--limit", prompts.limit);
        add("--data-dir", prompts.dataDir);
    }
    void add(WhenThere whenThere)
    {
        if (whenThere != WhenThere::refuse)
            add(whenThere == WhenThere::resume ? "--resume" : "--force");
    }
    [[nodiscard]] std::vector<std::string> take() { return std::move(m_words); }

private:
    std::vector<std::string> m_words;
};

std::vector<std::string> argumentsFor(const CaptureRun& run)
{
    Words words("capture");
    switch (run.source) {
    case CaptureRun::Source::text:
        words.add("--text", run.text);
        break;
    case CaptureRun::Source::textFile:
        words.add("--text-file", run.textFile);
        break;
    case CaptureRun::Source::task:
        words.add(run.prompts);
        break;
    }
    words.add("--tier", run.tier);
    words.add("--generate", run.generate);
    words.add("--model", run.model);
    words.add("--output", run.output);
    words.add(run.whenThere);
    return words.take();
}

std::vector<std::string> argumentsFor(const ReplayRun& run)
{
    Words words("replay");
    words.add("--methods", run.methods);
    words.add("--ratios", run.ratios);
    words.add("--depth", run.depth);
    if (run.depth == "decode")
        words.add("--model", run.model);
    words.add("--output", run.output);
    if (run.whenThere == WhenThere::overwrite)
        words.add("--force");
    for (const fs::path& capture : run.captures)
        words.add(pathText(capture));
    return words.take();
}

std::vector<std::string> argumentsFor(const EvalRun& run)
{
    Words words("eval");
    words.add(run.prompts);
    words.add("--methods", run.methods);
    words.add("--ratios", run.ratios);
    words.add("--model", run.model);
    words.add("--output", run.output);
    words.add(run.whenThere);
    return words.take();
}

/// Of a list as `--methods` takes it; empty: all of them are known. A ';' inside of a specification does not occur.
std::string methodFault(const std::string& methods)
{
    if (core::trimmed(methods).empty())
        return "name the methods, separated by ';', or write all";
    try {
        for (const std::string_view part : core::splitAt(methods, ';'))
            if (const auto name = core::trimmed(part); !name.empty() && name != "all")
                static_cast<void>(compress::makeMethod(std::string(name)));
    } catch (const core::Error& error) {
        return error.what();
    }
    return {};
}

std::string taskFault(const TaskPrompts& prompts)
{
    if (prompts.task.empty())
        return "choose a task";
    return prompts.limit < 1 ? "at least one prompt is needed" : "";
}

std::string resultsFault(const fs::path& output)
{
    if (output.empty())
        return "say where the results go";
    return output.string().ends_with(".kvres.h5") ? "" : "the name of a results file ends in .kvres.h5";
}

std::string obstacle(const CaptureRun& run)
{
    if (run.source == CaptureRun::Source::text && core::trimmed(run.text).empty())
        return "write a prompt";
    if (run.source == CaptureRun::Source::text && run.text.size() > kLongestText)
        return "the prompt is longer than a command line takes; save it as a text file and choose that";
    if (run.source == CaptureRun::Source::textFile && run.textFile.empty())
        return "choose a text file";
    if (run.source == CaptureRun::Source::task)
        if (std::string fault = taskFault(run.prompts); !fault.empty())
            return fault;
    if (run.output.empty())
        return "say where the capture goes";
    const bool several = run.source == CaptureRun::Source::task && run.prompts.limit > 1;
    return several && run.output.extension() == ".kvh5" ? "several prompts go to a folder, not to one .kvh5 file" : "";
}

std::string obstacle(const ReplayRun& run)
{
    if (run.captures.empty())
        return "open a capture first";
    const std::string fault = methodFault(run.methods);
    return fault.empty() ? resultsFault(run.output) : fault;
}

std::string obstacle(const EvalRun& run)
{
    if (std::string fault = taskFault(run.prompts); !fault.empty())
        return fault;
    if (std::string fault = methodFault(run.methods); !fault.empty())
        return fault;
    return resultsFault(run.output);
}

} // namespace

const char* commandOf(const Run& run)
{
    constexpr const char* kNames[] = {"capture", "replay", "eval"};
    return kNames[run.index()];
}

std::string obstacleTo(const Run& run)
{
    return std::visit([](const auto& kind) { return obstacle(kind); }, run);
}

std::vector<std::string> argumentsOf(const Run& run)
{
    return std::visit([](const auto& kind) { return argumentsFor(kind); }, run);
}

std::vector<fs::path> outputsOf(const Run& run)
{
    return {std::visit([](const auto& kind) { return kind.output; }, run)};
}

std::string shellLine(const std::vector<std::string>& words)
{
    static constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=,:+@%";
    std::string line;
    for (const std::string& word : words) {
        line += line.empty() ? "" : " ";
        // A first '=' is a command to zsh.
        if (!word.empty() && word.front() != '=' && word.find_first_not_of(kPlain) == std::string::npos) {
            line += word;
            continue;
        }
        line += '\'';
        for (const char c : word)
            line += c == '\'' ? "'\\''" : std::string(1, c);
        line += '\'';
    }
    return line;
}

fs::path freePath(const fs::path& folder, const std::string& stem, const std::string& ending)
{
    std::error_code ignored;
    fs::path path = folder / (stem + ending);
    for (int i = 2; fs::exists(path, ignored); ++i)
        path = folder / (stem + "-" + std::to_string(i) + ending);
    return path;
}

} // namespace kvviz::views
