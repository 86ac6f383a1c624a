// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Our own questions. The choices are words and not letters: models of this size choose letters at random.
#include "datasets/everyday.hpp"

#include "datasets/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace kvviz::datasets {
namespace {

struct Riddle {
    std::string_view question;
    std::array<std::string_view, 3> choices; ///< the right one first
};

constexpr std::array kRiddles{
    Riddle{"What do people use to cut paper?", {"scissors", "soup", "pillow"}},
    Riddle{"What do people use to write a letter?", {"pen", "shoe", "plate"}},
    Riddle{"What do people sleep in?", {"bed", "oven", "bottle"}},
    Riddle{"What do people wear on their feet?", {"shoes", "gloves", "hats"}},
    Riddle{"What do people wear on their hands?", {"gloves", "shoes", "trousers"}},
    Riddle{"What do people open when it rains?", {"umbrella", "fridge", "book"}},
    Riddle{"What do people use to unlock a door?", {"key", "banana", "spoon"}},
    Riddle{"What do people eat soup with?", {"spoon", "hammer", "comb"}},
    Riddle{"What do people use to brush their teeth?", {"toothbrush", "broom", "ladder"}},
    Riddle{"What do people use to tell the time?", {"clock", "cup", "carpet"}},
    Riddle{"What do people boil water in?", {"kettle", "basket", "wallet"}},
    Riddle{"What do people keep their money in?", {"bank", "river", "oven"}},
    Riddle{"What do people drive on?", {"road", "roof", "lake"}},
    Riddle{"What do people sit on?", {"chair", "lamp", "knife"}},
    Riddle{"What do people use to dry themselves?", {"towel", "mirror", "candle"}},
    Riddle{"What do people look at to see their own face?", {"mirror", "wall", "stone"}},
    Riddle{"What do people use to hit a nail?", {"hammer", "pillow", "sponge"}},
    Riddle{"What do people put on a letter before they send it?", {"stamp", "salt", "sock"}},
    Riddle{"What do people use to climb up to a roof?", {"ladder", "fork", "blanket"}},
    Riddle{"What do people sweep the floor with?", {"broom", "pencil", "spoon"}},
    Riddle{"Where do people borrow books?", {"library", "bakery", "garage"}},
    Riddle{"Where do people buy bread?", {"bakery", "hospital", "museum"}},
    Riddle{"Where do sick people go?", {"hospital", "cinema", "stable"}},
    Riddle{"Where do children learn to read?", {"school", "airport", "desert"}},
    Riddle{"Where do people catch a train?", {"station", "kitchen", "forest"}},
    Riddle{"Where do people catch a plane?", {"airport", "library", "cellar"}},
    Riddle{"Where do people cook their meals?", {"kitchen", "bathroom", "attic"}},
    Riddle{"Where do people take a shower?", {"bathroom", "kitchen", "garage"}},
    Riddle{"Where do people park their car at home?", {"garage", "bathroom", "chimney"}},
    Riddle{"Where do people keep milk cold?", {"fridge", "oven", "drawer"}},
    Riddle{"Where do fish live?", {"water", "sand", "trees"}},
    Riddle{"Where do birds build a nest?", {"tree", "oven", "car"}},
    Riddle{"Where do people watch a film?", {"cinema", "bakery", "stable"}},
    Riddle{"Where do people swim?", {"pool", "office", "shelf"}},
    Riddle{"Where do farmers grow wheat?", {"field", "office", "cinema"}},
    Riddle{"What falls from the sky in winter?", {"snow", "bread", "stones"}},
    Riddle{"What gives us light by day?", {"sun", "grass", "moss"}},
    Riddle{"What shines in the sky at night?", {"moon", "grass", "river"}},
    Riddle{"What does ice become when it gets warm?", {"water", "wood", "sand"}},
    Riddle{"What does a cow give us to drink?", {"milk", "tea", "juice"}},
    Riddle{"What does a hen lay?", {"eggs", "apples", "coins"}},
    Riddle{"What do bees make?", {"honey", "butter", "paper"}},
    Riddle{"What does a dog like to chew?", {"bone", "cloud", "lamp"}},
    Riddle{"What do cats like to chase?", {"mice", "trains", "houses"}},
    Riddle{"What does a plant need to grow?", {"water", "shoes", "music"}},
    Riddle{"What do people blow out on a birthday cake?", {"candles", "windows", "spoons"}},
    Riddle{"What puts out a fire?", {"water", "paper", "oil"}},
    Riddle{"What do people feel when they have not eaten?", {"hunger", "thunder", "color"}},
    Riddle{"What do people drink when they are thirsty?", {"water", "sand", "paint"}},
    Riddle{"Who puts out fires?", {"firefighter", "dentist", "singer"}},
    Riddle{"Who looks after our teeth?", {"dentist", "farmer", "pilot"}},
    Riddle{"Who flies a plane?", {"pilot", "baker", "teacher"}},
    Riddle{"Who bakes bread?", {"baker", "pilot", "lawyer"}},
    Riddle{"Who teaches children?", {"teacher", "plumber", "sailor"}},
    Riddle{"Who works on a farm?", {"farmer", "pilot", "judge"}},
    Riddle{"Who repairs a water pipe?", {"plumber", "poet", "nurse"}},
};

Item makeItem(std::size_t number, Random& random)
{
    const Riddle& riddle = kRiddles[number];
    std::array<std::string_view, 3> order = riddle.choices;
    for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(i))]);
    const std::string right(riddle.choices[0]);
    return {fmt::format("Question: {}\nChoices: {}, {}, {}\nAnswer:", riddle.question, order[0], order[1], order[2]),
            " " + right, right, {right, std::string(riddle.question)}};
}

/// The three choices of the prompt's question, in the order in which they stand.
std::vector<std::string> choicesOf(const Prompt& prompt)
{
    constexpr std::string_view kMark = "\nChoices: ";
    std::string_view text = prompt.text;
    text.remove_prefix(text.rfind(kMark) + kMark.size());
    text = text.substr(0, text.find('\n'));
    std::vector<std::string> choices;
    while (true) {
        const std::size_t comma = text.find(", ");
        choices.emplace_back(text.substr(0, comma));
        if (comma == std::string_view::npos)
            return choices;
        text.remove_prefix(comma + 2);
    }
}

} // namespace

TaskInfo EverydayTask::describe()
{
    return {"everyday", "commonsense", "Questions about everyday things with three choices.", "built in", 8, "CSR", 12};
}

EverydayTask::EverydayTask(const TaskOptions& options)
    : GeneratedTask(describe(), options, "Answer each question with one of its choices.\n\n"),
      m_order(shuffled(kRiddles.size()))
{
}

Item EverydayTask::question(std::int64_t index) const
{
    Random random(seed(), "everyday question", index);
    return makeItem(m_order[static_cast<std::size_t>(index) % m_order.size()], random);
}

Item EverydayTask::drawShot(std::int64_t, int, Random& random) const
{
    const auto number = static_cast<std::size_t>(random.below(kRiddles.size()));
    return makeItem(number, random);
}

bool EverydayTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return firstOf(untilStop(continuation, prompt.stops), choicesOf(prompt)) == prompt.answer;
}

} // namespace kvviz::datasets
