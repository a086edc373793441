#include "widgets/style/theme.h"

#include "widgets/style/fonts.h"

#include <QApplication>
#include <QEvent>
#include <QPalette>
#include <QStyle>
#include <QStyleFactory>
#include <QWidget>

#include <map>
#include <utility>

// Outside any namespace: the macro declares the function that rcc wrote.
static void initStyleResources()
{
    Q_INIT_RESOURCE(style); // the resource sits in a static library: nothing else would pull it in
}

namespace sparsescope {

namespace {

Theme g_theme = Theme::Light;
bool g_reducedMotion = false;

// @name@ stands for a token. Selectors use the property `role`, never an object name.
const char *const kSheet = R"(
QMainWindow, QWidget[role="page"] { background: @window@; }
QMainWindow::separator { background: @window@; width: 6px; height: 6px; }
QMenuBar { background: @panel@; color: @text@; border-bottom: 1px solid @border@; padding: 1px 6px; }
QMenuBar::item { padding: 4px 9px; background: transparent; border-radius: 4px; }
QMenuBar::item:selected { background: @hover@; }
QMenu { background: @panel@; color: @text@; border: 1px solid @border@; padding: 4px; }
QMenu::item { padding: 5px 22px; border-radius: 4px; }
QMenu::item:selected { background: @selection@; color: @selectionText@; }
QMenu::item:disabled { color: @hint@; }
QMenu::separator { height: 1px; background: @grid@; margin: 4px 6px; }
QToolBar { background: @panel@; border: 0; border-bottom: 1px solid @border@; padding: 5px 8px; spacing: 4px; }
QStatusBar { background: @panel@; border-top: 1px solid @border@; color: @text2@; }
QStatusBar::item { border: 0; }
QStatusBar QLabel { font-size: 12px; color: @text2@; padding: 0 6px; }
QFrame[role="card"] { background: @panel@; border: 1px solid @border@; border-radius: 6px; }
QFrame[role="bar"] { background: @panel@; border: 0; border-bottom: 1px solid @border@; }
QFrame[role="notice"] { background: @failedTint@; border: 1px solid @failed@; border-radius: 6px; }
QFrame[role="info"] { background: @infoTint@; border: 1px solid @accent@; border-radius: 6px; }
QLabel { color: @text@; background: transparent; }
QLabel[role="heading"] { font-weight: 600; }
QLabel[role="title"] { font-weight: 600; font-size: 16px; }
QLabel[role="display"] { font-weight: 600; font-size: 22px; }
QLabel[role="sub"] { color: @text2@; font-size: 12px; }
QLabel[role="hint"] { color: @hint@; font-size: 12px; }
QLabel[role="mono"] { font-family: "@mono@"; font-size: 12px; }
QLabel[role="value"] { font-family: "@mono@"; font-size: 14px; }
QLabel[role="passed"] { color: @passed@; font-weight: 600; }
QLabel[role="check"] { color: @check@; font-weight: 600; }
QLabel[role="failed"] { color: @failed@; font-weight: 600; }
QLabel[role="fault"] { color: @failed@; font-size: 12px; }
QPushButton, QToolButton { background: @panel@; border: 1px solid @border@; border-radius: 5px; padding: 4px 11px;
    min-height: 18px; color: @text@; }
QPushButton:hover, QToolButton:hover { background: @hover@; }
QPushButton:pressed, QToolButton:pressed { background: @selection@; }
QPushButton:focus, QToolButton:focus { border-color: @accent@; }
QPushButton:disabled, QToolButton:disabled { color: @hint@; background: @window@; }
QPushButton:checked, QToolButton[role="icon"]:checked { background: @selection@; border-color: @accent@;
    color: @selectionText@; }
QPushButton[role="primary"], QToolButton[role="primary"] { background: @accent@; border-color: @accent@;
    color: @onAccent@; font-weight: 600; }
QPushButton[role="primary"]:hover { background: @selectionText@; border-color: @selectionText@; }
QPushButton[role="primary"]:disabled { color: @hint@; background: @window@; border-color: @border@; }
QPushButton[role="flat"], QToolButton[role="flat"] { border: 1px solid transparent; background: transparent;
    color: @accent@; padding: 3px 4px; }
QPushButton[role="flat"]:focus, QToolButton[role="flat"]:focus { border-color: @accent@; }
QPushButton[role="icon"], QToolButton[role="icon"] { padding: 3px; min-width: 22px; min-height: 22px; }
QPushButton[role="seg"], QToolButton[role="seg"] { border-radius: 0; border-right-width: 0; margin: 0; }
QPushButton[role="seg"][edge="l"], QToolButton[role="seg"][edge="l"] { border-top-left-radius: 5px;
    border-bottom-left-radius: 5px; }
QPushButton[role="seg"][edge="r"], QToolButton[role="seg"][edge="r"] { border-top-right-radius: 5px;
    border-bottom-right-radius: 5px; border-right-width: 1px; }
QPushButton[role="seg"]:checked, QToolButton[role="seg"]:checked { background: @selection@; color: @selectionText@;
    font-weight: 600; }
QPushButton[role="seg"]:focus, QToolButton[role="seg"]:focus { border-color: @accent@; border-right-width: 1px; }
QFrame[role="pages"] { background: @window@; border: 0; border-radius: 6px; }
QToolButton[role="page"] { background: transparent; border: 1px solid transparent; padding: 4px 12px; color: @text2@;
    font-weight: 600; }
QToolButton[role="page"]:hover { background: @hover@; }
QToolButton[role="page"]:checked { background: @panel@; border-color: @border@; color: @accent@; }
QToolButton[role="page"]:focus { border-color: @accent@; }
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox { background: @field@; border: 1px solid @border@; border-radius: 4px;
    padding: 2px 6px; min-height: 20px; selection-background-color: @selection@;
    selection-color: @text@; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus { border: 2px solid @accent@; padding: 1px 5px; }
QLineEdit[bad="true"], QSpinBox[bad="true"], QDoubleSpinBox[bad="true"], QComboBox[bad="true"] {
    border: 2px solid @failed@; padding: 1px 5px; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled { color: @hint@;
    background: @window@; }
QComboBox::drop-down { border: 0; width: 18px; }
QComboBox::down-arrow { image: url(@chevron@); width: 9px; height: 9px; }
QComboBox QAbstractItemView { background: @panel@; color: @text@; border: 1px solid @border@; outline: 0;
    selection-background-color: @selection@; selection-color: @selectionText@; }
QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button, QDoubleSpinBox::down-button {
    width: 0; border: 0; }
QTableView, QTreeView, QListView { color: @text@; }
QTableView, QTreeView, QPlainTextEdit, QListView { background: @panel@; border: 0;
    alternate-background-color: @alternate@; selection-background-color: @selection@; selection-color: @text@;
    gridline-color: @grid@; }
QHeaderView { background: @panel@; }
QHeaderView::section { background: @panel@; border: 0; border-bottom: 1px solid @border@; padding: 4px 8px;
    color: @text2@; font-size: 12px; }
QPlainTextEdit { font-family: "@mono@"; font-size: 12px; }
QPlainTextEdit[role="field"] { background: @field@; border: 1px solid @border@; border-radius: 4px; padding: 3px; }
QPlainTextEdit[role="field"]:focus { border: 2px solid @accent@; padding: 2px; }
QDockWidget { color: @text@; font-weight: 600; }
QTabBar::tab { background: transparent; border: 0; padding: 5px 7px; color: @text2@; }
QTabBar::tab:selected { color: @accent@; border-bottom: 2px solid @accent@; font-weight: 600; }
QToolTip { background: @panel@; color: @text@; border: 1px solid @border@; }
QCheckBox { spacing: 6px; color: @text@; background: transparent; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid @hint@; border-radius: 3px; background: @field@; }
QCheckBox::indicator:checked { background: @accent@; border-color: @accent@; image: url(@tick@); }
QCheckBox:focus { color: @accent@; }
QSlider::groove:horizontal { height: 4px; background: @border@; border-radius: 2px; }
QSlider::sub-page:horizontal { background: @accent@; border-radius: 2px; }
QSlider::handle:horizontal { width: 14px; height: 14px; margin: -5px 0; border-radius: 7px; background: @accent@;
    border: 2px solid @panel@; }
QScrollBar:vertical { width: 10px; background: transparent; margin: 0; }
QScrollBar:horizontal { height: 10px; background: transparent; margin: 0; }
QScrollBar::handle:vertical { background: @border@; border-radius: 4px; min-height: 30px; margin: 1px; }
QScrollBar::handle:horizontal { background: @border@; border-radius: 4px; min-width: 30px; margin: 1px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QScrollArea { border: 0; background: transparent; }
QAbstractScrollArea::corner { border: 0; background: transparent; }
QProgressBar { border: 0; background: @grid@; border-radius: 3px; height: 6px; }
QProgressBar::chunk { background: @accent@; border-radius: 3px; }
QSplitter::handle { background: transparent; }
)";

/// Between two sheets nobody needs to know that there is none.
class Untold : public QObject {
public:
    bool eventFilter(QObject *, QEvent *event) override { return event->type() == QEvent::StyleChange; }
};

QPalette paletteOf(const Tokens &t)
{
    QPalette palette;
    palette.setColor(QPalette::Window, t.window);
    palette.setColor(QPalette::WindowText, t.text);
    palette.setColor(QPalette::Base, t.field);
    palette.setColor(QPalette::AlternateBase, t.alternate);
    palette.setColor(QPalette::Text, t.text);
    palette.setColor(QPalette::PlaceholderText, t.hint);
    palette.setColor(QPalette::Button, t.panel);
    palette.setColor(QPalette::ButtonText, t.text);
    palette.setColor(QPalette::Highlight, t.selection);
    palette.setColor(QPalette::HighlightedText, t.selectionText);
    palette.setColor(QPalette::ToolTipBase, t.panel);
    palette.setColor(QPalette::ToolTipText, t.text);
    palette.setColor(QPalette::Link, t.accent);
    palette.setColor(QPalette::Mid, t.border);
    for (const QPalette::ColorRole role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText}) {
        palette.setColor(QPalette::Disabled, role, t.hint);
    }
    return palette;
}

} // namespace

QString styleSheet(const Tokens &t)
{
    const QString suffix = t.dark ? QStringLiteral("dark") : QStringLiteral("light");
    const std::map<QString, QString> values{
        {"window", t.window.name()},
        {"panel", t.panel.name()},
        {"alternate", t.alternate.name()},
        {"field", t.field.name()},
        {"border", t.border.name()},
        {"grid", t.grid.name()},
        {"text", t.text.name()},
        {"text2", t.text2.name()},
        {"hint", t.hint.name()},
        {"accent", t.accent.name()},
        {"onAccent", t.onAccent.name()},
        {"selection", t.selection.name()},
        {"selectionText", t.selectionText.name()},
        {"hover", t.hover.name()},
        {"passed", t.passed.name()},
        {"check", t.check.name()},
        {"failed", t.failed.name()},
        {"failedTint", t.failedTint.name()},
        {"infoTint", t.infoTint.name()},
        {"mono", monoFontFamily()},
        {"chevron", QStringLiteral(":/style/chevron-down-%1.svg").arg(suffix)},
        {"tick", QStringLiteral(":/style/tick-%1.svg").arg(suffix)},
    };
    QString sheet = QString::fromLatin1(kSheet);
    for (const auto &[name, value] : values) {
        sheet.replace(QLatin1Char('@') + name + QLatin1Char('@'), value);
    }
    return sheet;
}

void applyTheme(QApplication &application, Theme theme)
{
    initStyleResources();
    loadFonts();
    g_theme = theme;
    // Asking for the style's name would not do: once there is a sheet, its own style stands before Fusion and has none.
    static bool styled = false;
    if (!std::exchange(styled, true)) {
        application.setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    }
    if (QApplication::font() != uiFont()) { // each of these goes through every widget
        application.setFont(uiFont());
    }
    // A sheet that takes another's place goes through every widget once for each of its ancestors; on its own, once.
    Untold untold;
    application.installEventFilter(&untold);
    application.setStyleSheet(QString());
    application.removeEventFilter(&untold);
    application.setPalette(paletteOf(tokens(theme)));
    application.setStyleSheet(styleSheet(tokens(theme)));
}

Theme currentTheme() { return g_theme; }

void setReducedMotion(bool reduced) { g_reducedMotion = reduced; }

bool reducedMotion()
{
    return g_reducedMotion || QApplication::style()->styleHint(QStyle::SH_Widget_Animation_Duration) == 0;
}

const Tokens &currentTokens() { return tokens(g_theme); }

void setRole(QWidget *widget, const char *role)
{
    widget->setProperty("role", QLatin1String(role));
    repolish(widget);
}

void repolish(QWidget *widget)
{
    widget->style()->unpolish(widget);
    widget->style()->polish(widget);
    widget->update();
}

} // namespace sparsescope
