// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Reviews from our own word lists: two remarks that agree with each other and a closing sentence.
#include "datasets/sentiment.hpp"

#include "datasets/answers.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace kvviz::datasets {
namespace {

using Words = std::array<std::string_view, 8>;

/// A thing that people review: its sides, and what is said of them.
struct Subject {
    Words aspects;
    Words good;
    Words bad;
};

constexpr std::array<Subject, 6> kSubjects{{
    {{"soup", "dinner", "fish", "bread", "dessert", "pizza", "salad", "breakfast"},
     {"delicious", "excellent", "fresh and tasty", "wonderful", "superb", "perfectly cooked", "amazing", "fantastic"},
     {"awful", "terrible", "cold and tasteless", "disgusting", "horrible", "burnt", "dreadful", "inedible"}},
    {{"film", "acting", "story", "music", "ending", "dialogue", "opening scene", "camera work"},
     {"brilliant", "excellent", "beautiful", "wonderful", "superb", "very moving", "amazing", "fantastic"},
     {"awful", "terrible", "boring", "dreadful", "horrible", "painfully slow", "ridiculous", "badly done"}},
    {{"room", "bed", "view", "staff", "bathroom", "lobby", "garden", "pool"},
     {"lovely", "excellent", "delightful", "wonderful", "superb", "very pleasant", "amazing", "fantastic"},
     {"awful", "terrible", "disgusting", "dreadful", "horrible", "very unpleasant", "a disgrace", "disappointing"}},
    {{"phone", "screen", "battery", "camera", "keyboard", "speaker", "charger", "design"},
     {"excellent", "outstanding", "impressive", "wonderful", "superb", "very reliable", "amazing", "fantastic"},
     {"awful", "terrible", "useless", "dreadful", "horrible", "very unreliable", "a failure", "disappointing"}},
    {{"book", "plot", "writing", "first chapter", "hero", "last page", "cover", "translation"},
     {"brilliant", "excellent", "charming", "wonderful", "superb", "very clever", "amazing", "fantastic"},
     {"awful", "terrible", "boring", "dreadful", "horrible", "very clumsy", "a mess", "disappointing"}},
    {{"guide", "tour", "boat", "museum", "driver", "bus ride", "exhibition", "concert"},
     {"brilliant", "excellent", "delightful", "wonderful", "superb", "very enjoyable", "amazing", "fantastic"},
     {"awful", "terrible", "boring", "dreadful", "horrible", "very disappointing", "a disaster", "a letdown"}},
}};

constexpr std::array<std::string_view, 10> kGoodEndings{
    "I loved it.",         "I am very happy with it.",     "I would recommend it to everyone.", "It made my day.",
    "I enjoyed it a lot.", "It was worth every penny.",    "I cannot wait to come back.",       "I was delighted.",
    "Thank you so much!",  "It was better than I had hoped."};

constexpr std::array<std::string_view, 10> kBadEndings{
    "I hated it.",            "I am very unhappy with it.",        "I would not recommend it to anyone.",
    "It ruined my day.",      "I want my money back.",             "It was a waste of money.",
    "I will never come back.", "I was very disappointed.",          "Stay away from it!",
    "It was worse than I had feared."};

Item makeItem(bool positive, Random& random)
{
    const Subject& subject = random.pick(kSubjects);
    const Words& remarks = positive ? subject.good : subject.bad;
    const auto aspect = random.below(subject.aspects.size());
    const auto otherAspect = (aspect + 1 + random.below(subject.aspects.size() - 1)) % subject.aspects.size();
    const auto remark = random.below(remarks.size());
    const auto otherRemark = (remark + 1 + random.below(remarks.size() - 1)) % remarks.size();
    const std::string_view ending = random.pick(positive ? kGoodEndings : kBadEndings);
    const std::string answer = positive ? "positive" : "negative";
    std::string question = fmt::format("Review: The {} was {} and the {} was {}. {}\nSentiment:",
                                       subject.aspects[aspect], remarks[remark], subject.aspects[otherAspect],
                                       remarks[otherRemark], ending);
    return {std::move(question), fmt::format(" The review is {}.", answer), answer, {}};
}

} // namespace

TaskInfo SentimentTask::describe()
{
    return {"sentiment", "sentiment", "Short reviews to be called positive or negative.", "built in", 8, "", 12};
}

SentimentTask::SentimentTask(const TaskOptions& options)
    : GeneratedTask(describe(), options, "Say whether each review is positive or negative.\n\n")
{
}

Item SentimentTask::question(std::int64_t index) const
{
    Random random(seed(), "sentiment question", index);
    const bool positive = random.below(2) == 1;
    return makeItem(positive, random);
}

Item SentimentTask::drawShot(std::int64_t index, int number, Random& random) const
{
    Random coin(seed() + static_cast<std::uint64_t>(number / 2), "sentiment order", index);
    const bool firstIsPositive = coin.below(2) == 1;
    return makeItem(firstIsPositive == (number % 2 == 0), random);
}

bool SentimentTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return firstOf(untilStop(continuation, prompt.stops), {"positive", "negative"}) == prompt.answer;
}

} // namespace kvviz::datasets
