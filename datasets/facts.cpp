// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Our own short sentences. Only facts that a small model can be expected to know, so that a lost answer says something
// about the cache and not about the model.
#include "datasets/facts.hpp"

#include "datasets/answers.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace kvviz::datasets {
namespace {

struct Fact {
    std::string_view stem;
    std::string_view answer;
};

constexpr std::array kFacts{
    Fact{"The capital of France is", "Paris"},
    Fact{"The capital of Italy is", "Rome"},
    Fact{"The capital of Spain is", "Madrid"},
    Fact{"The capital of Germany is", "Berlin"},
    Fact{"The capital of Russia is", "Moscow"},
    Fact{"The capital of Japan is", "Tokyo"},
    Fact{"The capital of China is", "Beijing"},
    Fact{"The capital of Austria is", "Vienna"},
    Fact{"The capital of Greece is", "Athens"},
    Fact{"The capital of Portugal is", "Lisbon"},
    Fact{"The capital of Ireland is", "Dublin"},
    Fact{"The capital of Egypt is", "Cairo"},
    Fact{"The capital of Canada is", "Ottawa"},
    Fact{"The capital of Cuba is", "Havana"},
    Fact{"The capital of Poland is", "Warsaw"},
    Fact{"The capital of Hungary is", "Budapest"},
    Fact{"The capital of Norway is", "Oslo"},
    Fact{"The capital of Sweden is", "Stockholm"},
    Fact{"The capital of Denmark is", "Copenhagen"},
    Fact{"The capital of Finland is", "Helsinki"},
    Fact{"The capital of Belgium is", "Brussels"},
    Fact{"The capital of Kenya is", "Nairobi"},
    Fact{"The capital of Thailand is", "Bangkok"},
    Fact{"The capital of England is", "London"},
    Fact{"The capital of Iran is", "Tehran"},
    Fact{"The capital of Iraq is", "Baghdad"},
    Fact{"The capital of Peru is", "Lima"},
    Fact{"The capital of South Korea is", "Seoul"},
    Fact{"The language spoken in France is", "French"},
    Fact{"The language spoken in Germany is", "German"},
    Fact{"The language spoken in Italy is", "Italian"},
    Fact{"The language spoken in Spain is", "Spanish"},
    Fact{"The language spoken in Portugal is", "Portuguese"},
    Fact{"The language spoken in Japan is", "Japanese"},
    Fact{"The language spoken in Russia is", "Russian"},
    Fact{"The language spoken in Poland is", "Polish"},
    Fact{"The language spoken in Greece is", "Greek"},
    Fact{"The language spoken in Turkey is", "Turkish"},
    Fact{"The language spoken in England is", "English"},
    Fact{"The language spoken in Brazil is", "Portuguese"},
    Fact{"The language spoken in Mexico is", "Spanish"},
    Fact{"The language spoken in Sweden is", "Swedish"},
    Fact{"The month after January is", "February"},
    Fact{"The month after March is", "April"},
    Fact{"The month after May is", "June"},
    Fact{"The month after June is", "July"},
    Fact{"The month after August is", "September"},
    Fact{"The month after November is", "December"},
    Fact{"The day after Monday is", "Tuesday"},
    Fact{"The day after Wednesday is", "Thursday"},
    Fact{"The day after Thursday is", "Friday"},
    Fact{"The day after Friday is", "Saturday"},
    Fact{"The day after Saturday is", "Sunday"},
    Fact{"A young dog is called a", "puppy"},
    Fact{"A young cat is called a", "kitten"},
    Fact{"A young cow is called a", "calf"},
    Fact{"A young sheep is called a", "lamb"},
    Fact{"A young bear is called a", "cub"},
    Fact{"A young frog is called a", "tadpole"},
    Fact{"A young human is called a", "baby"},
    Fact{"The continent where Egypt lies is", "Africa"},
    Fact{"The continent where France lies is", "Europe"},
    Fact{"The continent where India lies is", "Asia"},
    Fact{"The continent where Brazil lies is", "South America"},
    Fact{"The continent where Nigeria lies is", "Africa"},
    Fact{"The continent where Poland lies is", "Europe"},
    Fact{"The continent where China lies is", "Asia"},
    Fact{"The continent where Canada lies is", "North America"},
    Fact{"The color of grass is", "green"},
    Fact{"The color of snow is", "white"},
    Fact{"The color of blood is", "red"},
    Fact{"The color of a clear sky is", "blue"},
    Fact{"The color of coal is", "black"},
    Fact{"The color of a ripe banana is", "yellow"},
    Fact{"The planet on which we live is", "Earth"},
    Fact{"The largest planet of the Solar System is", "Jupiter"},
    Fact{"The largest ocean of the Earth is the", "Pacific"},
    Fact{"The chemical symbol of gold is", "Au"},
    Fact{"The chemical symbol of oxygen is", "O"},
    Fact{"Bees make a sweet food called", "honey"},
    Fact{"Frozen water is called", "ice"},
    Fact{"The organ that pumps blood is the", "heart"},
};

Item makeItem(std::size_t number)
{
    const std::string answer(kFacts[number].answer);
    const std::string stem(kFacts[number].stem);
    return {fmt::format("Beginning: {}\nSentence:", stem), fmt::format(" {} {}.", stem, answer), answer, {answer}};
}

} // namespace

TaskInfo FactsTask::describe()
{
    return {"facts", "world knowledge", "Sentences of common knowledge to be finished: capitals, languages, animals.",
            "built in", 8, "WK", 20};
}

FactsTask::FactsTask(const TaskOptions& options)
    : GeneratedTask(describe(), options, "Complete each sentence.\n\n"), m_order(shuffled(kFacts.size()))
{
}

Item FactsTask::question(std::int64_t index) const
{
    return makeItem(m_order[static_cast<std::size_t>(index) % m_order.size()]);
}

Item FactsTask::drawShot(std::int64_t, int, Random& random) const
{
    return makeItem(static_cast<std::size_t>(random.below(kFacts.size())));
}

bool FactsTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return completes(untilStop(continuation, prompt.stops), prompt);
}

} // namespace kvviz::datasets
