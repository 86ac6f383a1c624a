// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Runs that do not fit into memory: refused before anything is allocated, with the length that would fit.
#include "tests/support/catch.hpp"

#include "capture/bounded_backend.hpp"
#include "capture/size_estimate.hpp"
#include "core/error.hpp"
#include "tests/support/tiny_model.hpp"

using namespace kvviz;
using capture::boundedCpuBackend;
using capture::runBytes;

TEST_CASE("a run that does not fit into memory is refused, and the longest that fits is named", "[capture][unit]")
{
    const auto model = test::tinyModel();
    const auto needs = [&](std::int64_t tokens) { return runBytes(model->info, model->arch.ffnSize, tokens); };
    const auto refusal = [&](std::int64_t tokens, std::uint64_t free) {
        try {
            (void)boundedCpuBackend(model, [free] { return free; })->newRunner({tokens, 1, 4, true});
        } catch (const core::Error& error) {
            CHECK(error.code() == core::ErrorCode::device);
            return std::string(error.what());
        }
        return std::string();
    };
    const std::int64_t context = model->info.contextLength;
    REQUIRE(context >= 64);
    CHECK(refusal(40, needs(40)).empty());
    CHECK(refusal(context, 0).empty()); // nobody knows
    CHECK(refusal(context, needs(context)).empty());
    for (const std::int64_t longest : {std::int64_t{1}, std::int64_t{17}, std::int64_t{39}}) {
        const std::string message = refusal(40, needs(longest));
        CAPTURE(message);
        CHECK(message.find(" up to " + std::to_string(longest) + " tokens would fit") != std::string::npos);
    }
    CHECK(refusal(40, 1).find("not even a run of one token") != std::string::npos);
    // What does not fit into the context is that, whatever the memory.
    try {
        (void)boundedCpuBackend(model, [] { return std::uint64_t{1}; })->newRunner({context + 1, 1, 4, true});
        FAIL("accepted");
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::badInput);
    }
}
