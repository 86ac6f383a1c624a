// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Builds the CLI11 tree, parses, and turns CLI11's complaints into our sentences.
#include "app/cli.hpp"

#include "app/help.hpp"
#include "app/option_tables.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

namespace kvviz::app {
namespace {

[[noreturn]] void usage(const std::string& message) { throw core::Error(core::ErrorCode::usage, message); }

void addCommand(CLI::App& app, const std::string& name, Invocation& invocation)
{
    static const std::map<std::string, void (*)(CLI::App&, Invocation&)> kTables{
        {"capture", [](CLI::App& a, Invocation& i) { addCaptureOptions(a, i.capture); }},
        {"tokenize", [](CLI::App& a, Invocation& i) { addTokenizeOptions(a, i.tokenize); }},
        {"models", [](CLI::App& a, Invocation& i) { addModelsOptions(a, i.models); }},
        {"info", [](CLI::App& a, Invocation& i) { addInfoOptions(a, i.info); }},
        {"verify", [](CLI::App& a, Invocation& i) { addVerifyOptions(a, i.verify); }},
        {"pack", [](CLI::App& a, Invocation& i) { addPackOptions(a, i.pack); }},
        {"status", [](CLI::App& a, Invocation& i) { addStatusOptions(a, i.status); }},
        {"import", [](CLI::App& a, Invocation& i) { addImportOptions(a, i.importing); }},
        {"replay", [](CLI::App& a, Invocation& i) { addReplayOptions(a, i.replay); }},
        {"eval", [](CLI::App& a, Invocation& i) { addEvalOptions(a, i.eval); }},
        {"bench", [](CLI::App& a, Invocation& i) { addBenchOptions(a, i.bench); }},
        {"train-scorer", [](CLI::App& a, Invocation& i) { addTrainScorerOptions(a, i.trainScorer); }},
        {"weight-table", [](CLI::App& a, Invocation& i) { addWeightTableOptions(a, i.weightTable); }},
        {"share-search", [](CLI::App& a, Invocation& i) { addShareSearchOptions(a, i.shareSearch); }},
        {"head-table", [](CLI::App& a, Invocation& i) { addHeadTableOptions(a, i.headTable); }},
        {"calibrate", [](CLI::App& a, Invocation& i) { addCalibrateOptions(a, i.calibrate); }},
        {"methods", [](CLI::App& a, Invocation& i) { addMethodsOptions(a, i.methods); }},
        {"tasks", [](CLI::App& a, Invocation& i) { addTasksOptions(a, i.tasks); }},
        {"study", [](CLI::App& a, Invocation& i) { addStudyOptions(a, i.study); }},
        {"figure", [](CLI::App& a, Invocation& i) { addFigureOptions(a, i.figure); }},
        {"report", [](CLI::App& a, Invocation& i) { addReportOptions(a, i.report); }},
        {"view", [](CLI::App& a, Invocation& i) { addViewOptions(a, i.view); }},
        {"completion", [](CLI::App& a, Invocation& i) { addCompletionOptions(a, i.completionShell); }},
        {"man", [](CLI::App& a, Invocation& i) { addManOptions(a, i.manPage); }},
    };
    kTables.at(name)(app, invocation);
    addCommonOptions(app, invocation.common);
}

bool looksLikeCapture(const std::string& argument)
{
    std::error_code ignored;
    return argument.ends_with(".kvh5") || std::filesystem::exists(argument, ignored);
}

/// Place of the first argument that is not an option (or the value of one) before the command.
std::size_t firstPositional(const std::vector<std::string>& arguments)
{
    std::size_t i = 0;
    while (i < arguments.size() && arguments[i].starts_with('-') && arguments[i] != "-")
        i += arguments[i] == "--threads" || arguments[i] == "--color" ? 2 : 1;
    return std::min(i, arguments.size());
}

std::string suggestion(const std::string& name, const std::vector<OptionDoc>& options)
{
    std::vector<std::string> names;
    for (const OptionDoc& option : options)
        if (!option.positional && !option.longName.empty())
            names.push_back(option.longName);
    const std::string nearest = core::nearestName(name.substr(0, name.find('=')), names);
    return nearest.empty() ? std::string() : fmt::format("; did you mean '{}'?", nearest);
}

/// CLI11's message in our words.
std::string reworded(const CLI::ParseError& error)
{
    std::string text = error.what();
    const std::string type = error.get_name();
    if (type == "ArgumentMismatch")
        return text.substr(0, text.find(':')) + " needs a value";
    if (const std::size_t place = text.find(" is required"); type == "RequiredError" && place != std::string::npos)
        return "missing: " + text.substr(0, place);
    if (const std::size_t place = text.find(" excludes "); type == "ExcludesError" && place != std::string::npos)
        return text.substr(0, place) + " and " + text.substr(place + 10) + " exclude each other";
    return text;
}

} // namespace

struct CommandLine::Impl {
    explicit Impl(Program theProgram) : program(theProgram) {}

    Program program;
    Invocation invocation;
    CLI::App app{"kvviz shows what key-value cache compression does to a language model"};

    [[nodiscard]] const CLI::App* subcommand() const
    {
        const std::vector<const CLI::App*> parsed =
            app.get_subcommands([](const CLI::App* sub) { return sub->parsed(); });
        return parsed.empty() ? nullptr : parsed.front();
    }
    [[nodiscard]] const CLI::App& find(std::string_view command) const
    {
        return command.empty() ? app : *app.get_subcommand(commandEntry(command).name);
    }
    [[noreturn]] void reject(const CLI::ParseError& error) const;
};

/// Unknown commands and options are named before anything else that CLI11 has found.
void CommandLine::Impl::reject(const CLI::ParseError& error) const
{
    const CLI::App* sub = subcommand();
    const std::vector<std::string> extras = (sub != nullptr ? sub : &app)->remaining();
    const auto isOption = [](const std::string& text) { return text.starts_with('-') && text.size() > 1; };
    const auto option = std::find_if(extras.begin(), extras.end(), isOption);
    if (option != extras.end() && sub != nullptr)
        usage(fmt::format("unknown option '{}'{}", core::shown(*option), suggestion(*option, describeOptions(*sub))));
    if (sub != nullptr && !extras.empty())
        usage(fmt::format("unexpected argument '{}'", core::shown(extras.front())));
    const auto name = std::find_if_not(extras.begin(), extras.end(), isOption);
    if (name != extras.end())
        static_cast<void>(commandEntry(*name)); // throws: it was not recognised as a command
    if (!extras.empty())
        usage(fmt::format("unknown option '{}'{}", core::shown(extras.front()), suggestion(extras.front(), describeOptions(app))));
    if (sub == nullptr && error.get_name() == "RequiredError")
        usage("no command given");
    usage(reworded(error));
}

CommandLine::CommandLine(Program program) : m_impl(std::make_unique<Impl>(program))
{
    CLI::App& app = m_impl->app;
    app.name(std::string(programName(program)));
    app.require_subcommand(1);
    app.set_help_flag("-h,--help", "show this help");
    for (const CommandEntry& entry : commandList()) {
        CLI::App* sub = app.add_subcommand(entry.name, entry.summary);
        addCommand(*sub, entry.name, m_impl->invocation);
    }
    addCommonOptions(app, m_impl->invocation.common);
    app.set_version_flag("-V,--version", std::string("kvviz"), "show versions and the programs found")
        ->group("Common options");
}

CommandLine::~CommandLine() = default;

CommandLine::Action CommandLine::parse(const std::vector<std::string>& arguments)
{
    std::vector<std::string> reversed = expandShortcuts(arguments);
    if (reversed.empty())
        return Action::help;
    std::reverse(reversed.begin(), reversed.end());
    try {
        m_impl->app.parse(reversed);
    } catch (const CLI::CallForHelp&) {
        return Action::help;
    } catch (const CLI::CallForVersion&) {
        return Action::version;
    } catch (const CLI::ParseError& error) {
        const CLI::App* sub = m_impl->subcommand();
        if ((sub != nullptr ? sub : &m_impl->app)->get_help_ptr()->count() > 0)
            return Action::help;
        m_impl->reject(error);
    }
    m_impl->invocation.command = command();
    checkInvocation(m_impl->invocation);
    return Action::run;
}

const Invocation& CommandLine::invocation() const { return m_impl->invocation; }

std::string CommandLine::command() const
{
    const CLI::App* sub = m_impl->subcommand();
    return sub == nullptr ? std::string() : sub->get_name();
}

std::vector<OptionDoc> CommandLine::options(std::string_view command) const
{
    return describeOptions(m_impl->find(command));
}

std::string CommandLine::help(std::string_view command) const
{
    if (command.empty())
        return programHelp(m_impl->program, options(""));
    return commandHelp(commandEntry(command), options(command));
}

std::vector<std::string> expandShortcuts(std::vector<std::string> arguments)
{
    const std::size_t first = firstPositional(arguments);
    if (first == arguments.size())
        return arguments;
    const std::vector<CommandEntry>& list = commandList();
    const auto isCommand = [&](const CommandEntry& entry) { return entry.name == arguments[first]; };
    if (arguments[first] == "help") {
        arguments.erase(arguments.begin() + std::ptrdiff_t(first));
        arguments.emplace_back("--help");
    } else if (std::none_of(list.begin(), list.end(), isCommand) && looksLikeCapture(arguments[first])) {
        arguments.insert(arguments.begin() + std::ptrdiff_t(first), "view");
    }
    return arguments;
}

std::string commandLineText(int argc, const char* const* argv)
{
    std::string result;
    for (int i = 0; i < argc; ++i) {
        std::string word = i == 0 ? std::filesystem::path(argv[0]).filename().string() : argv[i];
        constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=,:+@%";
        if (word.empty() || word.find_first_not_of(kPlain) != std::string::npos) {
            for (std::size_t place = 0; (place = word.find('\'', place)) != std::string::npos; place += 4)
                word.replace(place, 1, "'\\''");
            word = "'" + word + "'";
        }
        result += (i == 0 ? "" : " ") + word;
    }
    return result;
}

} // namespace kvviz::app
