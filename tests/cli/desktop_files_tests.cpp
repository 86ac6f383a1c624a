// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What is installed for a desktop: one name everywhere, valid by the tools of freedesktop.org, icons of the right size.
// Debian packages: desktop-file-utils, appstream, shared-mime-info, libxml2-utils. What is missing is said and skipped.
#include "app/cli.hpp"
#include "app/version.hpp"
#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

using namespace kvviz;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

const std::string kId = "io.github.kvviz.Kvviz";

fs::path source(const std::string& name) { return fs::path(KVVIZ_SOURCE_DIR) / name; }

std::string content(const fs::path& file)
{
    std::ifstream stream(file, std::ios::binary);
    REQUIRE(stream.good());
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
}

/// False, with the package to install, if there is no such program.
bool have(const std::string& tool, const std::string& package)
{
    if (test::runShell("command -v " + tool).status == 0)
        return true;
    WARN("skipped: " << tool << " is not installed (Debian: " << package << ")");
    return false;
}

void requireValid(const std::string& command)
{
    const test::Outcome outcome = test::runShell(command);
    INFO(command << '\n' << outcome.out << outcome.err);
    CHECK(outcome.status == 0);
}

/// A component of this build, installed into a scratch folder.
fs::path install(const test::ScratchFolder& folder, const std::string& component)
{
    requireValid(fmt::format("cmake --install '{}' --component {} --prefix '{}'",
                             fs::path(KVVIZ_BIN_DIR).parent_path().string(), component, folder.path().string()));
    return folder.path();
}

std::string valueOf(const std::string& entry, const std::string& key)
{
    std::smatch found;
    REQUIRE(std::regex_search(entry, found, std::regex("\n" + key + "=([^\n]*)")));
    return found[1];
}

} // namespace

TEST_CASE("The desktop entry is valid and starts the window with several files", "[cli][desktop]")
{
    const test::ScratchFolder folder;
    const fs::path file = install(folder, "desktop") / ("share/applications/" + kId + ".desktop");
    const std::string entry = content(file);
    CHECK(valueOf(entry, "Icon") == kId);
    CHECK(valueOf(entry, "MimeType") == "application/x-kvviz-capture;application/x-kvviz-results;");
    for (const std::string& exec : {valueOf(entry, "Exec")}) {
        std::istringstream words(exec);
        std::vector<std::string> arguments{std::istream_iterator<std::string>(words), {}};
        CHECK(arguments == std::vector<std::string>{"kvviz", "view", "%F"});
        CHECK_NOTHROW(app::commandEntry(arguments[1]));
    }
    if (have("desktop-file-validate", "desktop-file-utils"))
        requireValid(fmt::format("desktop-file-validate --warn-kde '{}'", file.string()));
}

TEST_CASE("The metainfo is valid and knows the releases of the changelog", "[cli][desktop]")
{
    const test::ScratchFolder folder;
    const fs::path file = install(folder, "desktop") / ("share/metainfo/" + kId + ".metainfo.xml");
    const std::string metainfo = content(file), changelog = content(source("CHANGELOG.md"));
    CHECK_THAT(metainfo, Contains("<id>" + kId + "</id>") && Contains(">" + kId + ".desktop</launchable>"));
    std::vector<std::string> released, told;
    const std::regex heading("\n## ([0-9][^ \n]*)"), release("<release version=\"([^\"]*)\"");
    for (std::sregex_iterator i(changelog.begin(), changelog.end(), heading), end; i != end; ++i)
        released.push_back((*i)[1]);
    for (std::sregex_iterator i(metainfo.begin(), metainfo.end(), release), end; i != end; ++i)
        told.push_back((*i)[1]);
    CHECK(told == released);
    CHECK(told.front() == app::version());
    if (have("appstreamcli", "appstream"))
        requireValid(fmt::format("appstreamcli validate --no-net '{}'", file.string()));
}

TEST_CASE("Captures and results are file types of their own, kinds of HDF5", "[cli][desktop]")
{
    const test::ScratchFolder folder;
    const fs::path mime = install(folder, "desktop") / "share/mime";
    const fs::path file = mime / ("packages/" + kId + ".xml");
    if (have("xmllint", "libxml2-utils"))
        requireValid(fmt::format("xmllint --noout '{}'", file.string()));
    if (!have("update-mime-database", "shared-mime-info"))
        return;
    requireValid(fmt::format("update-mime-database -V '{}'", mime.string()));
    CHECK(fs::exists(mime / "application/x-kvviz-capture.xml"));
    CHECK(fs::exists(mime / "application/x-kvviz-results.xml"));
    CHECK_THAT(content(mime / "globs2"), Contains("60:application/x-kvviz-capture:*.kvh5")
                                             && Contains("60:application/x-kvviz-results:*.kvres.h5"));
    CHECK_THAT(content(mime / "subclasses"), Contains("application/x-kvviz-capture application/x-hdf5")
                                                 && Contains("application/x-kvviz-results application/x-hdf5"));
}

TEST_CASE("Icons are scalable and of every size that panels ask for", "[cli][desktop]")
{
    const test::ScratchFolder folder;
    const fs::path theme = install(folder, "desktop") / "share/icons/hicolor";
    for (const int size : {16, 24, 32, 48, 64, 128}) {
        const std::string png = content(theme / fmt::format("{0}x{0}/apps/{1}.png", size, kId));
        REQUIRE(png.size() > 24);
        CHECK(png.substr(1, 3) == "PNG");
        const auto number = [&](std::size_t at) { // big endian, in the header chunk
            return int(static_cast<unsigned char>(png[at + 2])) * 256 + static_cast<unsigned char>(png[at + 3]);
        };
        CHECK(number(16) == size);
        CHECK(number(20) == size);
    }
    const fs::path scalable = theme / "scalable/apps" / (kId + ".svg");
    CHECK_THAT(content(scalable), Contains("viewBox"));
    if (have("xmllint", "libxml2-utils"))
        requireValid(fmt::format("xmllint --noout '{}'", scalable.string()));
}

TEST_CASE("Man pages and completions are installed for every command", "[cli][desktop]")
{
    const test::ScratchFolder folder;
    const fs::path share = install(folder, "pages") / "share";
    CHECK(fs::exists(share / "man/man1/kvviz.1"));
    for (const app::CommandEntry& entry : app::commandList()) {
        INFO(entry.name);
        CHECK_THAT(content(share / ("man/man1/kvviz-" + entry.name + ".1")), Contains(".SH NAME"));
    }
    CHECK_THAT(content(share / "bash-completion/completions/kvviz"), Contains("complete"));
    CHECK_THAT(content(share / "zsh/site-functions/_kvviz"), Contains("#compdef kvviz"));
    CHECK_THAT(content(share / "fish/vendor_completions.d/kvviz.fish"), Contains("complete"));
}
