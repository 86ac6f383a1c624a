// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Templates and word lists of the haystack.
#include "datasets/haystack.hpp"

#include "datasets/needle.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace kvviz::datasets {
namespace {

constexpr std::array<std::string_view, 14> kTemplates{
    "In the {time} the {person} walked slowly to the {place} and looked for a {thing}.",
    "The {adjective} {thing} near the {place} was painted again by the {person}.",
    "Nobody at the {place} knew why the {person} had brought a {adjective} {thing}.",
    "When the {weather} came, the {person} waited at the {place} until it was over.",
    "The {person} told the {person2} a long story about a {adjective} {thing}.",
    "Behind the {place} there was a {adjective} garden where the {person} liked to rest.",
    "It was a {adjective} {time}, and the road to the {place} was almost empty.",
    "The {person} and the {person2} carried the {thing} past the {place}.",
    "After the {weather} the {place} smelled of wet leaves and fresh bread.",
    "A {adjective} {thing} stood on the shelf, and the {person} cleaned it every {time}.",
    "The {person2} asked the {person} to repair the {thing} before the {time} was gone.",
    "Children ran around the {place} while the {person} sold a {adjective} {thing}.",
    "Some people say that the {place} was once the home of a {adjective} {person}.",
    "The {weather} lasted all {time}, so the {person} stayed inside with a {thing}."};

constexpr std::array<std::string_view, 24> kPeople{
    "baker", "teacher", "sailor", "gardener", "doctor", "painter", "farmer", "tailor", "miller", "singer",
    "postman", "fisher", "weaver", "cook", "carpenter", "librarian", "nurse", "potter", "shepherd", "printer",
    "clockmaker", "driver", "dancer", "innkeeper"};
constexpr std::array<std::string_view, 20> kPlaces{
    "market", "harbour", "bridge", "mill", "station", "library", "church", "orchard", "museum", "lake",
    "school", "bakery", "theatre", "square", "lighthouse", "old tower", "river", "park", "town hall", "workshop"};
constexpr std::array<std::string_view, 24> kThings{
    "lamp", "basket", "clock", "chair", "boat", "mirror", "carpet", "kettle", "violin", "wheel", "ladder",
    "blanket", "barrel", "bell", "candle", "table", "wagon", "map", "flag", "vase", "drum", "rope", "kite",
    "wooden box"};
constexpr std::array<std::string_view, 20> kAdjectives{
    "small", "quiet", "strange", "bright", "dusty", "green", "heavy", "broken", "curious", "plain", "tall",
    "round", "golden", "faded", "lovely", "simple", "large", "worn", "blue", "famous"};
constexpr std::array<std::string_view, 6> kTimes{"morning", "afternoon", "evening", "night", "spring", "autumn"};
constexpr std::array<std::string_view, 6> kWeathers{"rain", "snow", "wind", "fog", "storm", "frost"};

} // namespace

std::vector<std::string> makeHaystack(Random& random, std::int64_t words)
{
    std::vector<std::string> sentences;
    for (std::int64_t count = 0; count < words; count += countWords(sentences.back())) {
        const std::string_view form = random.pick(kTemplates);
        const std::string_view person = random.pick(kPeople);
        std::string_view person2 = random.pick(kPeople);
        while (person2 == person)
            person2 = random.pick(kPeople);
        const std::string_view place = random.pick(kPlaces);
        const std::string_view thing = random.pick(kThings);
        const std::string_view adjective = random.pick(kAdjectives);
        const std::string_view time = random.pick(kTimes);
        const std::string_view weather = random.pick(kWeathers);
        sentences.push_back(fmt::format(fmt::runtime(form), fmt::arg("person", person), fmt::arg("person2", person2),
                                        fmt::arg("place", place), fmt::arg("thing", thing),
                                        fmt::arg("adjective", adjective), fmt::arg("time", time),
                                        fmt::arg("weather", weather)));
    }
    return sentences;
}

} // namespace kvviz::datasets
