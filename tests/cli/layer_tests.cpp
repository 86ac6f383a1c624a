// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The layer check on this source tree and on the programs just built, and on a tree with planted faults.
#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <fmt/format.h>

#include <filesystem>

using namespace kvviz;
using Catch::Contains;

namespace {

test::Outcome check(const std::string& sources, const std::string& programs)
{
    return test::runShell(fmt::format("bash '{}/tests/layers/check_layers.sh' '{}' {}", KVVIZ_SOURCE_DIR, sources,
                                      programs.empty() ? "" : "'" + programs + "'"));
}

} // namespace

TEST_CASE("Qt, LibTorch and HDF5 stay in their layers, in the sources and in the programs", "[cli][layers]")
{
    const test::Outcome outcome = check(KVVIZ_SOURCE_DIR, KVVIZ_BIN_DIR);
    INFO(outcome.out << outcome.err);
    CHECK(outcome.status == 0);
    CHECK_THAT(outcome.out, Contains("checked kvviz: links nothing like") && Contains("all layers hold"));
}

TEST_CASE("the layer check finds planted faults", "[cli][layers]")
{
    const std::pair<const char*, const char*> faults[] = {
        {"core/a.cpp", "#include <QString>\n"},
        {"compress/a.hpp", "#  include \"views/plot.hpp\"\n"},
        {"views/a.cpp", "#include <QWidget>\n#include <ATen/ATen.h>\n"},
        {"app/a.cpp", "#include <hdf5.h>\n"},
        {"datasets/a.cpp", "#include <torch/version.h>\n"},
        {"app/b.cpp", "#include <cuda_runtime.h>\n"},
        {"core/b.hpp", "#include \"core/io/results.hpp\"\n"},
    };
    for (const auto& [file, content] : faults) {
        const test::ScratchFolder tree;
        for (const char* folder : {"core", "compress", "views", "app", "datasets"})
            std::filesystem::create_directory(tree.path() / folder);
        static_cast<void>(tree.write("core/good.cpp", "#include <vector>\n#include \"core/span.hpp\"\n"));
        CHECK(check(tree.path().string(), "").status == 0);
        static_cast<void>(tree.write(file, content));
        const test::Outcome outcome = check(tree.path().string(), "");
        INFO(file << '\n' << outcome.out);
        CHECK(outcome.status == 1);
        CHECK_THAT(outcome.out, Contains(fmt::format("FAULT {}", file)));
    }
}
