// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Light and dark: texts stand out from what is behind them, and the desktop's wish is understood.
#include "tests/support/catch.hpp"
#include "views/theme.hpp"

#include <QDBusVariant>

#include <cmath>

using namespace kvviz;

namespace {

/// Relative luminance of WCAG 2.
double luminance(const QColor& color)
{
    const auto linear = [](double value) {
        return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(double(color.redF())) + 0.7152 * linear(double(color.greenF()))
           + 0.0722 * linear(double(color.blueF()));
}

double contrast(const QColor& a, const QColor& b)
{
    const double x = luminance(a), y = luminance(b);
    return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

} // namespace

TEST_CASE("Texts of both themes stand out from their backgrounds", "[views]")
{
    for (const auto theme : {views::Theme::light, views::Theme::dark}) {
        const QPalette palette = views::themePalette(theme);
        CHECK(views::isDark(palette) == (theme == views::Theme::dark));
        const auto of = [&](QPalette::ColorRole text, QPalette::ColorRole behind,
                            QPalette::ColorGroup group = QPalette::Active) {
            return contrast(palette.color(group, text), palette.color(group, behind));
        };
        CHECK(of(QPalette::WindowText, QPalette::Window) > 7);
        CHECK(of(QPalette::Text, QPalette::Base) > 7);
        CHECK(of(QPalette::Text, QPalette::AlternateBase) > 7);
        CHECK(of(QPalette::ButtonText, QPalette::Button) > 7);
        CHECK(of(QPalette::ToolTipText, QPalette::ToolTipBase) > 7);
        CHECK(of(QPalette::HighlightedText, QPalette::Highlight) > 4.5);
        CHECK(of(QPalette::PlaceholderText, QPalette::Base) > 4.5);
        CHECK(of(QPalette::Link, QPalette::Base) > 4.5);
        CHECK(of(QPalette::WindowText, QPalette::Window, QPalette::Disabled) > 3);
    }
}

TEST_CASE("A theme is named, and what the desktop prefers comes wrapped in variants", "[views]")
{
    CHECK(views::themeNamed("dark") == views::Theme::dark);
    CHECK(views::themeNamed("light") == views::Theme::light);
    CHECK(views::themeNamed("system") == views::Theme::system);
    const auto wrapped = [](uint value) {
        return QVariant::fromValue(QDBusVariant(QVariant::fromValue(QDBusVariant(QVariant(value)))));
    };
    CHECK(views::prefersDark(wrapped(1)));
    CHECK(views::prefersDark(QVariant(1U)));
    CHECK_FALSE(views::prefersDark(wrapped(0)));
    CHECK_FALSE(views::prefersDark(wrapped(2)));
    CHECK_FALSE(views::prefersDark(QVariant(QStringLiteral("dark"))));
}
