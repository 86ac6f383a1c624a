// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/theme.hpp"

#include "views/desktop_colors.hpp"

#include <QApplication>

namespace kvviz::views {

namespace {

constexpr uint kPrefersDark = 1; // of the portal: 0 no preference, 1 dark, 2 light

struct Shades {
    QRgb window, base, alternate, button, text, disabled, placeholder, highlight, link, light, mid, dark, shadow, tip;
};

constexpr Shades kLight{0xfff3f3f4, 0xffffffff, 0xfff6f7f8, 0xfff3f3f4, 0xff1b1b1d, 0xff8a8a8e, 0xff6d6d73,
                        0xff2a6fb5, 0xff0a58a8, 0xffffffff, 0xffb9b9be, 0xffa0a0a6, 0xff76767c, 0xfffffbe6};
constexpr Shades kDark{0xff323237, 0xff1c1c1f, 0xff252529, 0xff3e3e44, 0xffe6e6e8, 0xff85858b, 0xffa0a0a6,
                       0xff2f78c4, 0xff78b4f5, 0xff55555c, 0xff3f3f45, 0xff19191b, 0xff101012, 0xff3a3a40};

} // namespace

Theme themeNamed(const std::string& name)
{
    return name == "light" ? Theme::light : name == "dark" ? Theme::dark : Theme::system;
}

QPalette themePalette(Theme theme)
{
    const Shades& shades = theme == Theme::dark ? kDark : kLight;
    const auto color = [](QRgb rgb) { return QColor::fromRgb(rgb); };
    QPalette palette;
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::ToolTipText}) {
        palette.setColor(role, color(shades.text));
        palette.setColor(QPalette::Disabled, role, color(shades.disabled));
    }
    palette.setColor(QPalette::Window, color(shades.window));
    palette.setColor(QPalette::Base, color(shades.base));
    palette.setColor(QPalette::AlternateBase, color(shades.alternate));
    palette.setColor(QPalette::Button, color(shades.button));
    palette.setColor(QPalette::ToolTipBase, color(shades.tip));
    palette.setColor(QPalette::PlaceholderText, color(shades.placeholder));
    palette.setColor(QPalette::Highlight, color(shades.highlight));
    palette.setColor(QPalette::HighlightedText, Qt::white);
    palette.setColor(QPalette::Disabled, QPalette::Highlight, color(shades.mid));
    palette.setColor(QPalette::Link, color(shades.link));
    palette.setColor(QPalette::BrightText, Qt::white);
    palette.setColor(QPalette::Light, color(shades.light));
    palette.setColor(QPalette::Midlight, color(shades.button).lighter(104));
    palette.setColor(QPalette::Mid, color(shades.mid));
    palette.setColor(QPalette::Dark, color(shades.dark));
    palette.setColor(QPalette::Shadow, color(shades.shadow));
    return palette;
}

bool isDark(const QPalette& palette) { return palette.color(QPalette::Window).lightnessF() < 0.5; }

bool prefersDark(QVariant setting)
{
    setting = unwrapped(setting);
    return setting.canConvert<uint>() && setting.toUInt() == kPrefersDark;
}

void useTheme(Theme theme)
{
    if (theme != Theme::system) {
        DesktopColors::ignore();
        QApplication::setPalette(themePalette(theme));
        return;
    }
    QApplication::setPalette(QPalette());
    DesktopColors::follow([](bool dark) {
        QApplication::setPalette(QPalette()); // some platforms bring the desktop's colours by themselves
        if (dark && !isDark(QApplication::palette()))
            QApplication::setPalette(themePalette(Theme::dark));
    });
}

} // namespace kvviz::views
