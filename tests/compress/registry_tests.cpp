// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Specifications, parameters and presets of the registry.
#include "compress/method.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <set>

using namespace kvviz;
using namespace kvviz::compress;
using Catch::Matchers::Contains;

TEST_CASE("specifications resolve to defaults, then preset, then overrides", "[unit]")
{
    const auto plain = makeMethod("snapkv");
    CHECK(plain->params().integer("window") == 32);
    CHECK(plain->params().text("pool") == "max");
    CHECK(plain->params().variant().empty());
    const auto factory = makeMethod("snapkv:factory,window=16");
    CHECK(factory->params().integer("window") == 16);
    CHECK(factory->params().integer("kernel") == 7);
    CHECK(factory->params().variant() == "factory,window=16");
    const auto kvpress = makeMethod("snapkv:kvpress");
    CHECK(kvpress->params().integer("window") == 64);
    CHECK(kvpress->params().text("compat") == "kvpress");
    CHECK(makeMethod("snapkv:window=8,kernel=5")->params().integer("kernel") == 5);
}

TEST_CASE("parameters come out as JSON with numbers and booleans as such", "[unit]")
{
    const auto json = nlohmann::json::parse(makeMethod("shotkv:decode_ratio=0.5,window=9")->params().json());
    CHECK(json.at("window") == 9);
    CHECK(json.at("decode_ratio") == 0.5);
    CHECK(json.at("decode") == true);
    CHECK(json.at("acc") == "all");
    CHECK(nlohmann::json::parse(makeMethod("fullkv")->params().json()) == nlohmann::json::object());
}

TEST_CASE("wrong specifications are usage errors that name the nearest", "[unit]")
{
    const auto message = [](const std::string& specification) {
        try {
            (void)makeMethod(specification);
        } catch (const core::Error& error) {
            CHECK(error.code() == core::ErrorCode::usage);
            return std::string(error.what());
        }
        return std::string("accepted");
    };
    CHECK_THAT(message("snapkw"), Contains("snapkv"));
    CHECK_THAT(message("snapkv:factroy"), Contains("factory"));
    CHECK_THAT(message("snapkv:windw=3"), Contains("window"));
    CHECK_THAT(message("snapkv:pool=median"), Contains("max"));
    CHECK_THAT(message("snapkv:window=abc"), Contains("whole number"));
    CHECK_THAT(message("snapkv:window=0"), Contains("at least 1"));
    CHECK_THAT(message("snapkv:window=3.5"), Contains("whole number"));
    CHECK_THAT(message("snapkv:window=99999999999999999999"), Contains("whole number"));
    CHECK_THAT(message("snapkv:window=1000000001"), Contains("at most 1000000000"));
    CHECK_THAT(message("random:sinks=9223372036854775807,window=9223372036854775807"), Contains("at most"));
    CHECK(message("random:seed=9223372036854775807") == "accepted");
    CHECK_THAT(message("snapkv:kernel=4"), Contains("odd"));
    CHECK_THAT(message("snapkv:"), Contains("NAME:PRESET"));
    CHECK_THAT(message("snapkv:window=3,factory"), Contains("NAME:PRESET"));
    CHECK_THAT(message("snapkv:=3"), Contains("NAME:PRESET"));
    CHECK_THAT(message("shotkv:decode_ratio=2"), Contains("from 0 to 1"));
    CHECK_THAT(message("fullkv:x=1"), Contains("no parameters"));
    CHECK_THAT(message("chunkkv:chunk=0"), Contains("at least 1"));
    CHECK_THAT(message("random:shared_layers=yes"), Contains("true, false"));
    CHECK_THAT(message(""), Contains("unknown method"));
}

TEST_CASE("every method is described, and every preset and default can be made", "[unit]")
{
    std::set<std::string> names;
    for (const MethodInfo& info : methodList()) {
        CAPTURE(info.name);
        CHECK(names.insert(info.name).second);
        for (const std::string& text : {info.title, info.klass, info.acts, info.idea, info.equation, info.source})
            CHECK_FALSE(text.empty());
        CHECK(makeMethod(info.name)->info().name == info.name);
        CHECK(methodInfo(info.name).title == info.title);
        for (const auto& [preset, values] : info.presets) {
            CAPTURE(preset);
            const auto method = makeMethod(info.name + ":" + preset);
            for (const auto& [name, value] : values)
                CHECK(method->params().text(name) == value);
        }
        for (const ParamSpec& spec : info.params) {
            CAPTURE(spec.name);
            CHECK_FALSE(spec.help.empty());
            CHECK(makeMethod(info.name + ":" + spec.name + "=" + spec.defaultValue)->params().text(spec.name)
                  == spec.defaultValue);
            for (const std::string& choice : spec.choices)
                CHECK(makeMethod(info.name + ":" + spec.name + "=" + choice)->params().text(spec.name) == choice);
        }
    }
}

TEST_CASE("the default replay set covers the whole registry", "[unit]")
{
    std::set<std::string> covered;
    for (const std::string& specification : defaultReplaySet())
        covered.insert(makeMethod(specification)->info().name);
    for (const MethodInfo& info : methodList())
        CHECK(covered.count(info.name) == 1);
}
